"""What serves: for each model the current version and the one before it, in memory.

A new version is loaded and proven beside the old one and takes over by one assignment; a request that took the old one
finishes with it, so a row is always stamped with what computed it. A version that cannot be loaded changes nothing: the
last good one goes on, and why is said. The previous one stays in memory, so going back needs no disk. A process that
has just started and cannot load what should serve lets a version before it answer (`api/standing_in.py` says which).
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from loguru import logger
from orjson import dumps

from api.contract_schema import RowReader
from config.model_contract import ModelContract
from database.artifact_store import ArtifactStore
from database.errors import StewardError
from training.feature_engineering import Row
from training.serving_artifact import LoadedModel, load, misfit

_RETRY_LOAD_S = 15.0


@dataclass(frozen=True)
class Desired:
    """What the database says should serve. `before`: what may answer in its place, the newest first."""

    model_name: str
    generation: int
    version_id: int
    version: int
    artifact_digest: str
    data_source: str
    before: tuple["Desired", ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Serving:
    """A version in memory, ready to answer."""

    desired: Desired
    model: LoadedModel
    reader: RowReader

    @cached_property
    def stamp(self) -> bytes:
        """Who computed a row, as JSON members: what of it is the same for each row."""
        desired = self.desired
        return dumps(
            {
                "model_id": desired.version_id,
                "model_name": desired.model_name,
                "generation": desired.generation,
                "threshold": self.model.threshold,
            }
        )[1:-1]

    @cached_property
    def facts(self) -> bytes:
        """What every client is told of the version, as JSON members."""
        desired = self.desired
        return dumps(
            {
                "threshold": self.model.threshold,
                "model_name": desired.model_name,
                "model_version": desired.version,
            }
        )[1:-1]

    def answers(self, rows: Sequence[Row]) -> list[tuple[int, float]]:
        """The answer and probability of each row."""
        threshold = self.model.threshold
        return [(int(p >= threshold), p) for p in self.model.predict(rows).tolist()]


@dataclass(frozen=True)
class Slots:
    """One model's two versions, and how the last change went."""

    desired: Desired
    current: Serving | None = None
    previous: Serving | None = None
    error: str | None = None
    failed_at: float = 0.0


class Predictor:
    """Follows desired versions. `follow` is for one thread at a time; reading is free for all."""

    def __init__(
        self, store: ArtifactStore, max_rows: int, contracts: Mapping[str, ModelContract], *, stand_in: bool = True
    ) -> None:
        """`contracts`: what clients are told to send. `stand_in`: whether another version may answer at all."""
        self._store, self._max_rows, self._contracts, self._stand_in = store, max_rows, contracts, stand_in
        self._slots: dict[str, Slots] = {}
        self._lock = threading.Lock()

    def serving(self, model_name: str) -> Serving | None:
        slots = self._slots.get(model_name)
        return slots.current if slots else None

    def slots(self) -> list[Slots]:
        """Every model this process knows of, by name."""
        return [self._slots[name] for name in sorted(self._slots)]

    def follow(self, desired: Desired, *, again: bool = False) -> Slots:
        """Serve `desired` if it can be loaded; else keep what serves, and say why.

        A load that failed is tried again after a while, or at once when asked `again`.
        """
        with self._lock:
            slots = self._slots.get(desired.model_name) or Slots(desired)
            if slots.current and slots.current.desired == desired:
                return slots
            failed_lately = (
                slots.desired == desired and slots.error and time.monotonic() < slots.failed_at + _RETRY_LOAD_S
            )
            if failed_lately and not again:
                return slots
            slots = self._change(slots, desired)
            self._slots[desired.model_name] = slots
            return slots

    def drop(self, model_name: str) -> None:
        """Serve this model no more: nobody says any longer that it should."""
        with self._lock:
            self._slots.pop(model_name, None)

    def _change(self, slots: Slots, desired: Desired) -> Slots:
        began = time.perf_counter()
        try:
            serving = self._proven(slots, desired)
        except (StewardError, OSError) as error:
            logger.error("serving.load.failed model={} version={} error={}", desired.model_name, desired.version, error)
            current = self._instead(slots, desired)
            return replace(slots, desired=desired, current=current, error=str(error), failed_at=time.monotonic())
        logger.info(
            "serving.swapped model={} version={} generation={} seconds={:.3f}",
            desired.model_name,
            desired.version,
            desired.generation,
            time.perf_counter() - began,
        )
        return Slots(desired, serving, slots.current)

    def _proven(self, slots: Slots, desired: Desired) -> Serving:
        """The version, ready to answer. Raises `StewardError` or OSError."""
        model = self._in_memory(slots, desired) or load(self._store, desired.artifact_digest)
        if model.contract.name != desired.model_name:
            raise StewardError(f"the artifact is of the model {model.contract.name}")
        today = self._contracts.get(desired.model_name, model.contract)
        return Serving(desired, model, RowReader(model.contract, self._max_rows, today.along))

    def _instead(self, slots: Slots, desired: Desired) -> Serving | None:
        """What answers while `desired` cannot be loaded: what serves, unless people went back from it; else the newest
        of those before that proves itself. It keeps the generation it served as, with which its rows are stamped."""
        may = {one.version_id for one in desired.before}
        if not self._stand_in or (slots.current and (not may or slots.current.desired.version_id in may)):
            return slots.current
        for one in desired.before:
            try:
                serving = self._proven(slots, one)
                contract = self._contracts[one.model_name]
                if (why := misfit(contract, serving.model.encoding, serving.model.contract)) is not None:
                    raise StewardError(why)
            except (StewardError, OSError) as error:
                logger.warning(
                    "serving.stand_in.refused model={} version={} error={}", one.model_name, one.version, error
                )
                continue
            logger.error(
                "serving.stand_in model={} version={} generation={} instead_of={}",
                one.model_name,
                one.version,
                one.generation,
                desired.version,
            )
            return serving
        return slots.current

    @staticmethod
    def _in_memory(slots: Slots, desired: Desired) -> LoadedModel | None:
        for held in (slots.current, slots.previous):
            if held and held.desired.artifact_digest == desired.artifact_digest:
                return held.model
        return None
