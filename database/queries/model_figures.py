"""Counts of what each model answered and learned, for whoever scrapes: from the stored counts, never from rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from database.connection import ReadSession
from database.models import Deployment, LabelCount, ModelVersion, PredictionCount

# A model that was retrained every day for years has this many of its versions told apart.
MOST_VERSIONS = 20


def serving(session: ReadSession) -> Sequence[Row[*tuple[Any, ...]]]:
    """Model, version number, algorithm, generation and since when, of what should serve."""
    query = (
        select(
            Deployment.model_name,
            ModelVersion.version,
            ModelVersion.algorithm,
            Deployment.generation,
            Deployment.created_at,
        )
        .join(ModelVersion, ModelVersion.id == Deployment.version_id)
        .ext(distinct_on(Deployment.model_name))
        .order_by(Deployment.model_name, Deployment.generation.desc())
    )
    return session.execute(query).all()


def counted_predictions(session: ReadSession, model_name: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """Version, predictions ever counted, and of them answered with 1; the newest versions. Not for each scrape."""
    versions = _newest_versions(model_name)
    query = (
        select(versions.c.version, func.sum(PredictionCount.n), func.sum(PredictionCount.positives))
        .join(PredictionCount, PredictionCount.model_id == versions.c.id)
        .group_by(versions.c.version)
    )
    return session.execute(query).all()


def counted_labels(session: ReadSession, model_name: str) -> tuple[int, datetime | None]:
    """Predictions of the newest versions whose truth is known, and when the last label came. Not for each scrape."""
    versions = _newest_versions(model_name)
    known = LabelCount.true_positive + LabelCount.false_positive + LabelCount.true_negative + LabelCount.false_negative
    query = select(func.coalesce(func.sum(known), 0), func.max(LabelCount.newest_received_at))
    row = session.execute(query.join(versions, versions.c.id == LabelCount.model_id)).one()
    return int(row[0]), row[1]


def newest_prediction(session: ReadSession, model_name: str) -> datetime | None:
    """The minute of the newest stored prediction, by the counts."""
    versions = _newest_versions(model_name)
    newest = (
        select(func.max(PredictionCount.starts_at))
        .where(PredictionCount.model_id == versions.c.id)
        .correlate(versions)
        .scalar_subquery()
    )
    return session.scalar(select(func.max(newest)).select_from(versions))


def _newest_versions(model_name: str) -> Any:
    query = select(ModelVersion.id, ModelVersion.version).where(ModelVersion.model_name == model_name)
    return query.order_by(ModelVersion.version.desc()).limit(MOST_VERSIONS).subquery()
