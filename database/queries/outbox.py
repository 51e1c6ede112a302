"""The outbox: messages written with what they tell of, and their way to the channels. Only the database's clock counts.

A message becomes deliveries when a relay routes it, because only the relay knows which channels there are. A delivery
is claimed under a lease, sent with no transaction open, and recorded; a relay that dies in between sends it again.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import locked, wait_for
from database.enums import DeliveryStatus, Topic
from database.errors import ConflictError, NotFoundError
from database.messages import Message
from database.models import Delivery, Json, OutboxMessage
from database.queries.audit import Actor, append

# A channel that no relay has known for this long is gone for good.
FORGOTTEN_AFTER = timedelta(hours=1)
NOT_SET_UP = "this channel is not set up any more"
_ROUTED_AT_ONCE = 100


@dataclass(frozen=True)
class Claimed:
    """A message to be sent to one channel now. `attempt` counts from 1; `message_id` is the same on every try."""

    delivery_id: int
    lease: UUID
    attempt: int
    message_id: str
    topic: Topic
    model_name: str
    payload: Json
    created_at: datetime


def put(session: Session, message: Message) -> None:
    """Write a message in the transaction of what it tells of: it stands exactly when that does."""
    session.add(
        OutboxMessage(
            message_id=f"msg_{uuid4().hex}",
            about=message.about,
            topic=message.topic,
            model_name=message.model_name,
            payload=message.payload,
        )
    )
    session.flush()


def route(session: Session, wanted_by: Callable[[Topic, Json], Collection[str]]) -> int:
    """Give messages that have none yet their deliveries, one for each channel that wants them. How many were routed."""
    messages = session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.routed_at.is_(None))
        .order_by(OutboxMessage.id)
        .limit(_ROUTED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    rows = [
        {"message_id": one.message_id, "channel": channel, "status": DeliveryStatus.PENDING, "attempts": 0}
        for one in messages
        for channel in wanted_by(Topic(one.topic), one.payload)
    ]
    if rows:
        session.execute(insert(Delivery).values(rows).on_conflict_do_nothing())
    for one in messages:
        one.routed_at = func.clock_timestamp()
    session.flush()
    return len(messages)


def _due() -> ColumnElement[bool]:
    now = func.clock_timestamp()
    return and_(
        Delivery.status == DeliveryStatus.PENDING,
        Delivery.next_at <= now,
        or_(Delivery.lease_until.is_(None), Delivery.lease_until < now),
    )


def due_channels(session: Session | ReadSession) -> set[str]:
    """The channels for which something should be sent now."""
    return set(session.scalars(select(Delivery.channel).where(_due()).distinct()))


def claim(session: Session, channel: str, lease: timedelta) -> Claimed | None:
    """Take the oldest delivery that is due for a channel; what a rival takes at this moment is skipped."""
    row = session.execute(
        select(Delivery, OutboxMessage)
        .join(OutboxMessage, OutboxMessage.message_id == Delivery.message_id)
        .where(Delivery.channel == channel, _due())
        .order_by(Delivery.id)
        .limit(1)
        .with_for_update(of=Delivery, skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    delivery, message = row
    delivery.lease, delivery.attempts = uuid4(), delivery.attempts + 1
    delivery.lease_until = func.clock_timestamp() + lease
    session.flush()
    return Claimed(
        delivery.id,
        delivery.lease,
        delivery.attempts,
        message.message_id,
        Topic(message.topic),
        message.model_name,
        message.payload,
        message.created_at,
    )


def _record(session: Session, claimed: Claimed, **values: object) -> bool:
    recorded = session.execute(
        update(Delivery)
        .where(Delivery.id == claimed.delivery_id, Delivery.lease == claimed.lease)
        .values(lease=None, lease_until=None, **values)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    return recorded is not None


def sent(session: Session, claimed: Claimed) -> bool:
    """It arrived. False when another relay has taken it over meanwhile."""
    values = {"status": DeliveryStatus.SENT, "sent_at": func.clock_timestamp(), "last_error": None}
    return _record(session, claimed, **values)


def failed(session: Session, claimed: Claimed, says: str, again_in: timedelta | None) -> bool:
    """It did not arrive. Without `again_in` nobody tries again. False when another relay has taken it over."""
    if again_in is None:
        return _record(session, claimed, status=DeliveryStatus.DEAD, last_error=says)
    return _record(session, claimed, next_at=func.clock_timestamp() + again_in, last_error=says)


def give_back(session: Session, claimed: Claimed) -> bool:
    """It was not tried after all."""
    return _record(session, claimed, attempts=claimed.attempt - 1)


def end_forgotten(session: Session, channels: Collection[str]) -> list[int]:
    """Deliveries for channels that nobody has set up any more, not even another relay, are dead."""
    return list(
        session.scalars(
            update(Delivery)
            .where(_due(), Delivery.channel.not_in(channels))
            .where(Delivery.next_at < func.clock_timestamp() - FORGOTTEN_AFTER)
            .values(status=DeliveryStatus.DEAD, last_error=NOT_SET_UP, lease=None, lease_until=None)
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        )
    )


# ------------------------------------------------------------------------------------------------------ for people


def listed(
    session: ReadSession, statuses: Collection[DeliveryStatus], limit: int
) -> Sequence[tuple[Delivery, OutboxMessage]]:
    """Deliveries in any of these statuses with their messages, the dead ones first, then the newest."""
    rows = session.execute(
        select(Delivery, OutboxMessage)
        .join(OutboxMessage, OutboxMessage.message_id == Delivery.message_id)
        .where(Delivery.status.in_(statuses))
        .order_by((Delivery.status == DeliveryStatus.DEAD).desc(), Delivery.id.desc())
        .limit(limit)
    )
    return [(delivery, message) for delivery, message in rows]


def retry(session: Session, actor: Actor, delivery_id: int) -> tuple[Delivery, OutboxMessage]:
    """Try a delivery again at once, and from the beginning of the schedule: asking spends no try. Audited.

    Raises `NotFoundError`, and `ConflictError` when it has arrived already.
    """
    query = select(Delivery).where(Delivery.id == delivery_id)
    delivery = session.scalars(locked(query)).one_or_none()
    if delivery is None:
        raise NotFoundError(f"there is no delivery {delivery_id}")
    if delivery.status == DeliveryStatus.SENT:
        raise ConflictError(f"delivery {delivery_id} has arrived already")
    before = delivery.status
    delivery.status, delivery.attempts = DeliveryStatus.PENDING, 0
    delivery.next_at = func.clock_timestamp()
    session.flush()
    session.refresh(delivery)
    facts = {"message": delivery.message_id, "channel": delivery.channel, "was": before}
    append(session, actor, "delivery.retried", "delivery", delivery_id, facts)
    message = session.scalars(select(OutboxMessage).where(OutboxMessage.message_id == delivery.message_id)).one()
    return delivery, message


@dataclass(frozen=True)
class Traffic:
    """How it goes on one channel. `sent` since a moment; `last_sent_at` of those."""

    pending: int
    dead: int
    sent: int
    last_sent_at: datetime | None


def traffic(session: ReadSession, since: datetime) -> dict[str, Traffic]:
    """Per channel: what waits and what is dead, and what arrived since then."""
    sent = and_(Delivery.status == DeliveryStatus.SENT, Delivery.sent_at >= since)
    rows = session.execute(
        select(
            Delivery.channel,
            func.count().filter(Delivery.status == DeliveryStatus.PENDING),
            func.count().filter(Delivery.status == DeliveryStatus.DEAD),
            func.count().filter(sent),
            func.max(Delivery.sent_at).filter(sent),
        )
        .where(or_(Delivery.status != DeliveryStatus.SENT, sent))
        .group_by(Delivery.channel)
    )
    return {row[0]: Traffic(*row[1:]) for row in rows}


def try_out(session: Session, actor: Actor, channel: str, model_name: str) -> tuple[Delivery, OutboxMessage]:
    """A test message to one channel, by the way all messages go: the relay takes it there. Audited.

    Its topic is `incident.told`, and its facts hold `"test": true`. Raises `ConflictError` while one still waits.
    """
    wait_for(session, f"try:{channel}")
    about = f"test:{channel}:"
    waits = select(Delivery.id).join(OutboxMessage, OutboxMessage.message_id == Delivery.message_id)
    open_one = (Delivery.channel == channel, Delivery.status == DeliveryStatus.PENDING)
    if session.scalar(waits.where(*open_one, OutboxMessage.about.startswith(about, autoescape=True)).limit(1)):
        raise ConflictError(f"a test message to {channel} is on its way already")
    message = OutboxMessage(
        message_id=f"msg_{uuid4().hex}",
        about=f"{about}{uuid4().hex}",
        topic=Topic.INCIDENT_TOLD,
        model_name=model_name,
        payload={"title": "A test from Steward", "text": "Messages arrive here.", "facts": {"test": True}},
        routed_at=func.clock_timestamp(),
    )
    session.add(message)
    session.flush()
    delivery = Delivery(message_id=message.message_id, channel=channel, status=DeliveryStatus.PENDING, attempts=0)
    session.add(delivery)
    session.flush()
    session.refresh(delivery)
    session.refresh(message)
    append(session, actor, "channel.tried", "channel", channel, {"message": message.message_id})
    return delivery, message
