"""Messages on their way to channels: what waits, and what nobody tries any more."""

from datetime import datetime

from api.schemas.common import Out


class DeliveryOut(Out):
    """One message on one channel. `message_id` is the `webhook-id` a receiver sees; it is the same on every try."""

    delivery_id: int
    message_id: str
    topic: str
    model_name: str
    title: str
    channel: str
    status: str
    attempts: int
    last_error: str | None
    next_at: datetime
    sent_at: datetime | None
    created_at: datetime


class DeliveryList(Out):
    """Dead letters first, then the newest."""

    deliveries: list[DeliveryOut]
