"""Deploy images to Render, and take them back when they are not healthy: `python -m scripts.delivery.deploy`.

Which services: RENDER_SERVICE_ID_API, _AGENT and _UI, each with its image given (`--api`, `--agent`, `--ui`). The
API goes first, since its pre-deploy command brings the database up to date. The key is RENDER_API_KEY (or the file
RENDER_API_KEY_FILE names), and STEWARD_SMOKE_KEY is a program's key for the smoke test.

Exit codes: 0 deployed and healthy; 1 failed, and what served before serves again; 3 failed, and a person is needed.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from scripts.delivery.render import LIVE, SERVED, URL, HostingError, Patience, Render, Service
from scripts.delivery.rollout import Before, Interrupted, Limits, Part, Rollout, put_back, roll_out
from scripts.secret import needed, secret
from scripts.smoke.checks import Check, Target
from scripts.smoke.command import KEY_VARIABLE, STATES, checks_of, row_of
from scripts.speech import CommandFailedError

# In the order in which they are deployed.
PROBES = {"api": ("/livez", "/readyz"), "agent": (), "ui": ("/_stcore/health",)}
DONE, TAKEN_BACK, BROKEN = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    given = _arguments(argv)
    began = time.monotonic()
    try:
        hosting = Render(
            needed("RENDER_API_KEY"), given.url, Patience(poll_s=given.poll_s, first_pause_s=given.pause_s)
        )
        parts = _parts(given, os.environ)
        smoke = _Smoke(given)
    except (CommandFailedError, HostingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return TAKEN_BACK  # nothing was touched
    limits = Limits(given.deploy_s, given.healthy_s)
    with _signals_as_interruption():
        if given.back:
            done = _go_back(hosting, parts, limits)
        else:
            done = roll_out(hosting, parts, smoke, _say, revision=given.revision, limits=limits)
    hosting.close()
    code = DONE if done.ok else TAKEN_BACK if done.restored else BROKEN
    _report(given.report, done, code, time.monotonic() - began)
    return code


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.delivery.deploy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for role in PROBES:
        parser.add_argument(f"--{role}", metavar="IMAGE", help=f"image of the service RENDER_SERVICE_ID_{role.upper()}")
    parser.add_argument(
        "--back", action="store_true", help="go back to what served before these images, and nothing else"
    )
    parser.add_argument("--revision", help="commit the images were built from: /readyz must tell it")
    parser.add_argument("--model", help="the model the smoke test asks; default: the one behind /predict")
    parser.add_argument("--key-file", type=Path, help="API key for the smoke test; else STEWARD_SMOKE_KEY")
    parser.add_argument("--row", type=Path, help="JSON of the row to predict; default: the example of the contract")
    parser.add_argument("--report", type=Path, help="JSON to write: what happened")
    parser.add_argument(
        "--deploy-s", type=float, default=900.0, help="most seconds of one deploy; default: %(default)g"
    )
    parser.add_argument("--healthy-s", type=float, default=300.0, help="then, until healthy; default: %(default)g")
    parser.add_argument("--poll-s", type=float, default=5.0, help="seconds between looks; default: %(default)g")
    parser.add_argument("--pause-s", type=float, default=1.0, help="first pause after a refusal; default: %(default)g")
    parser.add_argument("--url", default=os.environ.get("RENDER_API_URL") or URL, help="default: %(default)s")
    return parser.parse_args(argv)


def _parts(given: argparse.Namespace, environment: Mapping[str, str]) -> list[Part]:
    """Raises `CommandFailedError` for an image whose service is not named, and when there is no image at all."""
    parts = []
    for role, probes in PROBES.items():
        image = getattr(given, role)
        if image:
            variable = f"RENDER_SERVICE_ID_{role.upper()}"
            service_id = environment.get(variable, "").strip()
            if not service_id:
                raise CommandFailedError(f"--{role} was given, but {variable} is not set")
            parts.append(Part(role, service_id, image, probes))
    if not parts:
        raise CommandFailedError("give at least one image: --api, --agent or --ui")
    return parts


class _Smoke:
    """The smoke test of what was deployed, where it has an address."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._key = secret(KEY_VARIABLE, given.key_file)
        self._model, self._revision = given.model, given.revision
        self._row = row_of(given.row, given.model)

    def __call__(self, services: Mapping[str, Service]) -> list[Check]:
        api, ui = services.get("api"), services.get("ui")
        if api is None or api.url is None:
            return []
        target = Target(api.url, self._key, self._model, ui.url if ui else None, self._revision, row=self._row)
        found = []
        for check in checks_of(target):
            _say(f"smoke: {STATES[check.ok]}: {check.name}: {check.says}")
            found.append(check)
        return found


def _go_back(hosting: Render, parts: Sequence[Part], limits: Limits) -> Rollout:
    """Put back what served before the given images, wherever one of them serves."""
    done = Rollout()

    def told(step: str) -> None:
        done.steps.append(step)
        _say(step)

    try:
        changed = []
        for part in parts:
            deploys = hosting.deploys(part.service_id)
            if not any(one.status == LIVE and one.is_of(part.image) for one in deploys):
                told(f"{part.role}: {part.image} does not serve; nothing to put back")
                continue
            earlier = next((one for one in deploys if one.status in SERVED and not one.is_of(part.image)), None)
            changed.append(Before(part, hosting.service(part.service_id), earlier))
        done.restored = done.ok = put_back(hosting, changed, told, limits)
    except (HostingError, Interrupted) as error:
        done.why = str(error)
        told(f"failed: {error}")
    return done


@contextmanager
def _signals_as_interruption() -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the deployment, which then puts back; more of them change nothing."""
    asked = False

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise Interrupted(f"interrupted ({signal.Signals(number).name})")

    old = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    print(line, flush=True)


def _report(file: Path | None, done: Rollout, code: int, seconds: float) -> None:
    status = {DONE: "success", TAKEN_BACK: "failure", BROKEN: "failure"}[code]
    report: dict[str, Any] = {"status": status, "seconds": round(seconds, 1), "exit_code": code, **done.to_json()}
    if file is not None:
        file.write_text(json.dumps(report, indent=1) + "\n")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        lines = [f"## Deploy: {status}", "", *(f"- {step}" for step in done.steps), ""]
        with Path(summary).open("a") as page:
            page.write("\n".join(lines))
    if code == BROKEN:
        _say("a person is needed: not everything that served before serves again")


if __name__ == "__main__":
    sys.exit(main())
