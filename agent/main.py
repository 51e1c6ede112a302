"""The agent's process: puts the parts together and keeps them going.

The main thread thinks and settles what waits; one thread executes, one gathers evidence and one relays messages, so
that a training run of minutes neither delays a decision that was made nor the next look. Killed at any moment, the next
start continues: what was claimed is taken over when its lease runs out.
"""

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from loguru import logger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from agent.actions.registry import handlers
from agent.channels.registry import every, people_and_programs
from agent.core.aftercare import watch_changes
from agent.core.approval_manager import expire_overdue
from agent.core.asking_again import refresh_stale
from agent.core.cycle import run_cycle
from agent.core.executor import EXECUTING, GATHERING, Executor
from agent.core.work import Action
from agent.metrics import AgentMetrics
from agent.relay import Relay
from agent.schedules import end_removed, follow, to_follow
from config.agent_policy import AgentPolicy, load_policy
from config.fault_points import fault_point
from config.liveness import SignsOfLife
from config.logging_config import configure_logging
from config.model_contract import ModelContract, load_contracts
from config.process_metrics import PortTakenError, serve_metrics, tell_of_process
from config.settings import Settings
from config.yaml_source import ConfigError
from database.address import agent_database_url
from database.artifact_store import ArtifactStore
from database.connection import first_line, is_away, make_engine, session_scope, sqlstate
from database.enums import ActionType, Automation
from database.errors import StewardError
from database.models import AgentAction
from database.queries import automation, heartbeats
from database.queries.actions import database_now

T = TypeVar("T")

SERVICE = "agent"
DEADLOCK = "40P01"
# Approved work should begin at once, so the queue is looked at more often than the world.
QUEUE_S = 1.0
LONGEST_PAUSE_S = 30.0
# A loop that has not come round for this long hangs; one that waits for the database comes round. Work on an action may
# take as long as its evidence, besides.
HANGS_S = 300.0
# What is still being sent when the process stops gets this long.
GOODBYE_S = 3.0


