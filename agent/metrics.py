"""What the agent's process counts itself, for Prometheus. What stands in the database is the monitor's to tell.

Labels are models, causes, kinds of action, stages, outcomes and channels: closed sets, and nobody's name.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from database.enums import ActionType, Cause

# A look takes some ten milliseconds; training takes minutes.
_LOOK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WORK = (0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0)


class Stage(StrEnum):
    """What a worker does with an action."""

    EVIDENCE = "evidence"
    EXECUTION = "execution"


class Ending(StrEnum):
    """How one try ended, as its worker saw it."""

    DONE = "done"
    GIVEN_BACK = "given_back"  # paused, or the process is stopping: no try was spent
    AGAIN = "again"  # failed, and will be tried again
    FAILED = "failed"
    CANCELLED = "cancelled"
    ASKED_AGAIN = "asked_again"  # what was approved is out of date
    LEASE_LOST = "lease_lost"
    DATABASE_AWAY = "database_away"


class AgentMetrics:
    """The counters of one agent, in a registry of their own; safe from any thread."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        self._looks = Histogram(
            "steward_agent_cycle_seconds", "length of a look at a model", ["model"], buckets=_LOOK, registry=r
        )
        self._looked = Gauge(
            "steward_agent_last_cycle_timestamp_seconds", "end of the last good look", ["model"], registry=r
        )
        self._faults = Counter("steward_agent_cycle_faults", "looks that failed", ["model"], registry=r)
        self._diagnoses = Counter(
            "steward_agent_diagnoses", "explanations found, a look each", ["model", "cause"], registry=r
        )
        self._proposed = Counter("steward_agent_actions_proposed", "actions put forward", ["model", "type"], registry=r)
        self._begun = Counter("steward_agent_tries_begun", "tries begun", ["type", "stage"], registry=r)
        self._ended = Counter(
            "steward_agent_tries_ended", "tries that ended, by how", ["type", "stage", "ending"], registry=r
        )
        self._work = Histogram(
            "steward_agent_try_seconds", "length of a try", ["type", "stage"], buckets=_WORK, registry=r
        )
        self._running = Gauge("steward_agent_tries_running", "tries under way", ["stage"], registry=r)
        self._rounds = Counter("steward_agent_rounds", "rounds of a loop", ["loop"], registry=r)
        self._round_faults = Counter("steward_agent_round_faults", "rounds that failed", ["loop"], registry=r)
        self._told = Counter(
            "steward_agent_deliveries", "tries to deliver a message", ["channel", "result"], registry=r
        )
        for stage in Stage:
            self._running.labels(stage)

    def looked(self, model: str, seconds: float, causes: list[Cause], proposed: list[ActionType]) -> None:
        """A look at a model that came to an end."""
        self._looks.labels(model).observe(seconds)
        self._looked.labels(model).set(time.time())
        self._faults.labels(model)
        for cause in causes:
            self._diagnoses.labels(model, cause).inc()
        for kind in proposed:
            self._proposed.labels(model, kind).inc()

    def look_failed(self, model: str) -> None:
        self._faults.labels(model).inc()

    def round(self, loop: str, *, failed: bool) -> None:
        """A loop of the process went round."""
        self._rounds.labels(loop).inc()
        self._round_faults.labels(loop).inc(int(failed))

    def delivered(self, channel: str, result: str) -> None:
        """A message was tried on a channel: `sent`, `again` or `dead`."""
        self._told.labels(channel, result).inc()

    @contextmanager
    def attempt(self, kind: ActionType, stage: Stage) -> Iterator[list[Ending]]:
        """One try. Whoever runs it puts into the list how it ended."""
        began, ending = time.monotonic(), list[Ending]()
        self._begun.labels(kind, stage).inc()
        self._running.labels(stage).inc()
        try:
            yield ending
        finally:
            self._running.labels(stage).dec()
            self._work.labels(kind, stage).observe(time.monotonic() - began)
            self._ended.labels(kind, stage, (ending or [Ending.DONE])[-1]).inc()
