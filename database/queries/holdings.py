"""How much of everything there is, asked where it is counted already and never by reading the rows."""

from dataclasses import dataclass
from datetime import UTC, date

from sqlalchemy import func, select, text

from database.connection import ReadSession
from database.models import AuditEvent, EvidenceBundle, ModelVersion, MonitoringWindow, Prediction, PredictionCount


@dataclass(frozen=True)
class Holdings:
    """Rows. `predictions` are all that were ever counted; `labels` are numbered as they come."""

    predictions: int
    labels: int
    windows: int
    events: int
    bundles: int
    versions: int


def counted(session: ReadSession) -> Holdings:
    labels = text("SELECT coalesce(max(id) - min(id) + 1, 0) FROM labels")
    return Holdings(
        predictions=int(session.scalar(select(func.sum(PredictionCount.n))) or 0),
        labels=int(session.scalar(labels) or 0),
        windows=int(session.scalar(select(func.count()).select_from(MonitoringWindow)) or 0),
        events=int(session.scalar(select(func.max(AuditEvent.seq))) or 0),
        bundles=int(session.scalar(select(func.count()).select_from(EvidenceBundle)) or 0),
        versions=int(session.scalar(select(func.count()).select_from(ModelVersion)) or 0),
    )


def server(session: ReadSession) -> tuple[str, int]:
    """PostgreSQL's version, and how many bytes this database takes."""
    row = session.execute(text("SELECT current_setting('server_version'), pg_database_size(current_database())")).one()
    return str(row[0]), int(row[1])


def oldest_day(session: ReadSession) -> date | None:
    """The day (UTC) of the oldest answer that is kept: ids are in the order of time, and so are the partitions."""
    oldest = session.scalar(select(Prediction.created_at).order_by(Prediction.id).limit(1))
    return oldest.astimezone(UTC).date() if oldest is not None else None
