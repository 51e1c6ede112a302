"""Clients of /predict that ask all the time and remember what they were told."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import httpx

from scripts.chaos.small_model import EXAMPLE

_PAUSE_WHEN_REFUSED_S = 0.05


class Load:
    """Asks from the first moment until `end`. `unanswered`: sent, and nobody knows whether it counts; one that was
    refused a connection was never sent. `faults`: every status that was not 200."""

    def __init__(
        self,
        urls: str | Sequence[str],
        key: str,
        clients: int,
        *,
        pause_s: float = 0.0,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._urls = [urls] if isinstance(urls, str) else list(urls)
        self._key, self._pause_s, self._tell = key, pause_s, tell
        self.acknowledged: list[str] = []
        self.seconds: list[float] = []
        self.unanswered = 0
        self.faults: Counter[int] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(at,), name=f"client-{at}") for at in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self, at: int) -> None:
        url = self._urls[at % len(self._urls)]
        with httpx.Client(base_url=url, headers={"X-API-Key": self._key}, timeout=15) as client:
            while not self._stop.wait(self._pause_s):
                self._ask_once(client)

    def _ask_once(self, client: httpx.Client) -> None:
        began = time.perf_counter()
        try:
            answer = client.post("/predict", json=EXAMPLE)
        except httpx.ConnectError:
            self._stop.wait(_PAUSE_WHEN_REFUSED_S)
            return
        except httpx.HTTPError:
            self.unanswered += 1
            return
        if answer.status_code != 200:
            self.faults[answer.status_code] += 1
            return
        self.seconds.append(time.perf_counter() - began)
        prediction_id = str(answer.json()["prediction_id"])
        self.acknowledged.append(prediction_id)
        self._tell(prediction_id)

    def end(self) -> None:
        """No more questions; what is under way is waited for."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)
