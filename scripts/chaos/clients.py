"""People and programs of a chaos run, over HTTP: each repeats what was not answered, under the same key."""

import contextlib
import itertools
import random
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from scripts.chaos.history import History, Phase
from scripts.chaos.platform import PASSWORD
from scripts.crash.world import MODEL

_PAUSE_S = 0.15
_AGAIN_S = 0.1
_REJECTS, _CLICKS_TWICE = 0.15, 0.4
_LABELS_AT_ONCE = 20


class Client(ABC):
    """One thread that does its thing again and again until it is told to stop."""

    def __init__(self, name: str, url: str, history: History, seed: int) -> None:
        self.name, self.history = name, history
        self.http = httpx.Client(base_url=url, timeout=15)
        self.draw = random.Random(f"{seed} {name}")  # noqa: S311  (to be drawn again)
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join(timeout=30)
        self.http.close()

    @abstractmethod
    def once(self) -> None:
        """What it does."""

    def _run(self) -> None:
        while not self.stopping.wait(_PAUSE_S):
            try:
                self.once()
            except httpx.HTTPError:
                continue  # a question without an answer: it is asked in the next round

    def sign_in(self) -> None:
        """With patience: the database may be away just now."""
        while "Authorization" not in self.http.headers:
            with contextlib.suppress(httpx.HTTPError):
                answer = self.http.post("/auth/login", json={"name": self.name, "password": PASSWORD})
                if answer.status_code == 200:
                    self.http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
                    return
            time.sleep(_AGAIN_S)

    def insist(self, what: str, key: str, send: Callable[[], httpx.Response], **facts: Any) -> httpx.Response | None:
        """Send until there is an answer, and note what was heard. None: told to stop before one came."""
        self.history.note(Phase.INVOKE, what, key, by=self.name, **facts)
        while True:
            try:
                answer = send()
            except httpx.HTTPError as error:
                self.history.note(Phase.INFO, what, key, why=type(error).__name__)
            else:
                if answer.status_code < 500 and answer.status_code != 429:
                    phase = Phase.OK if answer.status_code < 300 else Phase.FAIL
                    self.history.note(phase, what, key, status=answer.status_code)
                    return answer
                self.history.note(Phase.INFO, what, key, status=answer.status_code)
            if self.stopping.wait(_AGAIN_S):
                return None


class Approver(Client):
    """Decides whatever waits, now and then with a double click; the others race for the same question."""

    def once(self) -> None:
        listed = self.http.get("/actions", params={"status": "pending"})
        if listed.status_code != 200:
            return
        for waiting in listed.json()["actions"]:
            shown = self.http.get(f"/actions/{waiting['action_id']}")
            if shown.status_code == 200 and shown.json()["may_decide"]["allowed"]:
                self._decide(shown.json())

    def _decide(self, shown: dict[str, Any]) -> None:
        rejects = self.draw.random() < _REJECTS
        action_id = shown["action_id"]
        sent = {
            "decision": "reject" if rejects else "approve",
            "comment": "not now" if rejects else "",
            "evidence_digest": shown["evidence_digest"],
            "seen_version": shown["version"],
            "idempotency_key": f"{self.name} {action_id} {shown['version']}",
        }

        def click() -> httpx.Response:
            return self.http.post(f"/actions/{action_id}/decision", json=sent)

        clicks = 1 + (self.draw.random() < _CLICKS_TWICE)
        for _ in range(clicks):
            self.insist("decide", str(sent["idempotency_key"]), click, action=action_id, decision=sent["decision"])


class Asker(Client):
    """Asks for a retrain whenever none is open."""

    def once(self) -> None:
        self.http.post("/retrain", json={"reason": "a minute has passed", "model": MODEL})


class Labeller(Client):
    """Tells the truth about answered predictions: mixed up, each delivery twice."""

    def __init__(self, name: str, url: str, history: History, seed: int, *, key: str) -> None:
        super().__init__(name, url, history, seed)
        self.http.headers["X-API-Key"] = key
        self.answered: deque[str] = deque()
        self._sent: list[tuple[str, dict[str, Any]]] = []
        self._number = itertools.count()

    def once(self) -> None:
        ids = [self.answered.popleft() for _ in range(min(len(self.answered), _LABELS_AT_ONCE))]
        if ids:
            self.draw.shuffle(ids)
            now = datetime.now(UTC).isoformat()
            labels = [
                {"prediction_id": one, "actual": int(self.draw.random() < 0.7), "observed_at": now} for one in ids
            ]
            self._deliver(f"delivery {next(self._number)}", {"labels": labels})
        if self._sent and self.draw.random() < 0.5:
            key, body = self._sent.pop(self.draw.randrange(len(self._sent)))
            self.insist("labels", f"{key} again", lambda: self.http.post("/labels", json=body))

    def _deliver(self, key: str, body: dict[str, Any]) -> None:
        answer = self.insist("labels", key, lambda: self.http.post("/labels", json=body), **body)
        if answer is not None:
            self._sent.append((key, body))


def all_of(clients: Sequence[Client], do: Callable[[Client], None]) -> None:
    """Start or stop every one."""
    for client in clients:
        do(client)
