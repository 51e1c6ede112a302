"""Messages on their way to channels: what waits, and what nobody tries any more."""

from datetime import datetime

from pydantic import Field

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


class ChannelOut(Out):
    """A place that messages go to, as the agents that run now have it set up; never its address. `tried`: a test
    message can be sent there."""

    name: str
    kind: str
    tried: bool
    agents: int = Field(description="living agents that know it")
    pending: int
    dead: int
    sent_7d: int
    last_sent_at: datetime | None


class ChannelList(Out):
    """`agents`: how many agents live. Without one nothing is sent, and which channels there are is not known."""

    agents: int
    channels: list[ChannelOut]
