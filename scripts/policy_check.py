"""`steward policy check`: is the page valid, what should a reviewer look at twice, and what would it have done lately?

It changes nothing: the history is read in a read-only transaction. A database that is away, or that was never used,
leaves the history out and says so; whether the page is valid is known without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from agent.core.policy_concerns import Concern, concerns, runs_alone
from agent.core.policy_replay import APPROXIMATE, Replayed
from agent.core.schedule import coming
from agent.policy_history import decided_again
from config.agent_policy import AgentPolicy, Schedule, load_policy
from config.model_contract import ModelContract, load_contracts
from config.settings import Settings
from config.yaml_source import ConfigError, lines_of, text_of
from database.address import database_url, embedded
from database.connection import first_line, make_engine, read_scope
from database.running import running_database

# As many differences as a person reads; `--json` has them all.
SHOWN = 20
out = Console(highlight=False)


@dataclass(frozen=True)
class Report:
    """What is to be said about a valid page. `history` says why there is none, or what was left out."""

    page: Path
    policy: AgentPolicy
    concerns: tuple[Concern, ...]
    days: int
    replayed: tuple[Replayed, ...]
    history: tuple[str, ...]


def check(settings: Settings, page: Path, days: int) -> Report:
    """Raises `ConfigError`, naming file, line, field and what was expected, when the page is not valid."""
    policy = load_policy(page)
    history: list[str] = []
    contracts = _contracts(settings, history)
    approvers: int | None = None
    replayed: tuple[Replayed, ...] = ()
    try:
        with _engine(settings) as engine, read_scope(engine) as session:
            found = decided_again(session, policy, contracts or {}, days)
            approvers, replayed = found.approvers, found.replayed
            history += found.left_out
    except SQLAlchemyError as error:
        history.append(f"the database cannot be read ({first_line(error)})")
    except _NoDatabaseError as error:
        history.append(str(error))
    if not replayed:
        history.append("nothing was decided again; that the page is valid holds without it")
    worries = concerns(policy, None if contracts is None else contracts.keys(), approvers)
    return Report(page, policy, worries, days, replayed, tuple(history))


class _NoDatabaseError(RuntimeError):
    """There is nothing to read from."""


def _contracts(settings: Settings, history: list[str]) -> dict[str, ModelContract] | None:
    try:
        return load_contracts(settings.platform.contracts_dir)
    except ConfigError as error:
        history.append(f"the contracts cannot be read: {error}")
        return None


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    """On the database as it is: a check starts none that was never used, and migrates none that others run."""
    server = embedded(settings)
    if server is None:
        with _on(settings) as engine:
            yield engine
        return
    if not (server.data_dir / "PG_VERSION").exists():
        raise _NoDatabaseError(f"there is no database in {settings.platform.home} yet")
    with running_database(settings), _on(settings) as engine:
        yield engine


@contextmanager
def _on(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings), settings.database, application="steward-policy")
    try:
        yield engine
    finally:
        engine.dispose()


# -------------------------------------------------------------------------------------------------------- what is said


def as_json(report: Report) -> dict[str, Any]:
    """What the command prints for programs."""
    lines = lines_of(text_of(report.page))
    return {
        "page": str(report.page),
        "valid": True,
        "runs_by_itself": list(runs_alone(report.policy)),
        "autonomy": dict(report.policy.autonomy),
        "schedules": {name: _schedule_json(one) for name, one in report.policy.schedules.items()},
        "concerns": [{"line": lines.get(c.field), "field": c.field, "says": c.says} for c in report.concerns],
        "days": report.days,
        "models": [_model_json(one) for one in report.replayed],
        "history": list(report.history),
        "approximate": list(APPROXIMATE) if report.replayed else [],
    }


def _schedule_json(schedule: Schedule) -> dict[str, Any]:
    return {
        "action": schedule.action,
        "models": list(schedule.models),
        "next": [moment.isoformat() for moment in _next(schedule)],
    }


def _next(schedule: Schedule) -> list[datetime]:
    """Its next slots, by the clock of this machine."""
    return list(islice(coming(schedule.cron, schedule.timezone, datetime.now(UTC)), 3))


def _model_json(one: Replayed) -> dict[str, Any]:
    return {
        "model": one.model_name,
        "passes": len(one.looks),
        "blind": one.blind,
        "unreadable": one.unreadable,
        "actions": [vars(row) for row in one.rows()],
        "differences": [vars(found) | {"at": found.at.isoformat()} for found in one.differences],
        "held": [vars(held) | {"at": held.at.isoformat()} for held in one.held],
    }


def show(report: Report) -> None:
    """For people, whole at 80 columns."""
    lines = lines_of(text_of(report.page))
    out.print(f"{escape(str(report.page))}: valid", soft_wrap=True)
    alone = ", ".join(runs_alone(report.policy)) or "nothing"
    levels = ", ".join(f"{model}: {level}" for model, level in report.policy.autonomy.items())
    out.print(f"runs by itself under `act`: {alone}; autonomy is {escape(levels or 'suggest for every model')}")
    for name, schedule in report.policy.schedules.items():
        local = (slot.astimezone(ZoneInfo(schedule.timezone)) for slot in _next(schedule)[:2])
        whose = f"{schedule.action} of {', '.join(schedule.models)}"
        come = ", ".join(f"{slot:%a %Y-%m-%d %H:%M}" for slot in local)
        out.print(f"schedule {name}: {escape(whose)}\n  next {come} {schedule.timezone}", soft_wrap=True)
    for found in report.concerns:
        where = f"{report.page.name}:{lines.get(found.field, 1)}: {found.field}"
        out.print(f"[yellow]look at[/] {escape(where)}: {escape(found.says)}")
    for one in report.replayed:
        _show_model(one, report.days)
    for told in report.history:
        out.print(f"history: {escape(told)}")
    for told in APPROXIMATE if report.replayed else ():
        out.print(f"approximate: {escape(told)}")


def _show_model(one: Replayed, days: int) -> None:
    blind = f", {one.blind} of them blind" if one.blind else ""
    odd = f", {one.unreadable} of them not readable by this version" if one.unreadable else ""
    span = f"{one.looks[0].at:%Y-%m-%d %H:%M} to {one.looks[-1].at:%Y-%m-%d %H:%M} UTC"
    out.print(f"\n{one.model_name}: {len(one.looks)} passes recorded in the last {days} days{blind}{odd}, {span}")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column in ("action", "then", "came to", "now", "alone", "asks", "held back by"):
        table.add_column(column, overflow="fold", no_wrap=column == "action")
    for row in one.rows():
        became = "\n".join(f"{times} {status.replace('_', ' ')}" for status, times in row.became.items())
        asks = "\n".join(f"{times} × {number}" for number, times in row.waits.items())
        held = "\n".join(f"{times} × {line.rpartition('.')[2]}" for line, times in row.held.items())
        now = f"{row.now}\nrecorded only: {row.recorded}" if row.recorded else str(row.now)
        table.add_row(row.action_type, str(row.then), became, now, str(row.alone), asks, held)
    out.print(table)
    out.print("asks: how often × how many people; held back by: how often × line of the page")
    if not one.differences:
        out.print("no proposal differs from what was proposed then")
    for found in one.differences[:SHOWN]:
        about = f"{found.at:%Y-%m-%d %H:%M} {found.action_type} ({found.cause})"
        out.print(f"{about}: then {escape(found.then)}; now {escape(found.now)}")
    if (more := len(one.differences) - SHOWN) > 0:
        out.print(f"and {more} more differences; --json lists them all")
