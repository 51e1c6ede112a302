"""`steward faults`: faults that are made on purpose, and what the agent makes of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.agent_policy import load_policy
from config.settings import Settings
from scripts.lab.faults import suite, tables
from scripts.lab.faults.page import page_of
from scripts.lab.faults.summary import Summary
from scripts.plain_speech import console, say


def faults(settings: Settings, *, seeds: int, offset: int, processes: int | None) -> Summary:
    """Live all scenarios in the worlds of these seeds, by the rules and the policy page of production."""
    policy = load_policy(settings.platform.policy_file)
    with _progress() as tell:
        return Summary.of(suite.run_suite(range(offset, offset + seeds), policy, tell, processes=processes))


@contextmanager
def _progress() -> Iterator[suite.Progress]:
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("parts of the worlds lived", total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)


def show(found: Summary) -> None:
    """The figures with their bars, who was taken for whom, and each scenario."""
    out = Console()
    out.print(tables.scores(found))
    out.print(tables.confusion(found.labelled, "What was named, with labels"))
    out.print(tables.confusion(found.blind, "What was named, without labels"))
    out.print(tables.scenarios(found))
    out.print(tables.peers(found))
    if (few := tables.few_worlds(len(found.seeds))) is not None:
        say(few)
    for name, figure in found.figures.items():
        if figure["ok"] is False:
            say(escape(f"{name}: {tables.value_of(figure)}, {figure['bar']}: MISSED ({figure['why']})"))


def write_page(found: Summary, path: Path) -> None:
    """The report as one file."""
    path.write_text(page_of(found), encoding="utf-8")
    say(escape(f"report: {path}"))


def missed(found: Summary) -> bool:
    """Whether a figure misses its bar."""
    return any(figure["ok"] is False for figure in found.figures.values())
