"""A backtest as one page that needs nothing else: the metric of every policy over time, the changes, the score."""

from html import escape
from typing import Any

import plotly.graph_objects as go

from config.vocabulary import ACTIONS, CAUSES, METRICS, capital, words
from scripts.lab import report
from scripts.lab.backtest import POLICIES, Backtest
from scripts.lab.tables import score_rows, title_of

_COLOURS = {
    "agent": report.BLUE,
    "never": report.GREY,
    "every_window": report.SKY,
    "every_k": report.GREEN,
    "any_drift": report.ORANGE,
    "hindsight": report.PINK,
}
_SYMBOLS = {"retrain_model": "triangle-up", "rollback_model": "triangle-down", "adjust_threshold": "diamond"}
_HEADS = ("Policy", "Mean {metric}", "Errors", "Retrains", "Trained", "Wrong proposals", "Cost", "Regret")


def page_of(found: Backtest) -> str:
    """The page as HTML."""
    contract, windows = found.ground.contract, found.ground.windows
    metric = words(METRICS, contract.quality.metric)
    chart = _chart(found, metric).to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
    late = windows.label_delay
    come = f"{late} window{'' if late == 1 else 's'} later" if late else "with the end of their window"
    lead = (
        f"{len(found.ground.stream):,} rows: the first {windows.train_rows:,} trained the first version, the rest came "
        f"in {len(windows.spans)} windows of {windows.spans[0].n:,}. Labels came {come}. "
        f"A retrain costs {found.cost_per_retrain:g} {contract.quality.currency}."
    )
    heads = [head.format(metric=metric) for head in _HEADS]
    return report.page(
        f"Backtest of {contract.title}",
        [
            f"<h1>What the agent would have done: {escape(contract.title)}</h1><p>{escape(lead)}</p>",
            chart,
            "<h2>The policies side by side</h2>",
            report.table(heads, score_rows(found), "scores"),
            '<p class="note">Regret: how much more a policy cost than the best schedule of retrains on all recent '
            "rows, found when everything was known; the agent can be below it, because it also chooses what to learn "
            "from. Trained: versions that were trained, whether they served or not. Wrong: changes "
            "after which the new version was not better on the next windows.</p>",
            "<h2>What the agent saw and did</h2>",
            '<p class="note">The windows in which there was something to tell. A diagnosis speaks of the newest window '
            "whose labels have come. A retrain without a diagnosis is a try that nobody is asked about unless it is "
            "surely better: to finish learning a change, or because answers faded within the margin.</p>",
            report.table(
                ["Window", "Version", capital(metric), "Diagnosis", "Action", "Effect"], _story(found), "story"
            ),
        ],
    )


def _chart(found: Backtest, metric: str) -> Any:
    figure = go.Figure()
    xs = [span.to_at if found.ground.stream.times else at + 1 for at, span in enumerate(found.ground.windows.spans)]
    for name in (*(one for one in POLICIES if one != "agent"), "agent"):
        shown = name in {"agent", "never", "every_k"}
        line = {"color": _COLOURS[name], "width": 3 if name == "agent" else 1.5}
        figure.add_scatter(
            x=xs,
            y=found.played[name].metrics(found.ground),
            name=title_of(name, found.k),
            mode="lines",
            line=line,
            visible=True if shown else "legendonly",
        )
    _mark(figure, found, xs)
    figure.update_layout(
        template="plotly_white",
        height=480,
        hovermode="x unified",
        margin={"l": 60, "r": 20, "t": 30, "b": 50},
        legend={"orientation": "h", "y": -0.2},
        xaxis_title="end of the window" if found.ground.stream.times else "window",
        yaxis_title=metric,
    )
    return figure


def _mark(figure: Any, found: Backtest, xs: list[Any]) -> None:
    """Each change the agent made, where it took effect."""
    values = found.played["agent"].metrics(found.ground)
    changes = found.played["agent"].changes
    for kind in sorted({change.kind for change in changes}):
        places = [change.at for change in changes if change.kind == kind]
        figure.add_scatter(
            x=[xs[at] for at in places],
            y=[values[at] for at in places],
            name=f"the agent: {words(ACTIONS, kind)}",
            mode="markers",
            marker={
                "symbol": _SYMBOLS.get(kind, "x"),
                "size": 13,
                "color": report.RED,
                "line": {"width": 1, "color": "white"},
            },
        )


def _story(found: Backtest) -> list[tuple[str, ...]]:
    """The windows in which there was something to tell."""
    return [
        (
            str(line["window"]),
            f"v{line['version']}",
            "" if line["metric"] is None else f"{line['metric']:.3f}",
            "; ".join(f"{capital(words(CAUSES, one['cause']))}: {one['says']}" for one in line["diagnosis"]),
            "; ".join(
                f"{capital(words(ACTIONS, one['action']))}, {words({}, one['status'])}"
                + (f": {one['says']}" if one["says"] else "")
                for one in line["actions"]
            ),
            "; ".join(line["effect"]),
        )
        for line in found.played["agent"].timeline
        if line["diagnosis"] or line["actions"]
    ]
