"""`steward backtest`: what the agent would have done on a history, against fixed rules and hindsight."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.agent_policy import load_policy
from config.model_contract import load_contract
from config.settings import Settings
from database.errors import InvalidError
from scripts.lab import tables
from scripts.lab.backtest import POLICIES, Backtest, run_backtest
from scripts.lab.ground import Ground
from scripts.lab.learner import LARGE, NotLearntError, candidates_for
from scripts.lab.page import page_of
from scripts.lab.stream import Windows, from_table
from scripts.plain_speech import console, say

ERRORS_PER_RETRAIN = 10.0


@dataclass(frozen=True)
class Options:
    """What the command was asked. What is None is taken from the contract."""

    csv: Path
    window: int | None = None
    label_delay: int = 1
    candidates: tuple[str, ...] = ()
    cost_per_retrain: float | None = None
    encoding: str | None = None


def backtest(settings: Settings, name: str, options: Options) -> tuple[Backtest, float]:
    """Read the table, let every policy live through it, and say how many seconds it took."""
    began = time.perf_counter()
    contract = load_contract(name, settings.platform.contracts_dir)
    policy = load_policy(settings.platform.policy_file)
    stream = from_table(options.csv, contract, options.encoding)
    for remark in stream.remarks:
        say(escape(remark))
    with _naming(options.csv):
        windows = Windows.of(stream, options.window or contract.monitoring.window_rows, label_delay=options.label_delay)
    candidates = candidates_for(len(stream), options.candidates)
    if len(stream) > LARGE and not options.candidates:
        say(f"more than {LARGE:,} rows: only {' and '.join(candidates)} are tried; --candidates chooses others")
    cost = options.cost_per_retrain
    each = contract.quality.cost_per_error
    with _progress(len(windows.spans)) as tell, _naming(options.csv):
        ground = Ground.of(contract, stream, windows, candidates)
        found = run_backtest(
            ground, policy, cost_per_retrain=ERRORS_PER_RETRAIN * each if cost is None else cost, tell=tell
        )
    return found, time.perf_counter() - began


@contextmanager
def _naming(table: Path) -> Iterator[None]:
    """What a history is too poor for is said of its file."""
    try:
        yield
    except (InvalidError, NotLearntError) as error:
        raise InvalidError(f"{table}: {error}") from error


@contextmanager
def _progress(windows: int) -> Iterator[Callable[[str, int, int], None]]:
    columns = (TextColumn("  {task.description:22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = {name: bar.add_task(tables.title_of(name, 7), total=windows) for name in POLICIES}
        yield lambda name, done, _of: bar.update(tasks[name], completed=done)


def show(found: Backtest, seconds: float) -> None:
    """The timeline, the score table and the bars."""
    out = Console()
    out.print(tables.timeline(found))
    out.print(tables.scores(found))
    for line in tables.figure_lines(found.figures(seconds)):
        say(escape(line))


def write_page(found: Backtest, path: Path) -> None:
    """The report as one file."""
    path.write_text(page_of(found), encoding="utf-8")
    say(escape(f"report: {path}"))


def missed(report: dict[str, Any]) -> bool:
    """Whether a figure misses its bar."""
    return any(figure["ok"] is False for figure in report["figures"].values())
