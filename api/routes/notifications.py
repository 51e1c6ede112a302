"""What the world outside is told: what waits, what is dead, and trying it again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from api.dependencies import PersonMay
from api.runtime import runtime_of
from api.schemas.notifications import DeliveryList, DeliveryOut
from api.strict_json import StrictRoute
from database.enums import DeliveryStatus
from database.models import Delivery, OutboxMessage
from database.permissions import Permission
from database.queries import outbox
from database.queries.people import SignedIn

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=StrictRoute)
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]
Retrier = Annotated[SignedIn, Depends(PersonMay(Permission.RETRY_DELIVERIES))]
DeliveryId = Annotated[int, Path(ge=1, le=2**62)]

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
