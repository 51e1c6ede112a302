"""The fault suite as people read it in a terminal of 80 columns."""

from typing import Any

from rich.box import SIMPLE
from rich.table import Column, Table
from rich.text import Text

from config.vocabulary import CAUSES, words
from scripts.lab.faults import WORLDS_OF_A_BAR
from scripts.lab.faults.summary import Matrix, Peer, Summary, Told, word
from scripts.lab.tables import number


def named(cause: str) -> str:
    """A cause, or nothing, as people call it."""
    return words(CAUSES, cause)


def value_of(figure: dict[str, Any]) -> str:
    value = figure["value"]
    return "not known" if value is None else f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}"


def interval_of(figure: dict[str, Any]) -> str:
    return "" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"


def agreement_of(peer: Peer) -> str:
    """The correlation of alarm and harm, with its interval."""
    spread = "" if peer.low is None or peer.high is None else f" [{peer.low:.2f}, {peer.high:.2f}]"
    return f"{number(peer.mcc, 2)}{spread}"


def verdict_of(figure: dict[str, Any]) -> str:
    return "" if figure["ok"] is None else "met" if figure["ok"] else "MISSED"


def scores(found: Summary) -> Table:
    table = _table("The agent on faults that were made", "figure", "value", "interval", "bar", "")
    for name, figure in found.figures.items():
        cells = (name, value_of(figure), interval_of(figure), figure["bar"] or "", verdict_of(figure))
        table.add_row(*map(Text, cells), style="red" if figure["ok"] is False else None)
    return table


def confusion(matrix: Matrix, title: str) -> Table:
    """Rows are what was true, columns what was named; a number stands for a cause."""
    numbers = {name: str(at) for at, name in enumerate(matrix.labels, start=1)}
    table = _table(title, "true, down; named, across", *numbers.values())
    for truth, row in zip(matrix.truths, matrix.counts, strict=True):
        cells = (
            Text(str(count or "·"), "bold" if name == truth else "")
            for name, count in zip(matrix.labels, row, strict=True)
        )
        table.add_row(Text(f"{numbers[truth]:>2} {named(truth)}"), *cells)
    for name in matrix.labels:
        if name not in matrix.truths:
            table.add_row(Text(f"{numbers[name]:>2} {named(name)}"))
    return table


def scenarios(found: Summary) -> Table:
    """A line for each: in how many worlds its cause was named, with labels and without, and what people were told."""
    table = _table("The scenarios", "scenario", "named", "blind", "after", "asked", "told")
    for told, blind in found.scenarios:
        after = "" if told.detected_after is None else f"{told.detected_after:g}"
        cells = (
            told.scenario.title,
            right_of(told),
            "" if blind is None else right_of(blind),
            after,
            str(told.proposals),
            str(told.messages),
        )
        table.add_row(*map(Text, cells))
        if others := others_of(told):
            table.add_row(Text(f"  also named: {others}", "dim"))
    table.caption = (
        "named, blind: worlds whose cause was named, with labels and without; after: median windows until it was; "
        "asked: changes proposed, told: messages to people, both with labels and over all worlds"
    )
    return table


def peers(found: Summary) -> Table:
    table = _table("Alarm and harm without labels", "detector", "MCC", "harmed", "not harmed")
    for one in found.peers:
        table.add_row(*map(Text, (one.title, agreement_of(one), share(one.heard), share(one.cried))))
    table.caption = "MCC: 1 is perfect, 0 is guessing; harmed, not harmed: share of such windows with an alarm"
    return table


def right_of(told: Told) -> str:
    return f"{told.right}/{len(told.lives)}"


def others_of(told: Told) -> str:
    """What was named instead, the most frequent first."""
    wrong = [(cause, times) for cause, times in told.named.most_common() if cause != word(told.scenario.cause)]
    return ", ".join(f"{named(cause)} {times}×" for cause, times in wrong)


def few_worlds(seeds: int) -> str | None:
    """Why the bars say little about so few worlds; None when they are enough."""
    if seeds >= WORLDS_OF_A_BAR:
        return None
    lived = "1 world was" if seeds == 1 else f"{seeds} worlds were"
    return f"Only {lived} lived; the bars are meant for {WORLDS_OF_A_BAR}, so meeting or missing one may be luck."


def share(value: float | None) -> str:
    return "not known" if value is None else f"{100 * value:.0f} %"


def _table(title: str, first: str, *others: str) -> Table:
    columns = (Column(head, justify="right", no_wrap=True) for head in others)
    return Table(Column(first), *columns, title=title, box=SIMPLE, padding=(0, 1, 0, 0))
