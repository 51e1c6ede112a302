"""The monitor's life: two windows are due and their labels have come; each is closed, measured and judged once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from config.settings import Settings
from database.connection import read_scope
from database.enums import WindowStatus
from database.models import DataQualityResult, DriftReport, MonitoringWindow, PerformanceMetric, Prediction
from database.models.base import Base
from monitoring.run_checks import run_pass
from scripts.crash.lives import Part

WINDOWS = 2
# Later than the last row by more than a window waits for slow ones.
_LATER = timedelta(seconds=10)
_WRITTEN: tuple[type[Base], ...] = (PerformanceMetric, DriftReport, DataQualityResult, MonitoringWindow)
# What differs between two looks at the same rows.
_OWN = frozenset({"id", "created_at", "window_id"})
Written = Mapping[str, Counter[str]]
# What a monitor writes that nothing happens to, by the moment that tells one world from another.
_wanted: dict[datetime, Written] = {}


@dataclass(frozen=True)
class Watcher:
    """One monitor at work."""

    engine: Engine
    settings: Settings

    def parts(self) -> Sequence[Part]:
        """What is done in each round."""
        return (self.look,)

    def look(self) -> None:
        """One pass, always at the same moment of the same rows."""
        run_pass(self.engine, self.settings, _moment(self.engine))

    def over(self) -> bool:
        """Whether every window was judged."""
        with read_scope(self.engine) as session:
            judged = select(func.count()).where(MonitoringWindow.status == WindowStatus.MATURE)
            return session.scalar(judged) == WINDOWS


def _moment(engine: Engine) -> datetime:
    with read_scope(engine) as session:
        return session.scalars(select(func.max(Prediction.created_at))).one() + _LATER


def deviations(session: Session, settings: Settings) -> list[str]:
    """Where what was written differs from what a monitor writes that nothing happens to, from the same rows (I11).

    Every row of the monitor's counts here, and that it is there once. Whether a figure is right at all, whoever wrote
    it, `serving_checker.py` computes by the definitions instead. What to compare with is written anew, once for all
    copies of a world: this database is thrown away.
    """
    engine = session.get_bind()
    assert isinstance(engine, Engine)  # noqa: S101  (the session was made with one)
    said = [
        f"window {window.seq} is {window.status}"
        for window in session.scalars(select(MonitoringWindow))
        if window.status != WindowStatus.MATURE
    ]
    found, moment = _written(session), _moment(engine)
    if moment not in _wanted:
        _wanted[moment] = _written_anew(engine, settings, session)
    wanted = _wanted[moment]
    for table in _WRITTEN:
        name = table.__tablename__
        surplus, missing = found[name] - wanted[name], wanted[name] - found[name]
        if surplus or missing:
            said.append(f"I11: {name}: {_first(surplus)} too many, {_first(missing)} missing")
    return said


def _written_anew(engine: Engine, settings: Settings, session: Session) -> Written:
    session.execute(text("SET LOCAL session_replication_role = replica"))
    for table in _WRITTEN:
        session.execute(text(f"DELETE FROM {table.__tablename__}"))  # noqa: S608  (names of our own)
    session.commit()
    if faults := run_pass(engine, settings, _moment(engine)).faults:
        raise RuntimeError(f"the monitor cannot look at these rows: {faults}")
    return _written(session)


def _first(rows: Counter[str]) -> str:
    return f"{rows.total()} rows ({next(iter(rows))})" if rows else "0 rows"


def _written(session: Session) -> Written:
    """The monitor's rows, each with the place of its window instead of numbers that differ."""
    places = {window.id: window.seq for window in session.scalars(select(MonitoringWindow))}
    return {
        table.__tablename__: Counter(
            str([places.get(_window_of(row)), _facts(row)]) for row in session.scalars(select(table))
        )
        for table in _WRITTEN
    }


def _window_of(row: Any) -> int:
    return int(row.id if isinstance(row, MonitoringWindow) else row.window_id)


def _facts(row: Base) -> list[object]:
    return [getattr(row, one.key) for one in row.__mapper__.column_attrs if one.key not in _OWN]
