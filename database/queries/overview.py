"""What the dashboard asks about a model as a whole: what came in, how much truth, answers against it, first steps."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import any_, exists, func, literal, or_, select, text

from config.vocabulary import COULD_NOT_LOOK
from database.connection import ReadSession
from database.enums import Role
from database.id_times import EARLIEST_SQL, KNOWN_SQL, LATEST_SQL
from database.models import (
    ApiKey,
    DeadLetter,
    Deployment,
    Label,
    ModelVersion,
    MonitoringWindow,
    Prediction,
    PredictionCount,
    PredictionOutcome,
    QuarantinedRow,
    UnclaimedLabel,
    User,
)

COVERAGE_ROWS = 1000
INTAKE_LABELS = 1000
UNCOUNTED_ROWS = 5000
# Answer and truth: true and false positives, true and false negatives.
_CELLS = ((1, 1), (1, 0), (0, 0), (0, 1))


@dataclass(frozen=True)
class Coverage:
    """How much truth has come for the newest predictions of a model."""

    predictions: int
    labelled: int
    share: float | None
    median_lag_s: float | None


def coverage(session: ReadSession, model_name: str) -> Coverage:
    """Over the newest `COVERAGE_ROWS` predictions."""
    newest = (
        select(PredictionOutcome.created_at, PredictionOutcome.actual, PredictionOutcome.actual_received_at)
        .where(PredictionOutcome.model_name == model_name)
        .order_by(PredictionOutcome.created_at.desc(), PredictionOutcome.id.desc())
        .limit(COVERAGE_ROWS)
        .subquery()
    )
    lag = func.extract("epoch", newest.c.actual_received_at - newest.c.created_at)
    row = session.execute(
        select(func.count(), func.count(newest.c.actual), func.percentile_cont(0.5).within_group(lag))
    ).one()
    predictions, labelled, median = int(row[0]), int(row[1]), row[2]
    return Coverage(
        predictions,
        labelled,
        labelled / predictions if predictions else None,
        float(median) if median is not None else None,
    )


@dataclass(frozen=True)
class IntakeFacts:
    """What came in for a model.

    `labels`: predictions of the model whose truth is known, from the counts (of those not counted yet, the newest
    `UNCOUNTED_ROWS` are looked at). The others are of all models, since a label names a prediction and not a model:
    revised and unknown ones are counted among the newest `INTAKE_LABELS`, what went wrong long ago is no news;
    unclaimed ones are all that have waited too long for their prediction (`database/unclaimed_labels.py`).
    """

    predictions: int
    newest_prediction_at: datetime | None
    labels: int
    newest_label_at: datetime | None
    revised_labels: int
    unknown_labels: int
    unclaimed_labels: int
    newest_unclaimed_at: datetime | None
    dead_letters: int
    quarantined_rows: int


_NEWEST_LABELS = text(
    f"""
    WITH newest AS (
        SELECT prediction_id AS id, revision, received_at FROM labels ORDER BY labels.id DESC LIMIT :newest
    ), asked AS (SELECT DISTINCT id, {EARLIEST_SQL} AS earliest, {LATEST_SQL} AS latest FROM newest)
    SELECT max(received_at), count(*) FILTER (WHERE revision > 1),
           (SELECT count(*) FROM asked {KNOWN_SQL} WHERE known.is_there IS NULL)
    FROM newest
    """  # noqa: S608
)


def intake(session: ReadSession, model_name: str) -> IntakeFacts:
    versions = select(ModelVersion.id).where(ModelVersion.model_name == model_name).scalar_subquery()
    counted = select(func.sum(PredictionCount.n)).where(PredictionCount.model_id.in_(versions))
    uncounted = (
        select(func.count()).select_from(Prediction).where(Prediction.model_id.in_(versions), ~Prediction.counted)
    )
    predictions = int(session.scalar(counted) or 0) + int(session.scalar(uncounted) or 0)
    newest = session.scalar(select(func.max(Prediction.created_at)).where(Prediction.model_name == model_name))
    labels = _labelled(session, model_name)
    newest_label, revised, unknown = session.execute(_NEWEST_LABELS, {"newest": INTAKE_LABELS}).one()
    unclaimed, newest_unclaimed = session.execute(
        select(func.count(), func.max(UnclaimedLabel.received_at)).select_from(UnclaimedLabel)
    ).one()
    dead = session.execute(select(func.count()).select_from(DeadLetter)).scalar_one()
    quarantined = session.execute(
        select(func.count())
        .select_from(QuarantinedRow)
        .join(MonitoringWindow, MonitoringWindow.id == QuarantinedRow.window_id)
        .where(MonitoringWindow.model_name == model_name)
    ).scalar_one()
    return IntakeFacts(
        predictions, newest, labels, newest_label, revised, unknown, unclaimed, newest_unclaimed, dead, quarantined
    )


_LABELLED = text(
    """
    SELECT coalesce((SELECT sum(true_positive + false_positive + true_negative + false_negative) FROM label_counts
                     WHERE model_id IN (SELECT id FROM model_versions WHERE model_name = :name)), 0)
           + (SELECT count(t.actual) FROM (
                  SELECT id, created_at FROM predictions
                  WHERE model_id IN (SELECT id FROM model_versions WHERE model_name = :name) AND NOT counted
                  ORDER BY created_at DESC LIMIT :most) AS late
              LEFT JOIN LATERAL (SELECT actual FROM prediction_outcomes o
                                 WHERE o.id = late.id AND o.created_at = late.created_at) AS t ON true)
    """
)


def _labelled(session: ReadSession, model_name: str) -> int:
    """How many predictions of a model have a label now."""
    return int(session.execute(_LABELLED, {"name": model_name, "most": UNCOUNTED_ROWS}).scalar_one())


@dataclass(frozen=True)
class Looked:
    """What the monitor looked at in the newest window of a model. `could_not`: checks that tripped over it."""

    seq: int
    checks: int
    could_not: int


_LOOKED = text(
    """
    SELECT w.seq,
           (SELECT count(DISTINCT check_name) FROM data_quality_results
            WHERE window_id = w.id AND check_name <> :tripped)
           + (SELECT coalesce(max(jsonb_array_length(features)), 0) FROM drift_reports WHERE window_id = w.id)
           + (SELECT count(DISTINCT (kind, metric_name)) FROM performance_metrics WHERE window_id = w.id),
           (SELECT count(*) FROM data_quality_results WHERE window_id = w.id AND check_name = :tripped)
    FROM monitoring_windows w WHERE w.model_name = :name AND w.status <> 'open' ORDER BY w.seq DESC LIMIT 1
    """
)


def looked(session: ReadSession, model_name: str) -> Looked | None:
    """Data checks, features compared with the reference, and figures of the newest closed window."""
    row = session.execute(_LOOKED, {"name": model_name, "tripped": COULD_NOT_LOOK}).one_or_none()
    return Looked(int(row[0]), int(row[1]), int(row[2])) if row else None


def expiring_keys(session: ReadSession, model_name: str, within: timedelta) -> list[tuple[str, datetime]]:
    """API keys that may ask this model and end within that time, the soonest first."""
    now = func.now()
    rows = session.execute(
        select(ApiKey.name, ApiKey.expires_at)
        .where(
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at > now,
            ApiKey.expires_at < now + within,
            or_(ApiKey.models.is_(None), literal(model_name) == any_(ApiKey.models)),
        )
        .order_by(ApiKey.expires_at)
        .limit(20)
    )
    return [(row[0], row[1]) for row in rows]


@dataclass(frozen=True)
class FirstStepFacts:
    """What a new installation has done already."""

    version_activated: bool
    predictions_received: bool
    labels_received: bool
    window_judged: bool
    approver_exists: bool


def first_steps(session: ReadSession, model_name: str) -> FirstStepFacts:
    found = session.execute(
        select(
            exists().where(Deployment.model_name == model_name),
            exists().where(Prediction.model_name == model_name),
            exists().where(Label.id > 0),
            exists().where(MonitoringWindow.model_name == model_name),
            exists().where(literal(Role.APPROVER.value) == any_(User.roles), User.disabled_at.is_(None)),
        )
    ).one()
    return FirstStepFacts(*map(bool, found))


@dataclass(frozen=True)
class ConfusionCounts:
    """Answers of one version against the labels as known now."""

    n: int
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


# The newest counted minutes (of older rows: hours, days) that together hold so many rows.
_NEWEST_SPAN = text(
    """
    SELECT min(starts_at) FROM (
        SELECT starts_at, sum(n) OVER (ORDER BY starts_at DESC, span_minutes, generation) - n AS newer
        FROM prediction_counts WHERE model_id = :model_id) AS counted
    WHERE newer < :newest
    """
)
_TRUTHS = text(
    """
    SELECT coalesce(sum(true_positive), 0), coalesce(sum(false_positive), 0), coalesce(sum(true_negative), 0),
           coalesce(sum(false_negative), 0)
    FROM label_counts WHERE model_id = :model_id AND starts_at >= :begins
    """
)


def confusion(session: ReadSession, model_name: str, version_id: int, *, newest: int = 5000) -> ConfusionCounts:
    """Over the whole minutes that hold the version's newest `newest` predictions: from counts, and from the newest
    `newest` of those that are not counted yet."""
    begins: datetime | None = session.execute(_NEWEST_SPAN, {"model_id": version_id, "newest": newest}).scalar_one()
    cells = [0, 0, 0, 0]
    if begins is not None:
        found = session.execute(_TRUTHS, {"model_id": version_id, "begins": begins}).one()
        cells = [int(cell) for cell in found]
    late = (
        select(Prediction.id, Prediction.created_at)
        .where(
            Prediction.model_name == model_name,
            Prediction.model_id == version_id,
            ~Prediction.counted,
            *([] if begins is None else [Prediction.created_at >= begins]),
        )
        .order_by(Prediction.created_at.desc())
        .limit(newest)
        .subquery()
    )
    of = PredictionOutcome
    counted = (
        select(of.prediction, of.actual, func.count())
        .join(late, (late.c.id == of.id) & (late.c.created_at == of.created_at))
        .where(of.actual.is_not(None))
        .group_by(of.prediction, of.actual)
    )
    for prediction, actual, n in session.execute(counted):
        cells[_CELLS.index((prediction, actual))] += n
    return ConfusionCounts(sum(cells), *cells)
