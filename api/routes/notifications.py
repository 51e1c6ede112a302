"""What the world outside is told: what waits, what is dead, and trying it again."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from api.cards import service_out
from api.dependencies import PersonMay
from api.runtime import runtime_of
from api.schemas.notifications import ChannelList, ChannelOut, DeliveryList, DeliveryOut
from api.strict_json import StrictRoute
from config.settings import CHANNEL_NAME
from database.connection import ReadSession
from database.enums import DeliveryStatus
from database.errors import InvalidError, NotFoundError
from database.models import Delivery, OutboxMessage
from database.permissions import Permission
from database.queries import heartbeats, outbox
from database.queries.actions import database_now
from database.queries.people import SignedIn

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Retrier = Annotated[SignedIn, Depends(PersonMay(Permission.RETRY_DELIVERIES))]
DeliveryId = Annotated[int, Path(ge=1, le=2**62)]

Channel = Annotated[str, Path(pattern=f"^{CHANNEL_NAME}$")]

_LATELY = timedelta(days=7)
_ALIASES = "MlflowAliases"
_OPEN = (DeliveryStatus.DEAD, DeliveryStatus.PENDING)


@router.get("", summary="Messages that have not arrived, the dead ones first")
def listed(
    request: Request,
    _: Reader,
    status: DeliveryStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DeliveryList:
    """`status`: one status; without it what is dead and what waits."""
    with runtime_of(request).reading() as session:
        rows = outbox.listed(session, [status] if status else _OPEN, limit)
        return DeliveryList(deliveries=[_delivery(delivery, message) for delivery, message in rows])


@router.get("/channels", summary="Where messages go, and how it goes there")
def channels(request: Request, _: Reader) -> ChannelList:
    """As the agents that run now have them set up: names and kinds, never an address."""
    with runtime_of(request).reading() as session:
        now = database_now(session)
        agents, known = _channels(session, now)
        traffic = outbox.traffic(session, now - _LATELY)
        nothing = outbox.Traffic(0, 0, 0, None)
        found = []
        for name, kinds in sorted(known.items()):
            one = traffic.get(name, nothing)
            found.append(
                ChannelOut(
                    name=name,
                    kind=kinds[0],
                    tried=kinds[0] != _ALIASES,
                    agents=len(kinds),
                    pending=one.pending,
                    dead=one.dead,
                    sent_7d=one.sent,
                    last_sent_at=one.last_sent_at,
                )
            )
        return ChannelList(agents=agents, channels=found)


@router.post("/channels/{channel}/test", summary="Send a test message to one channel", status_code=202)
def try_channel(request: Request, person: Retrier, channel: Channel) -> DeliveryOut:
    """By the way all messages go: the agent sends it within a second or two, and the delivery says what came of it."""
    runtime = runtime_of(request)
    with runtime.writing() as session:
        kinds = _channels(ReadSession(session), database_now(session))[1].get(channel)
        if kinds is None:
            raise NotFoundError(f"No agent that runs now has a channel {channel} set up.")
        if kinds[0] == _ALIASES:
            raise InvalidError("channel: MLflow's aliases follow what serves; there is no test message to them")
        default = runtime.settings.platform.default_model
        return _delivery(*outbox.try_out(session, person.actor, channel, default))


def _channels(session: ReadSession, now: datetime) -> tuple[int, dict[str, list[str]]]:
    """How many agents live, and what kind of channel each of them has under a name."""
    beats = [beat for beat in heartbeats.latest(session) if beat.service == "agent" and not service_out(beat, now).late]
    known: dict[str, list[str]] = {}
    for beat in sorted(beats, key=lambda one: one.seen_at, reverse=True):
        for one in beat.details.get("channels", ()):
            known.setdefault(str(one["name"]), []).append(str(one["kind"]))
    return len(beats), known


@router.post("/{delivery_id}/retry", summary="Try one again now")
def retry(request: Request, person: Retrier, delivery_id: DeliveryId) -> DeliveryOut:
    """A dead one begins anew with the first try; one that waits does not wait any longer. It keeps its id."""
    with runtime_of(request).writing() as session:
        return _delivery(*outbox.retry(session, person.actor, delivery_id))


def _delivery(delivery: Delivery, message: OutboxMessage) -> DeliveryOut:
    return DeliveryOut(
        delivery_id=delivery.id,
        message_id=message.message_id,
        topic=message.topic,
        model_name=message.model_name,
        title=str(message.payload["title"]),
        channel=delivery.channel,
        status=delivery.status,
        attempts=delivery.attempts,
        last_error=delivery.last_error,
        next_at=delivery.next_at,
        sent_at=delivery.sent_at,
        created_at=message.created_at,
    )
