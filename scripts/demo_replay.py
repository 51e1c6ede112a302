"""Replaying a hospital: patients arrive one after another, and the truth about each becomes known some time later.

The clock is simulated: a patient every few minutes, a label after half an hour to a few hours. The order of the
patients within a hospital is shuffled with a seed, because the published files are partly sorted by diagnosis. What
is sent is what a client program would send; it retries with the same `Idempotency-Key` when the API is away, so an
answer is never counted twice.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import httpx

from scripts.plain_speech import CommandFailedError

MINUTES_BETWEEN_PATIENTS = 5.0
LABEL_DELAY_MINUTES = (30.0, 240.0)
MINUTES_PER_SECOND = 240.0  # four simulated hours pass in one second
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Cohort:
    """Patients of one hospital in the order in which they arrive."""

    name: str
    title: str
    rows: Sequence[Mapping[str, Any]]
    labels: Sequence[int]

    def part(self, begin: int, end: int | None) -> "Cohort":
        """Those who arrive from `begin` (included) to `end` (not included)."""
        return Cohort(self.name, self.title, self.rows[begin:end], self.labels[begin:end])


def shuffled(cohort: Cohort, seed: int) -> Cohort:
    """The same patients in a random order that depends on the seed alone."""
    order = list(range(len(cohort.rows)))
    random.Random(seed).shuffle(order)  # noqa: S311 - an order of arrival, not a secret
    return Cohort(cohort.name, cohort.title, [cohort.rows[i] for i in order], [cohort.labels[i] for i in order])


@dataclass(frozen=True, order=True)
class Event:
    """Something that happens at a simulated minute: patient `index` arrives, or the truth about them is known."""

    minute: float
    index: int
    kind: Literal["patient", "label"]


def schedule(patients: int, seed: int) -> list[Event]:
    """The arrivals and the labels, in the order of simulated time. Every patient gets exactly one of each."""
    chance = random.Random(seed)  # noqa: S311
    events = []
    for index in range(patients):
        arrival = index * MINUTES_BETWEEN_PATIENTS
        events.append(Event(arrival, index, "patient"))
        events.append(Event(arrival + chance.uniform(*LABEL_DELAY_MINUTES), index, "label"))
    return sorted(events)


class HospitalClient:
    """A client program of one hospital, with its own API key.

    It waits for an API that is away, and calls `meanwhile` so that somebody may bring it back.
    """

    def __init__(self, base_url: str, key: str, model: str, *, meanwhile: Callable[[], None]) -> None:
        self._http = httpx.Client(base_url=base_url, headers={"X-API-Key": key}, timeout=10.0)
        self._model = model
        self._meanwhile = meanwhile

    def close(self) -> None:
        self._http.close()

    def predict(self, row: Mapping[str, Any]) -> str:
        """The id of the answer."""
        headers = {"Idempotency-Key": str(uuid4())}
        return str(self._post(f"/models/{self._model}/predict", dict(row), headers)["prediction_id"])

    def tell(self, prediction_id: str, actual: int) -> None:
        """Send the truth about one answer."""
        self._post("/labels", {"prediction_id": prediction_id, "actual": actual}, {})

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE_S
        while (answer := self._once(path, body, headers, last=time.monotonic() > deadline)) is None:
            self._meanwhile()
            time.sleep(0.2)
        return answer

    def _once(self, path: str, body: dict[str, Any], headers: dict[str, str], *, last: bool) -> dict[str, Any] | None:
        """The answer, or None if it is worth asking again."""
        try:
            response = self._http.post(path, json=body, headers=headers)
        except httpx.TransportError as error:
            if last:
                raise CommandFailedError(f"{path}: the API has been away for {_PATIENCE_S:.0f} s ({error})") from error
            return None
        if response.status_code in {429, 503} and not last:
            return None
        if response.is_error:
            raise CommandFailedError(f"{path} answered {response.status_code}: {response.text[:300]}")
        answer: dict[str, Any] = response.json()
        return answer


def replay(
    client: HospitalClient, cohort: Cohort, seed: int, tick: Callable[[Literal["patient", "label"]], None]
) -> list[str]:
    """Send the cohort through the API at the simulated pace; returns the ids of the answers in order of arrival.

    `tick` is called after each event, for a progress bar and for whoever must look after processes meanwhile.
    """
    answers: dict[int, str] = {}
    begin = time.monotonic()
    for event in schedule(len(cohort.rows), seed):
        wait = begin + event.minute / MINUTES_PER_SECOND - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        if event.kind == "patient":
            answers[event.index] = client.predict(cohort.rows[event.index])
        else:
            client.tell(answers[event.index], cohort.labels[event.index])
        tick(event.kind)
    return [answers[index] for index in range(len(cohort.rows))]
