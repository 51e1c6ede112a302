"""Predictions as the documentation shows them, and who may ask for one. `api/front.py` answers both addresses."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from api.access import PREDICTS
from api.schemas.clients import Prediction, PredictionBatch

router = APIRouter(tags=["predictions"])
_PREDICTING = [Depends(PREDICTS)]
ModelName = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,64}$")]

_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": Prediction | PredictionBatch}}


@router.post("/predict", summary="Predict with the default model", responses=_ANSWERS, dependencies=_PREDICTING)
async def predict() -> Response:
    """One row or `{"rows": [...]}`. The answer is on disk before it leaves. With the header `Idempotency-Key`, the same
    request gets the same answer for 24 hours (from the same replica)."""
    raise NotImplementedError("api.front answers this address")


@router.post(
    "/models/{name}/predict", summary="Predict with a named model", responses=_ANSWERS, dependencies=_PREDICTING
)
async def predict_with(name: ModelName) -> Response:
    """The same, with any served model this key may use."""
    raise NotImplementedError(f"api.front answers for {name}")
