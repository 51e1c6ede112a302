"""`python -m scripts.proofs.prometheus`: every question of every page and rule is asked of a real Prometheus.

1 when one of them has no answer that should, when an alert is raised that the installation gives no reason for, or when
none is after the agent was killed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from config.logging_config import configure_logging
from config.settings import ROOT
from scripts.foreign_tools import MissingToolError, program
from scripts.proofs.prometheus.platform import Running, running, wait_until
from scripts.proofs.prometheus.server import Prometheus, prometheus
from scripts.proofs.queries import of_pages, rules

PATIENCE_S = 60.0
# What has no answer here, by a part of its place, and why that is right.
RIGHTLY_EMPTY = {
    "annotation What serves changed": "nothing is activated while the proof runs; its metric is on the page Models",
    "annotation Alert": "no alert lasts long enough to fire; those about to are on the page Platform",
    "How long labels take": "the clinic's past holds no label that was waited for",
}
# What is wrong with the installation that is looked at, so that these alerts are right.
RIGHTLY_RAISED = {
    "ActionFailed": "what the clinic's past left approved cannot be carried out on made-up rows",
    "ActionQueueStalled": "work that the clinic's past left due is taken one by one",
    "ApprovalExpiring": "a question of the clinic expires within hours",
    "ApprovalWaiting": "a question of the clinic is older than a day",
    "ClientsRefused": "one in six predictions that the proof asks for is none",
    "IncidentUnattended": "the clinic has a critical incident",
    "MessagesUndelivered": "a message was given up",
}
Say = Callable[[str], None]


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    argparse.ArgumentParser(prog="python -m scripts.proofs.prometheus", description=__doc__).parse_args(argv)
    configure_logging("proof", level="ERROR", as_json=False)
    try:
        found = prove(lambda line: print(line, flush=True))
    except MissingToolError as error:
        print(f"UNPROVEN {error}")
        return int(bool(os.environ.get("CI")))
    for fault in found:
        print(f"FAULT    {fault}")
    return int(bool(found))


def prove(say: Say) -> list[str]:
    """Everything, told line by line; what is wrong, a sentence each. Raises `MissingToolError`."""
    binary, began = program("prometheus", "apt install prometheus"), time.monotonic()
    with running() as platform, tempfile.TemporaryDirectory(prefix="steward-prometheus-") as place:
        say(f"platform: {', '.join(sorted(platform.processes))} ({time.monotonic() - began:.0f} s)")
        with prometheus(binary, Path(place), platform.targets, platform.key) as server:
            faults = [*_scraped(platform, server, say), *_answered(platform, server, say)]
            faults += _raised(server, say)
            if not faults:
                faults += _agent_is_missed(platform, server, say)
    say(f"{len(faults)} faults ({time.monotonic() - began:.0f} s)")
    return faults


def _scraped(platform: Running, server: Prometheus, say: Say) -> list[str]:
    """Every target is up, by the key where one is asked for, and every rule loads."""

    def up() -> bool:
        return {one["metric"]["job"] for one in server.ask("up == 1")} >= platform.targets.keys()

    wait_until(up, 30, "scrapes of all targets")
    say(f"scraped: {', '.join(sorted(platform.targets))}")
    loaded, ours = server.rules(), list(rules(ROOT))
    say(f"rules: {len(loaded)} loaded")
    lost = [] if len(loaded) == len(ours) else [f"{len(ours) - len(loaded)} rules were not loaded"]
    return lost + [f"rule {rule['name']}: {rule['lastError']}" for rule in loaded if rule["health"] == "err"]


def _answered(platform: Running, server: Prometheus, say: Say) -> list[str]:
    """Every panel's question, and every recording rule, has an answer."""
    waiting = {query.place: query.expr for query in of_pages(ROOT)}
    waiting |= {f"rule {rule['record']}": rule["record"] for _, rule in rules(ROOT) if "record" in rule}
    asked, until = len(waiting), time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        platform.ask()
        waiting = {place: expr for place, expr in waiting.items() if not server.ask(expr)}
        if all(_reason(place) for place in waiting):
            break
        time.sleep(1)
    for place in waiting:
        if reason := _reason(place):
            say(f"empty, rightly: {place}: {reason}")
    say(f"questions: {asked - len(waiting)} of {asked} answered")
    return [f"no answer: {place}: {expr}" for place, expr in waiting.items() if not _reason(place)]


def _reason(place: str) -> str | None:
    return next((why for part, why in RIGHTLY_EMPTY.items() if part in place), None)


def _raised(server: Prometheus, say: Say) -> list[str]:
    """No alert is raised but those the installation gives a reason for."""
    raised = server.alerts()
    for name, state in sorted(raised.items()):
        if name in RIGHTLY_RAISED:
            say(f"{state}, rightly: {name}: {RIGHTLY_RAISED[name]}")
    return [f"{name} is {state}, and nothing is wrong" for name, state in raised.items() if name not in RIGHTLY_RAISED]


def _agent_is_missed(platform: Running, server: Prometheus, say: Say) -> list[str]:
    """The agent is killed; the right alert is raised, and no other that was not."""
    before = server.alerts().keys()
    pid = platform.processes["agent"].pid
    if pid is None:
        return ["the agent was not running any more"]
    os.kill(pid, 9)
    try:
        wait_until(lambda: "AgentSilent" in server.alerts(), 30, "AgentSilent")
    except TimeoutError as error:
        return [f"the agent was killed: {error}"]
    raised = server.alerts().keys() - before
    say(f"the agent was killed: {', '.join(sorted(raised))}")
    return [f"{name} was raised when the agent died" for name in raised - {"AgentSilent"}]


if __name__ == "__main__":
    sys.exit(main())
