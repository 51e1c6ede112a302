"""Put new images in the place of the old ones, and the old ones back when anything is not as it should be.

Nothing is remembered on the machine that deploys: what served before is read from the hosting service, so a deployment
that was killed in the middle is finished, or taken back, by running it again.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from scripts.delivery.render import LIVE, SERVED, Deploy, HostingError, Patience, Service
from scripts.smoke.checks import Check

_ASK_S = 5.0


class Hosting(Protocol):
    """What a deployment needs of a hosting service; `Render` is one."""

    patience: Patience

    def service(self, service_id: str) -> Service: ...
    def deploys(self, service_id: str, limit: int = ...) -> list[Deploy]: ...
    def start(self, service_id: str, image: str) -> Deploy: ...
    def cancel(self, service_id: str, deploy: Deploy) -> None: ...
    def roll_back(self, service_id: str, to: Deploy) -> Deploy: ...
    def wait(self, service_id: str, deploy: Deploy, deadline: float) -> Deploy: ...


@dataclass(frozen=True)
class Part:
    """One service and the image it is to run. `probes`: addresses that must answer 200 before it counts as healthy."""

    role: str
    service_id: str
    image: str
    probes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Before:
    """What served when the deployment began; `deploy` is None for a service that never served."""

    part: Part
    service: Service
    deploy: Deploy | None
    runs_already: bool = False


@dataclass
class Rollout:
    """What happened. `restored` is None as long as nothing had to be."""

    ok: bool = False
    restored: bool | None = None
    steps: list[str] = field(default_factory=list)
    why: str | None = None
    checks: list[Check] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        checks = [{"name": one.name, "ok": one.ok, "says": one.says} for one in self.checks]
        return {"ok": self.ok, "restored": self.restored, "why": self.why, "steps": self.steps, "checks": checks}


@dataclass(frozen=True)
class Limits:
    """Seconds: `deploy_s` until the hosting service is done with a deploy, `healthy_s` from then on."""

    deploy_s: float = 900.0
    healthy_s: float = 300.0


class NotHealthyError(RuntimeError):
    """What was deployed does not do what it should; the message says what."""


class Interrupted(BaseException):
    """A signal asked the deployment to end."""


Smoke = Callable[[dict[str, Service]], Sequence[Check]]


def roll_out(
    hosting: Hosting,
    parts: Sequence[Part],
    smoke: Smoke,
    say: Callable[[str], None],
    *,
    revision: str | None = None,
    limits: Limits = Limits(),
) -> Rollout:
    """Deploy the parts in their order, each until it is healthy, then look at all of it from outside.

    Whatever goes wrong, also `Interrupted` or a fault of our own, puts back what served before, in reverse order, and
    looks whether that is healthy again. Raises nothing from then on; whoever interrupts the putting back is not heard.
    """
    done = Rollout()

    def told(step: str) -> None:
        done.steps.append(step)
        with suppress(OSError):  # nobody reads any more: no reason to leave half of it
            say(step)

    changed: list[Before] = []
    try:
        known = [_before(hosting, part) for part in parts]
        for before in known:
            _replace(hosting, before, changed, told, revision, limits)
        done.checks = list(smoke({before.part.role: before.service for before in known}))
        if failed := [check for check in done.checks if check.ok is False]:
            raise NotHealthyError("; ".join(f"{check.name}: {check.says}" for check in failed))
        done.ok = True
        told("everything is healthy and the smoke test passed")
    except (Exception, Interrupted) as error:  # noqa: BLE001 - whatever it is, half of a deployment must not stay
        done.ok, done.why = False, _said(error)
        done.restored = _put_back_whatever_comes(hosting, changed, told, limits, done.why)
    return done


def _said(error: BaseException) -> str:
    """What went wrong; what nobody expected is named with its kind."""
    expected = isinstance(error, HostingError | NotHealthyError | Interrupted)
    return str(error) if expected else f"{type(error).__name__}: {error}"


def _put_back_whatever_comes(
    hosting: Hosting, changed: Sequence[Before], told: Callable[[str], None], limits: Limits, why: str
) -> bool:
    """`put_back`, begun again when it is interrupted: asked for again, what was asked for goes on."""
    try:
        told(f"failed: {why}")
        return put_back(hosting, changed, told, limits)
    except Interrupted as error:  # there is one at most (`deploy.py`)
        told(f"{error}: what served before is put back all the same")
        return put_back(hosting, changed, told, limits)


def _before(hosting: Hosting, part: Part) -> Before:
    """What to go back to: what serves, or, if that is the wanted image already, the last other one that did."""
    deploys = hosting.deploys(part.service_id)
    live = next((one for one in deploys if one.status == LIVE), None)
    if live is not None and not live.is_of(part.image):
        return Before(part, hosting.service(part.service_id), live)
    earlier = next((one for one in deploys if one.status in SERVED and not one.is_of(part.image)), None)
    return Before(part, hosting.service(part.service_id), earlier, runs_already=live is not None)


def _replace(
    hosting: Hosting,
    before: Before,
    changed: list[Before],
    told: Callable[[str], None],
    revision: str | None,
    limits: Limits,
) -> None:
    """Raises `HostingError` or `NotHealthyError`."""
    part = before.part
    changed.append(before)  # from here on it may have changed, whatever the answer says
    if before.runs_already:
        told(f"{part.role}: {part.image} serves already")
    else:
        under_way = next(
            (one for one in hosting.deploys(part.service_id) if not one.is_over and one.is_of(part.image)), None
        )
        deploy = under_way or hosting.start(part.service_id, part.image)
        told(f"{part.role}: deploy {deploy.id} of {part.image} {'goes on' if under_way else 'was asked for'}")
        deploy = hosting.wait(part.service_id, deploy, time.monotonic() + limits.deploy_s)
        if deploy.status != LIVE:
            raise NotHealthyError(f"{part.role}: deploy {deploy.id} ended as {deploy.status}")
    _healthy(hosting, before, revision if part.role == "api" else None, limits)
    told(f"{part.role}: healthy")


def _healthy(hosting: Hosting, before: Before, revision: str | None, limits: Limits) -> None:
    """Until every probe answers 200, from the expected revision. Raises `NotHealthyError` with what it said last."""
    deadline = time.monotonic() + limits.healthy_s
    for probe in before.part.probes if before.service.url else ():
        url = f"{before.service.url}{probe}"
        while (why := _unwell(url, revision)) is not None:
            if time.monotonic() > deadline:
                raise NotHealthyError(f"{before.part.role}: {probe}: {why}")
            hosting.patience.sleep(hosting.patience.poll_s)


def _unwell(url: str, revision: str | None) -> str | None:
    try:
        answer = httpx.get(url, timeout=_ASK_S, follow_redirects=False)
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})"
    if answer.status_code != 200:
        return f"answers {answer.status_code}"
    if revision is None or not url.endswith("/readyz"):
        return None
    try:
        found = answer.json().get("revision")
    except (ValueError, AttributeError):
        return "is not answered by this program"
    return None if found == revision else f"is answered by revision {found or '(none told)'}, not by {revision}"


def put_back(hosting: Hosting, changed: Sequence[Before], told: Callable[[str], None], limits: Limits) -> bool:
    """All that may have changed, the last one first; whether all of it serves and is healthy again.

    Each is asked for before the first is waited for: who is being ended has little time.
    """
    asked: list[tuple[Before, Deploy | None]] = []
    whole = True
    for before in reversed(changed):
        try:
            asked.append((before, _ask_back(hosting, before, told)))
        except Exception as error:  # noqa: BLE001 - the other parts are put back all the same
            whole = False
            told(f"{before.part.role}: could not be put back: {_said(error)}")
    for before, deploy in asked:
        try:
            _was_put_back(hosting, before, deploy, limits)
            if before.deploy is not None:
                told(f"{before.part.role}: {before.deploy.image} serves and is healthy")
        except Exception as error:  # noqa: BLE001 - as above
            whole = False
            told(f"{before.part.role}: could not be put back: {_said(error)}")
        else:
            whole = whole and before.deploy is not None
    return whole


def _ask_back(hosting: Hosting, before: Before, told: Callable[[str], None]) -> Deploy | None:
    """The deploy that puts it back; None if what served before serves still, or there is nothing to go back to."""
    part, to = before.part, before.deploy
    for under_way in hosting.deploys(part.service_id):
        if not under_way.is_over and under_way.is_of(part.image):
            hosting.cancel(part.service_id, under_way)
            told(f"{part.role}: deploy {under_way.id} was cancelled")
    if to is None:
        told(f"{part.role}: nothing served before, so there is nothing to put back")
        return None
    deploys = hosting.deploys(part.service_id)
    if (asked := next((one for one in deploys if not one.is_over and one.image == to.image), None)) is not None:
        told(f"{part.role}: is on its way back to {to.image} (deploy {asked.id})")
        return asked
    live = next((one for one in deploys if one.status == LIVE), None)
    if live is not None and live.image == to.image:
        told(f"{part.role}: {to.image} never stopped serving")
        return None
    deploy = hosting.roll_back(part.service_id, to)
    told(f"{part.role}: asked to go back to {to.image} (deploy {deploy.id})")
    return deploy


def _was_put_back(hosting: Hosting, before: Before, deploy: Deploy | None, limits: Limits) -> None:
    if before.deploy is None:
        return
    if deploy is not None:
        deploy = hosting.wait(before.part.service_id, deploy, time.monotonic() + limits.deploy_s)
        if deploy.status != LIVE:
            raise NotHealthyError(f"the deploy that was to put it back ended as {deploy.status}")
    _healthy(hosting, before, None, limits)
