"""The fault suite as one page that needs nothing else: the score, who was taken for whom, the peers, each scenario."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from config.vocabulary import ACTIONS, capital, words
from database.enums import ActionType
from scripts.lab import report
from scripts.lab.faults.plot import TRAIN_ROWS
from scripts.lab.faults.summary import AGENT, Matrix, Peer, Summary, Told, word
from scripts.lab.faults.tables import (
    agreement_of,
    few_worlds,
    interval_of,
    named,
    others_of,
    share,
    value_of,
    verdict_of,
)
from scripts.lab.faults.world import CATEGORIES, NUMERIC, WINDOW_ROWS

_FIGURES = {
    "proposals_when_harmless": "Asked for a change without need",
    "recall": "Harm that people were told of",
    "cause_macro_f1": "Cause named right (macro F1)",
    "wrong_actions": "Asked for a change the cause forbids",
    "mended": "Mended",
    "rollback_best": "Rolled back to the best version",
    "incompatible_refused": "Versions that do not fit refused",
    "bad_reverted": "Bad versions taken back",
    "good_reverted": "Good versions taken back",
    "false_incidents": "False incidents in a quiet month",
    "messages_per_incident": "Messages for each fault",
    "mcc_without_labels": "Alarm and harm without labels (MCC)",
    "seconds": "Seconds",
}
_SYMBOLS = {
    ActionType.RETRAIN_MODEL: "triangle-up",
    ActionType.ROLLBACK_MODEL: "triangle-down",
    ActionType.ADJUST_THRESHOLD: "diamond",
}
_STYLE = f"""
h2 {{ margin-top: 2.5rem; }} .lead {{ font-size: 1.1rem; max-width: 48rem; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.5rem 0; }}
.tile {{ border: 1px solid #ddd; border-radius: .5rem; padding: .7rem .9rem; line-height: 1.3; color: #555; }}
.tile b {{ display: block; font-size: 1.7rem; color: #1a1a1a; font-variant-numeric: tabular-nums; }}
.met, .missed {{ font-weight: 600; white-space: nowrap; }} .met {{ color: #00694d; }} .missed {{ color: #b34700; }}
td small {{ display: block; color: #555; }} .n {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
.two {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem 2.5rem; }}
.matrix th, .matrix td {{ padding: .25rem .4rem; font-size: .82rem; border: 1px solid #fff; line-height: 1.25; }}
.matrix thead th:not(:first-child) {{ writing-mode: vertical-rl; transform: rotate(180deg); font-weight: 400;
  vertical-align: middle; max-height: 11rem; }}
.matrix tbody th {{ font-weight: 400; }} .matrix td {{ text-align: center; min-width: 2rem; vertical-align: middle; }}
.bar {{ display: inline-block; height: .8em; border-radius: 2px; margin-right: .5em; }}
.peers td:first-child {{ min-width: 11rem; }} .peers .agent td {{ font-weight: 600; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }}
.card {{ border: 1px solid #ddd; border-radius: .5rem; padding: .8rem .9rem .6rem; min-width: 0;
  overflow: hidden; }}
.card h3 {{ margin: 0 0 .2rem; font-size: 1.02rem; }} .card p {{ margin: .2rem 0; font-size: .9rem; line-height: 1.4; }}
.card .did {{ min-height: 4.2em; }}
.key {{ display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }} .key i {{ font-style: normal; font-weight: 700; }}
.line {{ color: {report.BLUE}; }} .warned {{ color: {report.ORANGE}; }} .change {{ color: {report.RED}; }}
.dashes {{ color: #777; }}
@media (max-width: 40rem) {{
  body {{ margin: 1rem auto; }} th, td {{ padding: .35rem .4rem; }}
  .figures thead {{ display: none; }} .figures td {{ border: 0; padding: .1rem .9rem .1rem 0; }}
  .figures tr {{ display: flex; flex-wrap: wrap; border-bottom: 1px solid #ddd; padding: .5rem 0; }}
  .figures td:first-child {{ flex: 1 0 100%; font-weight: 600; }} .figures small {{ font-weight: 400; }}
  .figures td:empty {{ display: none; }} .card .did {{ min-height: 0; }}
  .peers td:first-child {{ min-width: 6rem; }} .peers td.n {{ white-space: normal; }} .peers .bar {{ display: none; }}
}}
"""
_KEY = (
    '<p class="key"><span><i class="line">—</i> right answers, with labels</span>'
    '<span><i class="dashes">┄</i> without labels</span>'
    '<span><i class="dashes">┊</i> the fault begins</span>'
    '<span><i class="warned">▮</i> people are warned about the answers (height: in how many worlds)</span>'
    '<span><i class="change">▲</i> retrained</span><span><i class="change">▼</i> rolled back</span>'
    '<span><i class="change">◆</i> threshold adjusted</span></p>'
)


def page_of(found: Summary) -> str:
    """The page as HTML."""
    return report.page(
        "The agent on faults that were made",
        [
            "<h1>What the agent makes of faults</h1>",
            f'<p class="lead">{escape(_lead(found))}</p>',
            _tiles(found),
            "<h2>The score</h2>",
            _scores(found),
            '<p class="note">Intervals (95 %) draw the scenarios anew: they say how much a figure hangs on which '
            "faults somebody thought of.</p>",
            "<h2>What was wrong, and what the agent named</h2>",
            '<p class="note">Lives by what was true (rows) and what was named (columns). Blue is right. '
            "Where no label comes, a feed of labels that stopped is named when nothing graver can be known.</p>",
            f'<div class="two"><section><h3>With labels</h3>{_matrix(found.labelled)}</section>'
            f"<section><h3>Without labels</h3>{_matrix(found.blind)}</section></div>",
            "<h2>Alarms without labels, beside six standard detectors</h2>",
            '<p class="note">MCC: the correlation of alarm and harm over all windows; 1 is perfect, 0 is guessing. '
            "A window is harmed where the share of right answers fell by more than three points. All saw the same "
            "windows; none saw a label. Beside it, the share of harmed windows with an alarm, and of all others.</p>",
            _peers(found.peers),
            "<h2>The scenarios, one by one</h2>",
            _KEY,
            _cards(found),
        ],
        _STYLE,
    )


def _lead(found: Summary) -> str:
    worlds = len(found.seeds)
    return (
        f"{len(found.scenarios)} scenarios in {worlds} made-up world{'' if worlds == 1 else 's'} of patients, with "
        f"labels and without: {found.lives:,} lives, {found.windows:,} windows of about {WINDOW_ROWS} answers. Each "
        f"world has {len(NUMERIC) + len(CATEGORIES)} features and another truth, from which {TRAIN_ROWS:,} patients "
        "taught the first version. The truth is known, so every answer, every named cause and every change can be "
        "judged. A scripted person approves what the evidence recommends, and nothing else."
        + (f" {few}" if (few := few_worlds(worlds)) is not None else "")
    )


# ------------------------------------------------------------------------------------------------------------ the score


def _tiles(found: Summary) -> str:
    judged = [one for one in found.figures.values() if one["ok"] is not None]
    labelled = [told for told, _ in found.scenarios]
    lives = sum(len(told.lives) for told in labelled)
    tiles = [
        (f"{sum(one['ok'] for one in judged)} of {len(judged)}", "bars met"),
        (f"{sum(told.right for told in labelled)} of {lives}", "causes named right, with labels"),
        (share(found.figures["recall"]["value"]), "of harmful faults told to people"),
        (share(found.figures["wrong_actions"]["value"]), "of lives with a wrong action asked for"),
    ]
    return (
        f'<div class="tiles">{"".join(f"<div class=tile><b>{escape(a)}</b>{escape(b)}</div>" for a, b in tiles)}</div>'
    )


def _scores(found: Summary) -> str:
    rows = []
    for name, figure in found.figures.items():
        count = "" if figure["n"] is None else f" (n = {figure['n']:,})"
        title = escape(_FIGURES.get(name, capital(words({}, name))))
        verdict = verdict_of(figure)
        marked = {"met": '<span class="met">✓ met</span>', "MISSED": '<span class="missed">✗ missed</span>', "": ""}
        rows.append(
            [
                f"<td>{title}<small>{escape(figure['why'])}{count}</small></td>",
                *(f'<td class="n">{escape(cell)}</td>' for cell in (value_of(figure), interval_of(figure))),
                f'<td class="n">{escape(figure["bar"] or "–")}</td>',
                f"<td>{marked[verdict]}</td>",
            ]
        )
    return report.table_of_cells(["Figure", "Value", "Interval", "Bar", ""], rows, "figures")


def _matrix(matrix: Matrix) -> str:
    """A heat map that is a table: it can be read aloud, copied and printed. The colour is the share of a row."""
    rows = []
    for truth, counts in zip(matrix.truths, matrix.counts, strict=True):
        cells = [
            _cell(count, count / max(1, sum(counts)), right=truth == name)
            for name, count in zip(matrix.labels, counts, strict=True)
        ]
        rows.append([f'<th scope="row">{escape(capital(named(truth)))}</th>', *cells])
    return report.table_of_cells(["", *(capital(named(name)) for name in matrix.labels)], rows, "matrix")


def _cell(count: int, part: float, *, right: bool) -> str:
    if not count:
        return f'<td style="background:{"#e6f0f7" if right else "#f6f6f6"};color:#aaa">·</td>'
    colour = "0,114,178" if right else "213,94,0"
    ink = "#fff" if part > 0.6 else "#1a1a1a"
    return f'<td style="background:rgba({colour},{0.15 + 0.85 * part:.2f});color:{ink}"><b>{count}</b></td>'


def _peers(peers: Sequence[Peer]) -> str:
    rows = []
    for one in sorted(peers, key=lambda peer: -(peer.mcc if peer.mcc is not None else -1)):
        colour = report.BLUE if one.name == AGENT else report.GREY
        width = 7 * max(0.0, one.mcc or 0.0)
        bar = f'<span class="bar" style="width:{width:.2f}rem;background:{colour}"></span>'
        mark = "<b>{}</b>" if one.name == AGENT else "{}"
        cells = (capital(one.title), agreement_of(one), share(one.heard), share(one.cried))
        title, mcc, heard, cried = (mark.format(escape(cell)) for cell in cells)
        rows.append(
            [
                f"<td>{title}</td>",
                f'<td class="n">{bar}{mcc}</td>',
                *(f'<td class="n">{x}</td>' for x in (heard, cried)),
            ]
        )
    return report.table_of_cells(["Who", "MCC", "Harmed", "Others"], rows, "peers")


# -------------------------------------------------------------------------------------------------------- the scenarios


def _cards(found: Summary) -> str:
    """Plotly itself comes with the first chart. All charts have the same scale."""
    seen = [value for pair in found.scenarios for told in pair if told for value in told.accuracy]
    low, high = (min(seen) - 0.03, max(seen) + 0.03) if seen else (0.0, 1.0)
    cards = []
    for at, (told, blind) in enumerate(found.scenarios):
        chart = _chart(told, blind, low, high).to_html(
            full_html=False,
            include_plotlyjs=at == 0,
            config={"displayModeBar": False, "responsive": True},
            default_height="170px",
            div_id=f"chart-{told.scenario.name}",
        )
        did = " ".join((told.scenario.spoil.__doc__ or "").split())
        cards.append(
            f'<section class="card"><h3>{escape(capital(told.scenario.title))}</h3><p class="did">{escape(did)}</p>'
            f"{chart}{_verdict(told, blind)}</section>"
        )
    return f'<div class="cards">{"".join(cards)}</div>'


def _verdict(told: Told, blind: Told | None) -> str:
    """What the agent named, with labels and without."""
    kind, mark = ("met", "✓") if told.right == len(told.lives) else ("missed", "✗")
    right = f'<span class="{kind}">{_of(told)} worlds {mark}</span>'
    truth, more = escape(named(word(told.scenario.cause))), escape(f"{_after(told)}.{_instead(told)}")
    lines = [f"<p>True: {truth}. Named in {right}{more}</p>"]
    if blind is not None:
        lines.append(f"<p>Without labels: in {_of(blind)}.{escape(_instead(blind))}</p>")
    return "".join(lines)


def _of(told: Told) -> str:
    return f"{told.right} of {len(told.lives)}"


def _after(told: Told) -> str:
    windows = told.detected_after
    if windows is None or not told.right:
        return ""
    return ", at once" if windows == 0 else f", after {windows:g} window{'' if windows == 1 else 's'}"


def _instead(told: Told) -> str:
    others = others_of(told)
    return f" Instead: {others}." if others else ""


def _chart(told: Told, blind: Told | None, low: float, high: float) -> go.Figure:
    figure = go.Figure()
    windows = list(range(1, len(told.accuracy) + 1))
    height = (high - low) / 4
    figure.add_bar(
        x=windows,
        y=[height * part for part in told.warned],
        base=low,
        marker_color=report.ORANGE,
        customdata=[share(part) for part in told.warned],
        hovertemplate="warned in %{customdata} of the worlds<extra></extra>",
    )
    if blind is not None:
        figure.add_scatter(
            x=windows,
            y=blind.accuracy,
            mode="lines",
            line={"color": "#777", "width": 1.5, "dash": "dot"},
            hovertemplate="%{y:.3f} without labels<extra></extra>",
        )
    figure.add_scatter(
        x=windows,
        y=told.accuracy,
        mode="lines",
        line={"color": report.BLUE, "width": 2.5},
        hovertemplate="%{y:.3f}<extra></extra>",
    )
    _mark(figure, told)
    figure.add_vline(x=told.scenario.onset + 0.5, line={"color": "#555", "width": 1, "dash": "dot"})
    figure.update_layout(
        template="plotly_white",
        height=170,
        showlegend=False,
        hovermode="x unified",
        bargap=0.15,
        margin={"l": 34, "r": 6, "t": 6, "b": 24},
        font={"size": 11},
        xaxis={
            "range": [_first(told) - 0.5, len(windows) + 0.5],
            "showgrid": False,
            "dtick": 2 if len(windows) < 40 else 5,
        },
        yaxis={"range": [low, high], "dtick": 0.1, "tickformat": ".1f"},
    )
    return figure


def _first(told: Told) -> int:
    """A life of months begins long before its fault: the last month of it is shown."""
    return max(1, told.scenario.onset - 22)


def _mark(figure: go.Figure, told: Told) -> None:
    """The changes that took effect, on the line where they did; the more worlds, the larger."""
    for kind in sorted({action for _, action in told.changed}):
        places = [(at, count) for (at, action), count in told.changed.items() if action == kind]
        figure.add_scatter(
            x=[at + 1 for at, _ in places],
            y=[told.accuracy[at] for at, _ in places],
            mode="markers",
            marker={
                "symbol": _SYMBOLS[kind],
                "size": [7 + 7 * count / len(told.lives) for _, count in places],
                "color": report.RED,
                "opacity": 1,
                "line": {"width": 1, "color": "white"},
            },
            customdata=[f"{words(ACTIONS, kind)} in {count} of {len(told.lives)}" for _, count in places],
            hovertemplate="%{customdata}<extra></extra>",
        )
