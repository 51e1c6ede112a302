"""Render's public API, as far as a deployment needs it: https://api-docs.render.com/reference (looked at in 2026).

Reads are repeated with growing pauses on 429, 5xx and broken connections. A deploy asked for twice is made twice, so
after an answer that never came the list of deploys is looked at first. Nothing here logs, follows a redirect or
repeats what the service said beyond its status and its own short message.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from config.settings import LOOPBACK

URL = "https://api.render.com/v1"
LIVE = "live"
# A deploy that once served; another came after it.
SERVED = frozenset({LIVE, "deactivated"})
FAILED = frozenset({"build_failed", "update_failed", "pre_deploy_failed", "canceled"})
_PASSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE_S = 30.0
_MOST_SAID = 200


class HostingError(RuntimeError):
    """The hosting service refused, or could not be reached for long; the message says which call and why."""


@dataclass(frozen=True)
class Service:
    """One service. `url` is None where nobody can reach it from outside (a worker); `image` is what it is set to."""

    id: str
    name: str
    image: str
    url: str | None


@dataclass(frozen=True)
class Deploy:
    """One deploy of a service: of `image`, as the service writes it, which it resolved to `digest`."""

    id: str
    status: str
    image: str | None
    digest: str | None = None

    @property
    def is_over(self) -> bool:
        return self.status in FAILED or self.status in SERVED

    def is_of(self, image: str) -> bool:
        """Whether it is of this image. A registry's name may be written in more than one way, a digest in one."""
        wanted = _digest_in(image)
        return self.image == image or (wanted is not None and wanted in {_digest_in(self.image or ""), self.digest})


@dataclass(frozen=True)
class Patience:
    """How often and how long: `tries` of one call, `first_pause_s` doubling; `poll_s` between looks at a deploy."""

    tries: int = 7
    first_pause_s: float = 1.0
    poll_s: float = 5.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)


