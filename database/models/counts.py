"""Counts of predictions and of the truth about them: what monitoring reads instead of every row."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from database.models.base import Base

SPANS = "span_minutes IN (1, 60, 1440)"


class PredictionCount(Base):
    """What the predictions of one version and generation come to that were answered in one minute, hour or day.

    Several rows of one time add up: a minute that was rolled up into its hour begins anew for rows that come later.
    """

    __tablename__ = "prediction_counts"
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    span_minutes: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True)
    layout: Mapped[str] = mapped_column(primary_key=True, comment="which bins `bins` holds, in which order")
    n: Mapped[int]
    positives: Mapped[int]
    uncertain: Mapped[int]
    scores: Mapped[int] = mapped_column(comment="sum of the scores, in billionths")
    squares: Mapped[int] = mapped_column(comment="sum of their squares, in billionths")
    bins: Mapped[list[Any]] = mapped_column(ARRAY(Integer))
    __table_args__ = (
        CheckConstraint(SPANS, name="span_of_a_count"),
        # Finds what is to be rolled up.
        Index("ix_prediction_counts_minutes", "starts_at", "model_id", postgresql_where=text("span_minutes = 1")),
    )


class RefusedRequest(Base):
    """How many requests of client programs were refused in ten minutes, and why: each process adds what it counted.

    The row without a `field` counts requests; one with a field counts the requests in which that was wrong, so these
    may come to more than there were requests.
    """

    __tablename__ = "refused_requests"
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    model_name: Mapped[str] = mapped_column(primary_key=True, comment="empty: of no model that is known")
    route: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    says: Mapped[str] = mapped_column(primary_key=True, comment="what was expected; never what was sent")
    n: Mapped[int]


class LabelCount(Base):
    """The truth as known now about counted predictions, by the time of the prediction.

    Rows of one time add up; one of them alone may be below zero, when a label was revised after its time was rolled up.
    """

    __tablename__ = "label_counts"
    model_id: Mapped[int] = mapped_column(ForeignKey("model_versions.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    span_minutes: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True)
    true_positive: Mapped[int]
    false_positive: Mapped[int]
    true_negative: Mapped[int]
    false_negative: Mapped[int]
    newest_received_at: Mapped[datetime] = mapped_column(comment="when the last of these labels came")
    __table_args__ = (CheckConstraint(SPANS, name="span_of_a_count"),)
