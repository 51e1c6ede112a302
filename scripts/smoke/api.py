"""The checks of the API, in the order in which a person would look."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from config.settings import LOOPBACK
from scripts.smoke.checks import NotLookedAtError, SmokeError, Target, expect

# Behind a balancer a repeated request may reach another replica, which answers it anew: among so many tries one
# replica is asked twice.
_TRIES = 8


class ApiChecks:
    """The checks share what the ones before found: the example row and the prediction."""

    def __init__(self, client: httpx.Client, target: Target) -> None:
        self._client, self._target = client, target
        self._row: Any = None
        self._prediction: str | None = None

    def __iter__(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "alive", self._alive
        yield "ready", self._ready
        yield "described", self._described
        yield "closed to strangers", self._closed
        yield "metrics closed to strangers", self._metrics
        yield "predicts", self._predicts
        yield "repeats safely", self._repeats
        yield "takes a label", self._labels

    def _alive(self) -> str:
        expect(self._client.get("/livez"), 200)
        return "GET /livez answers 200"

    def _ready(self) -> str:
        answer = self._client.get("/readyz")
        state = answer.json() if answer.status_code in {200, 503} else expect(answer, 200).json()
        why = "; ".join(state["why"]) or "nothing is wrong"
        if answer.status_code == 503:
            raise SmokeError(f"predictions are not answered: {why}")
        self._expected_revision(state.get("revision"))
        serving = [f"{one['model_name']} version {one['version']} (generation {one['generation']})"
                   for one in state["models"] if one["version"] is not None]  # fmt: skip
        if self._target.model and not any(one["model_name"] == self._target.model and one["version"] is not None
                                          for one in state["models"]):  # fmt: skip
            raise SmokeError(f"no version of {self._target.model} serves: {why}")
        built = f", built from {state['revision']}" if state.get("revision") else ""
        return f"{state['status']} ({why}): {', '.join(serving)}{built}"

    def _expected_revision(self, found: str | None) -> None:
        wanted = self._target.revision
        if wanted is not None and found != wanted:
            raise SmokeError(f"revision {found or '(none told)'} answers, expected {wanted}")

    def _described(self) -> str:
        answer = self._client.get("/openapi.json")
        if answer.status_code == 404:
            self._row = self._target.row
            instead = "the contract known here gives the row" if self._row else "so there is no row to predict with"
            raise NotLookedAtError(f"there is no /openapi.json (API_DOCS=false); {instead}")
        paths = expect(answer, 200).json()["paths"]
        place = self._place()
        if place not in paths:
            raise SmokeError(f"/openapi.json knows no POST {place}")
        media = paths[place]["post"]["requestBody"]["content"]["application/json"]
        self._row = media["examples"]["one"]["value"]
        return f"/openapi.json has {len(paths)} addresses and an example of a row of {len(self._row)} features"

    def _place(self) -> str:
        return f"/models/{self._target.model}/predict" if self._target.model else "/predict"

    def _closed(self) -> str:
        expect(self._client.post(self._place(), json=self._row or {}), 401)
        expect(self._client.get("/actions"), 401)
        expect(self._client.get("/audit"), 401)
        return "without a key or a session, predictions, actions and the audit log answer 401"

    def _metrics(self) -> str:
        if self._client.base_url.host in LOOPBACK:
            raise NotLookedAtError("asked from this machine, which may read /metrics; ask from another one")
        expect(self._client.get("/metrics"), 401, 403, 404)
        return "GET /metrics without a key is refused"

    def _predicts(self) -> str:
        answer = self._predict(None)
        self._prediction = answer["prediction_id"]
        probability = answer["probability"]
        if not isinstance(probability, int | float) or not 0 <= probability <= 1:
            raise SmokeError(f"POST {self._place()} answered without a probability between 0 and 1")
        version = answer.get("model_version", answer.get("version"))
        return f"the example row was answered with probability {probability:.3f} by version {version}"

    def _predict(self, idempotency_key: str | None) -> dict[str, Any]:
        if self._target.key is None:
            raise NotLookedAtError("no API key was given (--key-file, or STEWARD_SMOKE_KEY)")
        if self._row is None:
            raise NotLookedAtError("there is no example row")
        headers = {"X-API-Key": self._target.key.get_secret_value()}
        headers |= {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer: dict[str, Any] = expect(self._client.post(self._place(), json=self._row, headers=headers), 200).json()
        return answer

    def _repeats(self) -> str:
        key = f"smoke-{secrets.token_hex(16)}"
        seen: set[str] = set()
        for tried in range(1, _TRIES + 1):
            found = self._predict(key)["prediction_id"]
            if found in seen:
                return f"the same Idempotency-Key got the same prediction_id again (request {tried})"
            seen.add(found)
        raise SmokeError(f"{_TRIES} requests with one Idempotency-Key got {len(seen)} different predictions")

    def _labels(self) -> str:
        if not self._target.write:
            raise NotLookedAtError("--write was not given: a label would be stored")
        if self._prediction is None or self._target.key is None:
            raise NotLookedAtError("there is no prediction to label")
        body = {"prediction_id": self._prediction, "actual": 0, "observed_at": datetime.now(UTC).isoformat()}
        headers = {"X-API-Key": self._target.key.get_secret_value()}
        expect(self._client.post("/labels", json=body, headers=headers), 200, 201, 202)
        return "a label of the prediction was accepted"