class Render:
    """The services of one account."""

    def __init__(self, key: SecretStr, url: str = URL, patience: Patience | None = None) -> None:
        """Raises `HostingError` for an address that would carry the key in the clear."""
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise HostingError(f"{url}: the key is sent over https only")
        self.patience = patience or Patience()
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {key.get_secret_value()}", "Accept": "application/json"},
            timeout=30.0,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._client.close()

    def service(self, service_id: str) -> Service:
        """Raises `HostingError`, also for a service that is not made from an image."""
        found = self._read(f"/services/{service_id}")
        if not isinstance(found, dict) or not found.get("imagePath"):
            raise HostingError(f"service {service_id} is not deployed from an image (no imagePath)")
        url = (found.get("serviceDetails") or {}).get("url")
        return Service(service_id, str(found.get("name") or service_id), found["imagePath"], url or None)

    def deploys(self, service_id: str, limit: int = 50) -> list[Deploy]:
        """The newest first."""
        found = self._read(f"/services/{service_id}/deploys", {"limit": limit})
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise HostingError(f"the deploys of {service_id} were answered with something that is no list of them")
        return [_deploy(one.get("deploy")) for one in found]

    def deploy(self, service_id: str, deploy_id: str) -> Deploy:
        return _deploy(self._read(f"/services/{service_id}/deploys/{deploy_id}"))

    def start(self, service_id: str, image: str) -> Deploy:
        """Ask for a deploy of `image`, once: if the answer got lost, the deploy it made is found in the list."""
        place, body = f"/services/{service_id}/deploys", {"imageUrl": image}
        return self._start(service_id, place, body, lambda deploy: deploy.is_of(image))

    def roll_back(self, service_id: str, to: Deploy) -> Deploy:
        """Ask for what an earlier deploy was, once."""
        place = f"/services/{service_id}/rollback"
        return self._start(service_id, place, {"deployId": to.id}, lambda deploy: deploy.image == to.image)

    def cancel(self, service_id: str, deploy: Deploy) -> None:
        """End a deploy that is under way, and wait until it is over; one that is over meanwhile is left alone."""
        place = f"/services/{service_id}/deploys/{deploy.id}/cancel"
        pause = self.patience.first_pause_s
        for _ in range(self.patience.tries):
            answer = self._send("POST", place, None)
            if self.deploy(service_id, deploy.id).is_over:
                return
            pause = self._pause(answer, pause)
        raise HostingError(f"deploy {deploy.id} of {service_id} could not be cancelled")

    def wait(self, service_id: str, deploy: Deploy, deadline: float) -> Deploy:
        """Look until it is over, on the clock of `time.monotonic`. Raises `HostingError` when it is not in time."""
        while not deploy.is_over:
            if time.monotonic() > deadline:
                raise HostingError(f"deploy {deploy.id} of {service_id} is still {deploy.status}")
            self.patience.sleep(self.patience.poll_s)
            deploy = self.deploy(service_id, deploy.id)
        return deploy

    def _start(self, service_id: str, place: str, body: dict[str, str], is_it: Callable[[Deploy], bool]) -> Deploy:
        known = {deploy.id for deploy in self.deploys(service_id)}
        pause = self.patience.first_pause_s
        for left in reversed(range(self.patience.tries)):
            answer = self._send("POST", place, body)
            if answer is not None and answer.status_code == 201 and answer.content:
                return _deploy(_json_of(answer))
            if answer is not None and answer.status_code != 202 and answer.status_code not in _PASSES:
                raise HostingError(_refusal("POST", place, answer))
            # Queued without a body, or nobody knows: it is in the list if it was made.
            made = [one for one in self.deploys(service_id) if one.id not in known and is_it(one)]
            if made:
                return made[0]
            if left:
                pause = self._pause(answer, pause)
        raise HostingError(f"POST {place}: no deploy was made in {self.patience.tries} tries")

    def _read(self, place: str, params: dict[str, int] | None = None) -> Any:
        pause = self.patience.first_pause_s
        for left in reversed(range(self.patience.tries)):
            answer = self._send("GET", place, None, params)
            if answer is not None and answer.status_code == 200:
                return _json_of(answer)
            if answer is not None and answer.status_code not in _PASSES:
                raise HostingError(_refusal("GET", place, answer))
            if left:
                pause = self._pause(answer, pause)
        why = "nobody answers" if answer is None else _refusal("GET", place, answer)
        raise HostingError(f"{place}: {why}, {self.patience.tries} times")

    def _send(
        self, method: str, place: str, body: dict[str, str] | None, params: dict[str, int] | None = None
    ) -> httpx.Response | None:
        """None when nobody answered."""
        try:
            return self._client.request(method, place, json=body, params=params)
        except httpx.HTTPError:
            return None

    def _pause(self, answer: httpx.Response | None, pause: float) -> float:
        """Wait, at least as long as the service asks for; how long to wait next."""
        asked = answer.headers.get("Retry-After", "") if answer is not None else ""
        self.patience.sleep(min(max(pause, float(asked) if asked.isdigit() else 0.0), _LONGEST_PAUSE_S))
        return pause * 2


def _deploy(found: Any) -> Deploy:
    """Raises `HostingError` for something that is no deploy."""
    try:
        image = found.get("image") or {}
        sha = image.get("sha")
        digest = str(sha).removeprefix("sha256:") if sha else None
        return Deploy(str(found["id"]), found.get("status") or "created", image.get("ref"), digest)
    except (AttributeError, KeyError, TypeError) as error:
        raise HostingError(f"the hosting service answered with something that is no deploy ({error!r})") from error


def _digest_in(image: str) -> str | None:
    """The 64 hexadecimal digits, if the image is named by them."""
    _, at, digest = image.rpartition("@sha256:")
    return digest if at else None


def _json_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise HostingError(f"{answer.request.url.path} was answered with something that is no JSON") from error


def _refusal(method: str, place: str, answer: httpx.Response) -> str:
    """What it said in its own `message`, cut; its bodies have no secrets of ours."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    words = str(said.get("message", "")) if isinstance(said, dict) else ""
    return f"{method} {place} answered {answer.status_code}{f' ({words[:_MOST_SAID]})' if words else ''}"
