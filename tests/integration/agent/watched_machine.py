"""What is looked at after every step of the state machine, and the hands by which its rules reach the world."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine, invariant
from sqlalchemy import Engine

from agent.core.executor import Executor
from config.settings import AgentSettings, Settings
from database.connection import session_scope
from database.enums import NEXT, ActionStatus, Automation
from database.errors import StewardError
from database.models import AgentAction
from database.queries import actions, model_versions
from scripts.crash.checker import violations
from tests.integration.agent import action_model as promised
from tests.integration.agent.action_model import Click, Held, Life, Page, Refusal, World
from tests.integration.agent.machine_ground import EFFECTS, PAGE, VALID
from tests.integration.agent.stopped_worker import Handlers, StoppedWorker
from tests.integration.agent.world import CONTRACT, MODEL

# How many examples the proof at length takes; 0 for the few of the suite.
LIVES = int(os.environ.get("STEWARD_LIVES", "0"))
WORKERS = ("w1", "w2", "w3")


class WatchedMachine(RuleBasedStateMachine):
    """The real world beside the promised one, and what must be true of both after every rule. It has no rules itself.

    `world` is how everything stands if the promises are kept; the `at`-th of its lives is the action `ids[at]`, and
    `pages[at]` are the pages of it that people have seen, each with the digest of its evidence.
    """

    world: World
    versions: list[int]

    def __init__(self, engine: Engine, seen: Counter[str]) -> None:
        super().__init__()
        self.engine, self.seen, self.steps = engine, seen, 0
        self.ids: list[UUID] = []
        self.pages: list[dict[Page, str]] = []
        self.sent: list[tuple[Life, Click, str]] = []
        self.workers = {name: StoppedWorker(name) for name in WORKERS}
        self.held: dict[str, Held] = {}
        self.stood: dict[UUID, AgentAction] = {}
        self.effects: dict[str, int] = {}
        settings_ = Settings(agent=AgentSettings(lease_s=promised.LEASE * 60.0))
        self.executors = {
            name: Executor(engine, settings_, {MODEL: CONTRACT}, PAGE, Handlers(worker).known(), name)
            for name, worker in self.workers.items()
        }

    def teardown(self) -> None:
        for worker in self.workers.values():
            if worker.busy:
                worker.go_on("dies")

    # ------------------------------------------------------------------------------------------------ what must be true

    @invariant()
    def every_row_stands_where_the_promises_put_it(self) -> None:
        self.seen["steps"] += 1
        with session_scope(self.engine) as session:
            rows = {action_id: actions.get(session, action_id) for action_id in self.ids}
            champion = model_versions.active(session, MODEL)
            assert champion is not None
            assert champion.id == self.world.serving
        for life, (action_id, row) in zip(self.world.lives, rows.items(), strict=True):
            stands = (row.status, row.version, row.lease_epoch, row.lease_owner, row.attempts, row.crashes)
            assert stands == (life.status, life.version, life.epoch, life.owner, life.attempts, life.crashes)
            assert row.from_version_id == life.about or not life.changing
            self._never_goes_back(self.stood.get(action_id), row)
            if row.status == ActionStatus.PENDING_APPROVAL:
                self.pages[self.number(life)].setdefault(life.page, str(row.evidence_digest))
        self.stood = rows

    def _never_goes_back(self, before: AgentAction | None, now: AgentAction) -> None:
        if before is None:
            return
        assert now.lease_epoch >= before.lease_epoch
        if not NEXT[ActionStatus(before.status)]:
            assert (now.status, now.version, now.lease_epoch) == (before.status, before.version, before.lease_epoch)

    @invariant()
    def what_took_effect_was_allowed_to(self) -> None:
        with self.engine.connect() as connection:
            effects: dict[str, int] = {row[0]: row[1] for row in connection.execute(EFFECTS)}
            for action_id in effects.keys() - self.effects.keys():
                assert self.world.switch is Automation.RUNNING
                needed = self.stood[UUID(action_id)].approvers_needed
                assert connection.execute(VALID, {"action_id": action_id}).scalar_one() >= needed
        for action_id, times in effects.items():
            row = self.stood[UUID(action_id)]
            assert times == (2 if row.status == ActionStatus.REVERTED else 1)
            assert times == self.effects.get(action_id, 1) or self.world.switch is Automation.RUNNING
        self.effects = effects

    @invariant()
    def the_checker_of_the_crash_trials_finds_nothing(self) -> None:
        self.steps += 1
        assert (not LIVES and self.steps % 5) or self.broken() == []

    def broken(self) -> list[str]:
        with session_scope(self.engine) as session:
            return violations(session, lease=timedelta(days=365))

    # --------------------------------------------------------------------------------------------------- small helpers

    @contextmanager
    def comes_to(self, refusal: Refusal) -> Iterator[list[Any]]:
        """The block is refused exactly as promised; what it gives, if it is not refused."""
        given: list[Any] = []
        try:
            yield given
        except StewardError as error:
            came: Exception | None = error
        else:
            came = None
        assert (type(came) if came else None) is refusal, repr(came)
        if came:
            self.seen[type(came).__name__] += 1

    def asked(self) -> list[Life]:
        """What people have been asked, newest first, the open ones before the others."""
        known = [life for life, pages in zip(self.world.lives, self.pages, strict=True) if pages]
        return [life for ended in (False, True) for life in known[::-1] if (not NEXT[life.status]) is ended]

    def watched(self) -> Life | None:
        for life in self.world.lives:
            if (
                life.status is ActionStatus.VERIFYING
                and life.figure is None
                and life.generation == self.world.generation
            ):
                return life
        return None

    def number(self, life: Life) -> int:
        return next(at for at, one in enumerate(self.world.lives) if one is life)

    def known(self, version_id: int) -> None:
        self.versions = [*(one for one in self.versions if one != version_id), version_id]

    @staticmethod
    def pick(some: list[Any], at: int) -> Any:
        return some[at % len(some)]
