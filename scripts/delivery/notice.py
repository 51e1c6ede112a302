"""Tell people in Slack what a workflow did: `python -m scripts.delivery.notice --what deploy --status failure …`.

The address comes from SLACK_WEBHOOK_URL (or the file SLACK_WEBHOOK_URL_FILE names). Without one nothing is sent, and
that is said. A message that could not be sent is said, too, and is no failure of what it was about: exit code 0.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from config.settings import LOOPBACK
from scripts.secret import secret
from scripts.speech import CommandFailedError

_TRIES, _TIMEOUT_S = 3, 10.0
_MOST = 2500
_ICONS = {"success": "✅", "failure": "❌", "cancelled": "⚪", "waiting": "🟡", "pending_approval": "🟡"}
_NOT_WELL = frozenset({"failure", "cancelled"})


@dataclass(frozen=True)
class Notice:
    """What is told: `what` ended as `status`, started by `who`; `link` leads to the run. `lines` say more."""

    what: str
    status: str
    who: str
    link: str
    seconds: float | None = None
    lines: tuple[str, ...] = ()

    def text(self) -> str:
        """One message of Slack's markup, in which what comes from elsewhere is plain text."""
        took = f" after {self.seconds:.0f} s" if self.seconds is not None else ""
        head = f"{_ICONS.get(self.status, '•')} *{_plain(self.what)}*: {_plain(self.status)}{took}"
        by = f"by {_plain(self.who)}" + (f", <{_address(self.link)}|open the run>" if self.link else "")
        return "\n".join((head, by, *(f"• {_plain(line)}" for line in self.lines)))[:_MOST]


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _address(link: str) -> str:
    return _plain(link).replace("|", "%7C")


def send(url: SecretStr, notice: Notice) -> str | None:
    """None when Slack took it, else why not: never the address, which is a secret."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        return "SLACK_WEBHOOK_URL is no https address"
    why = ""
    for _ in range(_TRIES):
        try:
            answer = httpx.post(
                url.get_secret_value(), json={"text": notice.text()}, timeout=_TIMEOUT_S, follow_redirects=False
            )
        except httpx.HTTPError as error:
            why = f"Slack could not be reached ({type(error).__name__})"
            continue
        if answer.status_code == 200:
            return None
        why = f"Slack answered {answer.status_code}"
        if answer.status_code < 500 and answer.status_code != 429:
            break
    return why


def lines_of(report: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a report belongs into a message: why it failed, and its last steps."""
    steps = [str(step) for step in report.get("steps", ())]
    asked = [
        f"{name.replace('_', ' ')}: {report[name]}" for name in ("action_id", "outcome", "says") if report.get(name)
    ]
    return (*steps[-6:], *asked)


def run_link(environment: Mapping[str, str]) -> str:
    """Where GitHub shows the run that this is part of; empty elsewhere."""
    server, repository = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_REPOSITORY")
    run = environment.get("GITHUB_RUN_ID")
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""


def _report(file: Path | None) -> Mapping[str, Any]:
    """An empty one for a file that was never written, or not whole: the step before may have died."""
    try:
        found = json.loads(file.read_text()) if file is not None else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.delivery.notice", description=__doc__)
    parser.add_argument("--what", required=True, help="what was done, such as `deploy v1.2`")
    parser.add_argument("--status", required=True, help="success, failure, cancelled or waiting")
    parser.add_argument("--report", type=Path, help="JSON report whose steps are told")
    parser.add_argument("--line", action="append", default=[], help="one more line; an empty one is left out")
    parser.add_argument("--seconds", type=float, help="how long it took")
    given = parser.parse_args(argv)
    try:
        url = secret("SLACK_WEBHOOK_URL")
    except CommandFailedError as error:
        print(f"nobody was told: {error}", file=sys.stderr)
        return 0
    if url is None:
        print("nobody was told: SLACK_WEBHOOK_URL is not set")
        return 0
    report = _report(given.report)
    who = os.environ.get("GITHUB_ACTOR") or os.environ.get("USER") or "nobody known"
    # A report knows more than a job that went well; of one that did not, it may have been written before that.
    status = str(given.status if given.status in _NOT_WELL else report.get("status") or given.status)
    seconds = given.seconds if given.seconds is not None else report.get("seconds")
    notice = Notice(
        given.what, status, who, run_link(os.environ), seconds, (*lines_of(report), *filter(None, given.line))
    )
    why = send(url, notice)
    print(
        "Slack was told" if why is None else f"nobody was told: {why}", file=sys.stdout if why is None else sys.stderr
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
