"""A backtest as people read it in a terminal."""

from typing import Any

from rich.box import SIMPLE
from rich.table import Column, Table
from rich.text import Text

from config.vocabulary import ACTIONS, CAUSES, METRICS, words
from scripts.lab.backtest import Backtest

TITLES = {
    "agent": "the agent",
    "never": "never retrain",
    "every_window": "retrain every window",
    "every_k": "retrain every {k} windows",
    "any_drift": "retrain on any drift",
    "hindsight": "best in hindsight",
}


def title_of(policy: str, k: int) -> str:
    """What people call a policy."""
    return TITLES[policy].format(k=k)


def number(value: float | None, digits: int = 3) -> str:
    return "not known" if value is None else f"{value:,.{digits}f}"


def timeline(found: Backtest) -> Table:
    """What the agent saw and did, window by window."""
    metric = words(METRICS, found.ground.contract.quality.metric)
    table = Table("window", "version", metric, "diagnosis", "action", "effect", title="What the agent would have done")
    for line in found.played["agent"].timeline:
        cells = (
            str(line["window"]),
            f"v{line['version']}",
            number(line["metric"]),
            ", ".join(words(CAUSES, one["cause"]) for one in line["diagnosis"]),
            "\n".join(f"{words(ACTIONS, one['action'])}: {words({}, one['status'])}" for one in line["actions"]),
            "\n".join(line["effect"]),
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def scores(found: Backtest) -> Table:
    """The policies side by side, the cheapest first, in what a terminal of 80 columns holds."""
    metric = words(METRICS, found.ground.contract.quality.metric)
    heads = (metric, "errors", "retrains", "wrong", "cost", "regret")
    columns = (Column(head, justify="right", no_wrap=True) for head in heads)
    title = "The policies on this history"
    table = Table(Column("policy", no_wrap=True), *columns, title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    for policy, mean, errors, retrains, _trained, wrong, cost, regret in score_rows(found):
        table.add_row(*(Text(cell) for cell in (policy, mean, errors, retrains, wrong, cost, regret)))
    return table


def score_rows(found: Backtest) -> list[tuple[str, str, str, str, str, str, str, str]]:
    """The cells of the score table, the cheapest policy first."""
    return [
        (
            title_of(name, found.k),
            number(score.score),
            f"{score.errors:,}",
            str(score.retrains),
            str(score.trained),
            f"{score.wrong_proposals} of {score.changes}",
            number(score.cost, 0),
            "not known" if score.regret is None else f"{100 * score.regret:+.1f} %",
        )
        for name, score in sorted(found.scores.items(), key=lambda item: item[1].cost)
    ]


def figure_lines(figures: dict[str, dict[str, Any]]) -> list[str]:
    """Every figure that has a bar, and whether it was met."""
    return [
        f"{name}: {_short(one['value'])} ({one['bar']}: {'met' if one['ok'] else 'MISSED'}; {one['why']})"
        for name, one in figures.items()
        if one["bar"] is not None
    ]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
