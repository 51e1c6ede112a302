"""What a check says, and how a deployment is asked: no redirect is followed, and every answer has its time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

# The first question that is no prediction loads all the other routes: on a small or busy machine that takes its time.
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Target:
    """What is looked at. `key` is a program's; without one nothing is predicted. `row`: what to predict where the
    deployment publishes no example. `write` allows a label."""

    url: str
    key: SecretStr | None = None
    model: str | None = None
    ui_url: str | None = None
    revision: str | None = None
    write: bool = False
    row: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Check:
    """One line: `ok` is None for what could not be looked at, and `says` then says why."""

    name: str
    ok: bool | None
    says: str


class SmokeError(Exception):
    """A check failed; the message says what was expected and what came."""


class NotLookedAtError(Exception):
    """A check cannot be made here; the message says why."""


@contextmanager
def asking(url: str, timeout_s: float = TIMEOUT_S) -> Iterator[httpx.Client]:
    """A client for one deployment."""
    with httpx.Client(base_url=url.rstrip("/"), timeout=timeout_s, follow_redirects=False) as client:
        yield client


def expect(answer: httpx.Response, *statuses: int) -> httpx.Response:
    """The answer, if it has one of these statuses. Raises `SmokeError`."""
    if answer.status_code not in statuses:
        wanted = " or ".join(map(str, statuses))
        place = f"{answer.request.method} {answer.request.url.path}"
        raise SmokeError(f"{place} answered {answer.status_code}{_code(answer)}, expected {wanted}")
    return answer


def _code(answer: httpx.Response) -> str:
    """The stable code of a problem; nothing else of an answer is repeated."""
    try:
        found = answer.json()
    except ValueError:
        return ""
    return f" ({found['code']})" if isinstance(found, dict) and isinstance(found.get("code"), str) else ""
