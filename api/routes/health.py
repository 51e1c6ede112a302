"""What probes and Prometheus ask, as the documentation shows it, and who may. `api/health.py` answers all four."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.access import OPEN, SCRAPES
from api.schemas.health import Health, Live

router = APIRouter(tags=["health"])
_OPEN = [Depends(OPEN)]


@router.get("/livez", dependencies=_OPEN, summary="The process answers")
async def livez() -> Live:
    raise NotImplementedError("api.health answers this address")


@router.get("/health", dependencies=_OPEN, summary="How it is, in one answer (always 200)")
async def health() -> Health:
    raise NotImplementedError("api.health answers this address")


@router.get(
    "/readyz", dependencies=_OPEN, summary="Whether predictions are answered", responses={503: {"model": Health}}
)
async def readyz() -> Response:
    """200 with `ok` or `degraded` (it answers, and `why` says what is wrong); 503 when no model is loaded or an answer
    could not be kept."""
    raise NotImplementedError("api.health answers this address")


@router.get("/metrics", dependencies=[Depends(SCRAPES)], summary="Prometheus metrics", response_class=Response)
async def metrics() -> Response:
    """Of every worker behind this port. Needs a key with the scope `metrics:read`, or a client on this machine."""
    raise NotImplementedError("api.health answers this address")