class Agent:
    """One agent: what a tick does, and the loops around it."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        contracts: Mapping[str, ModelContract],
        policy: AgentPolicy,
        actions: Mapping[ActionType, Action] | None = None,
        relay: Relay | None = None,
        metrics: AgentMetrics | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self._metrics = metrics or AgentMetrics()
        self.instance = f"{socket.gethostname()}:{os.getpid()}"
        self._signs = SignsOfLife(settings.run_dir, SERVICE)
        self._started_at = datetime.now(UTC).isoformat()
        self._engine, self._settings, self._contracts, self._policy = engine, settings, contracts, policy
        stopping = self.stopping.is_set
        channels = every(settings.notify, engine, stopping)
        self._relay = relay or Relay(engine, channels, stopping, metrics=self._metrics)
        known = actions if actions is not None else handlers()
        self._executor = Executor(
            engine, settings, contracts, policy, known, self.instance, stopping=stopping, metrics=self._metrics
        )

    def think(self) -> None:
        """Settle what waits, then one pass over each model; a model's trouble stays its own."""
        with session_scope(self._engine) as session:
            switch = automation.state(session)
        self.settle()
        if switch is not Automation.STOPPED:
            for contract in self._contracts.values():
                self._cycle(contract)
        # After the looks: a change that a loss asks for goes before one that only the calendar asks for.
        self._follow_schedules()
        with session_scope(self._engine) as session:
            details = {
                "automation": switch,
                "dry_run": self._settings.agent.dry_run,
                "models": sorted(self._contracts),
                "policy": self._policy.digest,
                "started_at": self._started_at,
                "channels": self._relay.told(),
            }
            heartbeats.beat(session, SERVICE, self.instance, self._settings.agent.interval_s, details)

    def _follow_schedules(self) -> None:
        """Decide the slots that have come; a schedule's trouble stays its own."""
        self._transact(lambda session: end_removed(session, self._policy, self._contracts))
        for name, model in to_follow(self._policy, self._contracts):
            try:
                if self._transact(partial(self._follow, name, model)) is not None:
                    fault_point("schedule.slot_claimed")
            except Exception as error:
                if is_away(error):
                    raise
                logger.exception("agent.schedule.failed schedule={} model={}", name, model)

    def _follow(self, name: str, model: str, session: Session) -> AgentAction | None:
        dry_run = self._settings.agent.dry_run
        return follow(session, self._policy, name, model, dry_run=dry_run, now=database_now(session))

    def settle(self) -> None:
        """Void what ran out of time, renew what went stale, judge what was changed; none of them holds up the rest."""
        self._one_by_one("expire", lambda session: expire_overdue(session, at_most=1))
        self._one_by_one("refresh", lambda session: refresh_stale(session, at_most=1))
        self._one_by_one("watch", lambda session: watch_changes(session, database_now(session), at_most=1))

    def _one_by_one(self, name: str, settle: Callable[[Session], list[AgentAction]]) -> None:
        """Each action in a transaction of its own, so that none holds the audit chain and waits for another's row."""
        try:
            while self._transact(settle) and not self.stopping.is_set():
                continue
        except Exception as error:
            if is_away(error):
                raise
            logger.exception("agent.settle.failed part={}", name)

    def _transact(self, do: Callable[[Session], T]) -> T:
        """One transaction; a second time when the database ended it to resolve a deadlock."""
        try:
            with session_scope(self._engine) as session:
                return do(session)
        except DBAPIError as error:
            if sqlstate(error) != DEADLOCK:
                raise
            logger.warning("agent.deadlock.retried")
        with session_scope(self._engine) as session:
            return do(session)

    def execute(self) -> int:
        """Carry out everything that is approved."""
        return self._executor.run_all(EXECUTING)

    def gather(self) -> int:
        """Find the proof for everything that needs some."""
        return self._executor.run_all(GATHERING)

    def tell(self) -> None:
        """Take to the channels what stands in the outbox and is due."""
        self._relay.once()

    def _cycle(self, contract: ModelContract) -> None:
        try:
            report = self._transact(
                lambda session: run_cycle(
                    session,
                    contract=contract,
                    policy=self._policy,
                    agent=self.instance,
                    dry_run=self._settings.agent.dry_run,
                    now=database_now(session),
                )
            )
        except Exception as error:
            if is_away(error):
                raise
            logger.exception("agent.cycle.failed model={}", contract.name)
            self._metrics.look_failed(contract.name)
            return
        self._metrics.looked(
            contract.name,
            report.seconds,
            [found.cause for found in report.diagnoses],
            [ActionType(action.action_type) for action in report.proposed],
        )
        if report.proposed:
            logger.info(
                "agent.cycle.proposed model={} actions={} seconds={:.3f}",
                contract.name,
                len(report.proposed),
                report.seconds,
            )

    # --------------------------------------------------------------------------------------------------- the loops

    def once(self) -> None:
        """Think, then work until nothing is left: for a schedule, and for tests."""
        self.think()
        self.gather()
        self.execute()
        self.settle()
        self.tell()

    def run(self) -> None:
        """Until told to stop."""
        self._signs.begin()
        workers = [
            threading.Thread(target=self._every, args=("execute", self.execute, QUEUE_S), name="execute"),
            threading.Thread(target=self._every, args=("gather", self.gather, QUEUE_S), name="gather"),
            threading.Thread(target=self._every, args=("relay", self._relay.tick, QUEUE_S), name="relay"),
        ]
        for worker in workers:
            worker.start()
        self._every("think", self.think, self._settings.agent.interval_s)
        for worker in workers:
            worker.join()
        self._relay.rest(GOODBYE_S)

    def _every(self, name: str, do: Callable[[], object], interval_s: float) -> None:
        """Do it, pause, again; a database that is away is waited for, and said once."""
        failures = 0
        evidence = self._settings.agent.evidence_timeout_s if name in {"execute", "gather"} else 0.0
        while not self.stopping.is_set():
            self._signs.turned(name, interval_s + evidence + HANGS_S)
            try:
                do()
                if failures:
                    logger.info("agent.database.back loop={}", name)
                failures = 0
            except Exception as error:  # noqa: BLE001  (a loop that ends is an agent that silently stopped)
                if not is_away(error):
                    logger.exception("agent.loop.failed loop={}", name)
                elif not failures:
                    logger.warning("agent.database.away loop={} error={}", name, first_line(error))
                failures += 1
            self._metrics.round(name, failed=failures > 0)
            pause = min(LONGEST_PAUSE_S, interval_s * 2 ** min(failures, 5)) if failures else interval_s
            self.stopping.wait(pause)


def main(argv: list[str] | None = None) -> int:
    """`python -m agent.main [--once]`; the database must be there and migrated."""
    parser = argparse.ArgumentParser(prog="python -m agent.main", description=__doc__)
    parser.add_argument("--once", action="store_true", help="one pass and all the work it leads to, then end")
    given = parser.parse_args(argv)
    try:
        settings = Settings()
        contracts = load_contracts(settings.platform.contracts_dir)
        policy = load_policy(settings.platform.policy_file)
        people_and_programs(settings.notify)
        url = agent_database_url(settings)
    except (ConfigError, StewardError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(SERVICE, level=settings.platform.log_level, as_json=settings.platform.log_json)
    if swept := ArtifactStore(settings.artifacts_dir).sweep():
        logger.info("agent.artifacts.swept drafts={}", swept)
    engine = make_engine(url, settings.database, application="steward-agent")
    metrics = AgentMetrics()
    if settings.agent.metrics_port and not given.once:
        tell_of_process(metrics.registry, SERVICE, {"home": settings.platform.home})
        try:
            serve_metrics(metrics.registry, SERVICE, settings.agent.metrics_host, settings.agent.metrics_port)
        except PortTakenError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    agent = Agent(engine, settings, contracts, policy, metrics=metrics)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stopping.set())
    logger.info(
        "agent.started instance={} models={} dry_run={} once={}",
        agent.instance,
        sorted(contracts),
        settings.agent.dry_run,
        given.once,
    )
    try:
        if given.once:
            agent.once()
        else:
            agent.run()
    except SQLAlchemyError as error:
        if not is_away(error):
            raise
        sys.stderr.write(f"the database cannot be reached: {first_line(error)}\n")
        return 1
    finally:
        engine.dispose()
    logger.info("agent.stopped instance={}", agent.instance)
    return 0


if __name__ == "__main__":
    sys.exit(main())
