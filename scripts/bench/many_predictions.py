"""Millions of made-up predictions and labels, made by PostgreSQL itself: for plans and for times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, exists, select, text

from database.connection import session_scope
from database.enums import WindowStatus
from database.models import MonitoringWindow, PredictionCount
from database.partitions import make_days, midnight

# As many keys, and as long ones, as a row of the heart disease model has.
_ROWS = text(
    """
    INSERT INTO predictions (id, model_id, model_name, generation, key_id, request_id, features, prediction,
                             probability, threshold, latency_ms, created_at, counted)
    SELECT CAST(lpad(to_hex(CAST(floor(extract(epoch FROM at) * 1000) AS bigint)), 12, '0') || '7'
                || substr(noise, 1, 3) || '8' || substr(noise, 4, 15) AS uuid),
           :model_id, :model_name, 1, 'key', substr(noise, 1, 16),
           jsonb_build_object('age', 29 + i % 49, 'sex', i % 2, 'cp', 1 + i % 4, 'trestbps', 94 + i % 107,
                              'chol', 126 + i % 439, 'fbs', i % 2, 'restecg', i % 3, 'thalach', 71 + i % 132,
                              'exang', i % 2, 'oldpeak', (i % 63) / 10.0, 'slope', 1 + i % 3, 'ca', i % 4, 'thal', 3),
           i % 3 / 2, (i % 1000) / 1000.0, 0.5, 0.4 + (i % 100) / 100.0, at, true
    FROM generate_series(:first, :last) AS i
    CROSS JOIN LATERAL (SELECT CAST(:begins AS timestamptz) + (i - :first) * CAST(:step AS interval) AS at,
                               md5(CAST(i AS text)) AS noise) made
    """
)
_LABELS = text(
    """
    INSERT INTO labels (prediction_id, revision, value, source, key_id, observed_at, received_at)
    SELECT id, 1, CAST(mod(CAST(latency_ms * 100 AS integer), 2) AS smallint), 'label', 'key',
           created_at + interval '1 hour', created_at + interval '1 hour'
    FROM predictions WHERE created_at >= :begins AND created_at < :ends AND probability < :labelled
    ORDER BY created_at
    """
)

_BEGUN = text("SELECT EXISTS (SELECT 1 FROM predictions WHERE created_at >= :begins AND created_at < :ends)")


@dataclass(frozen=True)
class Made:
    """What is made: the days, oldest first, and how many rows one holds."""

    days: list[date]
    rows_a_day: int

    @classmethod
    def before_today(cls, rows: int, days: int) -> "Made":
        """So many rows in all, over the days before today; a day gets a whole number of them."""
        today = datetime.now(UTC).date()
        return cls([today - timedelta(days=back) for back in range(days, 0, -1)], rows // days)

    @classmethod
    def of(cls, days: list[str], rows_a_day: int) -> "Made":
        """As it was written down."""
        return cls([date.fromisoformat(day) for day in days], rows_a_day)

    @property
    def step(self) -> timedelta:
        return timedelta(days=1) / self.rows_a_day

    @property
    def begins(self) -> datetime:
        return midnight(self.days[0])

    @property
    def ends(self) -> datetime:
        return midnight(self.days[-1] + timedelta(days=1))


def fill(
    engine: Engine,
    model_id: int,
    model_name: str,
    made: Made,
    labelled: float = 0.9,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Predictions spread evenly over these days, with a mature window an hour, and a label for that share of them an
    hour later. Killed anywhere, the next call goes on: a day is whole or not begun."""
    for day in made.days:
        make_days(engine, day)
    for at, day in enumerate(made.days):
        begins, ends = midnight(day), midnight(day + timedelta(days=1))
        with session_scope(engine) as session:
            if session.scalar(_BEGUN, {"begins": begins, "ends": ends}):
                continue
            session.execute(text("SET LOCAL statement_timeout = 0"))
            common = {"model_id": model_id, "model_name": model_name, "begins": begins, "step": made.step}
            each = made.rows_a_day
            session.execute(_ROWS, {**common, "first": at * each, "last": (at + 1) * each - 1})
            session.execute(_LABELS, {"begins": begins, "ends": ends, "labelled": labelled})
        say(f"{day}: {each:,} predictions, day {at + 1} of {len(made.days)}")
    with session_scope(engine) as session:
        if not session.scalar(select(exists().where(MonitoringWindow.model_id == model_id))):
            session.add_all(_judged(model_id, model_name, made))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE labels"))
        connection.execute(text("VACUUM ANALYZE predictions"))


def _judged(model_id: int, model_name: str, made: Made) -> Iterator[PredictionCount | MonitoringWindow]:
    """A count for each day and a window for each hour."""
    nothing = {"positives": 0, "uncertain": 0, "scores": 0, "squares": 0, "bins": []}
    for day in made.days:
        place = {"starts_at": midnight(day), "span_minutes": 1440, "generation": 1, "layout": "none"}
        yield PredictionCount(model_id=model_id, n=made.rows_a_day, **place, **nothing)
    for at in range(len(made.days) * 24):
        begins = made.begins + timedelta(hours=at)
        span = {"from_at": begins, "to_at": begins + timedelta(hours=1), "n": made.rows_a_day // 24}
        facts = {"seq": at + 1, "status": WindowStatus.MATURE}
        yield MonitoringWindow(model_name=model_name, model_id=model_id, **span, **facts)
