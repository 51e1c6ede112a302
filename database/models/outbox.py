"""What the world outside is told: messages, and how far each has come on each channel."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from database import enums
from database.models.base import Base, Json, new_id, now, one_of


class OutboxMessage(Base):
    """A message, written in the transaction of what it tells of. It holds no address and nobody's features."""

    __tablename__ = "outbox"
    id: Mapped[int] = new_id()
    message_id: Mapped[str] = mapped_column(unique=True, comment="the same on every try and every channel")
    about: Mapped[str] = mapped_column(unique=True, comment="the event it tells of: one message each")
    topic: Mapped[str]
    model_name: Mapped[str]
    payload: Mapped[Json] = mapped_column(comment="title, text, and the facts for programs")
    created_at: Mapped[datetime] = now()
    routed_at: Mapped[datetime | None] = mapped_column(comment="since then it has its deliveries")
    __table_args__ = (
        one_of("topic", enums.Topic),
        Index("ix_outbox_unrouted", "id", postgresql_where=text("routed_at IS NULL")),
    )


class Delivery(Base):
    """One message on its way to one channel. Who holds the lease is sending it."""

    __tablename__ = "deliveries"
    id: Mapped[int] = new_id()
    message_id: Mapped[str] = mapped_column(ForeignKey("outbox.message_id"))
    channel: Mapped[str]
    status: Mapped[str] = mapped_column(default=enums.DeliveryStatus.PENDING)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_at: Mapped[datetime] = now()
    lease: Mapped[UUID | None] = mapped_column(
        comment="a new one for each try: late results of older ones do not count"
    )
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(comment="in our words: never an address or a secret")
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now()
    __table_args__ = (
        one_of("status", enums.DeliveryStatus),
        CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name="sent_has_time"),
        # A message goes to a channel once.
        UniqueConstraint("message_id", "channel"),
        Index("ix_deliveries_due", "channel", "next_at", postgresql_where=text("status = 'pending'")),
    )
