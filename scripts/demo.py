"""`steward demo`: the main job on real patients, for real.

A model trained in Cleveland serves; Budapest, Long Beach and Zurich arrive one after another, with labels that come
late; the monitor measures, the agent explains and gathers evidence, and a decision waits on the dashboard. A part of
Budapest's and Long Beach's patients is kept back: they arrive after the decision, so what verifies the new version has
been seen by nobody. Headless, a scripted second person decides over HTTP and the loop closes by itself.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from config.model_contract import ModelContract, load_contract
from config.settings import Settings, default_home
from config.vocabulary import ACTIONS, CAUSES, METRICS, words
from database.address import database_url
from database.child_process import dying_with_us
from database.connection import ReadSession, is_away, make_engine, read_scope, session_scope
from database.enums import NEXT, ActionStatus, DataSource, Role, Scope
from database.models import AgentAction, ModelVersion
from database.queries import api_keys, model_versions, people
from database.queries.audit import SYSTEM
from scripts import demo_watch
from scripts.demo_approver import approve
from scripts.demo_replay import Cohort, HospitalClient, replay, shuffled
from scripts.demo_report import decision_part, figures
from scripts.plain_speech import CommandFailedError
from scripts.platform_roles import DEFAULT_ROLES, PortInUseError, claim_port
from scripts.supervisor import Stack, StopRequested, running_stack
from training.data_loader import load_hospital
from ui.vocabulary import ACTION_STATUSES

T = TypeVar("T")

MODEL = "heart_disease"
# The order in which patients arrive. What a new version gains on those who come last depends on it: over eleven orders
# its F1 rose by 0.04 on average, between -0.01 and +0.08. In this order the gain is large enough for a verdict on some
# hundred patients; where it is smaller, the action ends inconclusive and is left to a person, as it should be.
SEED = 9
# Hospital, and how many of its patients are kept back: they arrive after the decision.
ARRIVALS = (("hungarian", 80), ("va", 60), ("switzerland", 0))
MARK = ".steward-demo"
PERSON = "anna"
PATIENCE_S = 180.0
VERDICT_S = 20.0  # after the last label a verdict takes a round of the monitor and one of the agent


class DemoFailedError(CommandFailedError):
    """The demo could not go on; the message says where it stood."""


@dataclass
class Visit:
    """One hospital's time in the demo."""

    cohort: Cohort
    begin: datetime
    end: datetime | None = None
    answers: list[str] = field(default_factory=list)


def prepare_environment() -> Settings:
    """Settings of the demo, handed to every process through the environment.

    A home of its own beside the real one unless STEWARD_HOME names one, short rounds, and free ports where the usual
    ones are taken.
    """
    own = {
        "STEWARD_HOME": str(default_home().with_name("steward-demo")),
        "MONITOR_INTERVAL_S": "1",
        "AGENT_INTERVAL_S": "1",
    }
    for variable, value in own.items():
        os.environ[variable] = os.environ.get(variable) or value
    settings = Settings()
    for variable, host, port in (
        ("API_PORT", settings.api.host, settings.api.port),
        ("UI_PORT", settings.ui.host, settings.ui.port),
    ):
        if not os.environ.get(variable):
            try:
                claim_port(host, port, variable)
            except PortInUseError:
                os.environ[variable] = "0"
    return Settings()


def _fresh_home(settings: Settings) -> None:
    """Remove an earlier demo. A directory that no demo made is left alone. Raises `DemoFailedError`."""
    home = settings.platform.home
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).exists():
            raise DemoFailedError(f"{home} holds an installation that is not a demo: set STEWARD_HOME to an empty one")
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    (home / MARK).touch()


class Demo:
    """The demo's course, one method per act."""

    def __init__(self, settings: Settings, stack: Stack, engine: Engine, console: Console, stop: StopRequested) -> None:
        self.settings = settings
        self.stack = stack
        self.engine = engine
        self.console = console
        self.stop = stop
        self.contract: ModelContract = load_contract(MODEL, settings.platform.contracts_dir)
        self.password = secrets.token_urlsafe(9)
        self.visits: list[Visit] = []
        self.later: list[Cohort] = []
        self.keys: dict[str, str] = {}
        self.sent = 0

    # -- the acts ----------------------------------------------------------------------------------------------------

    def train_first_version(self) -> ModelVersion:
        """Cleveland trains version 1, in a process of its own."""
        command = [sys.executable, "-m", "training.train_pipeline", MODEL, "--activate", "--json", "--allow-synthetic"]
        with self._progress() as progress:
            task = progress.add_task("Cleveland trains four candidates", total=None)
            log = self.settings.logs_dir / "training.log"
            # A file: a pipe that nobody reads would fill up and block it. Its own session: Ctrl-C is for us to answer.
            with log.open("wb") as said:
                process = subprocess.Popen(dying_with_us(command), stdout=said, stderr=said, start_new_session=True)
            try:
                while process.poll() is None:
                    self._tend()
                    time.sleep(0.05)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            progress.update(task, total=1, completed=1)
        if process.returncode:
            raise DemoFailedError(f"training failed:\n{log.read_text(errors='replace')[-2000:]}")
        version = self.read(lambda session: model_versions.active(session, MODEL))
        if version is None:
            raise DemoFailedError("training ended, but no version serves")
        return version

    def admit_people_and_programs(self) -> None:
        """The person who decides, and a key for each hospital's program."""
        with session_scope(self.engine) as session:
            people.create_user(
                session, SYSTEM, name=PERSON, password=self.password, roles=[Role.VIEWER, Role.OPERATOR, Role.APPROVER]
            )
            for name, _ in ARRIVALS:
                _, self.keys[name] = api_keys.create_key(
                    session,
                    SYSTEM,
                    name=name,
                    scopes=[Scope.PREDICT, Scope.LABELS],
                    models=[MODEL],
                    expires_in=timedelta(days=30),
                    hash_key=self.settings.platform.hash_key,
                    env=self.settings.platform.env,
                )

    def receive(self, name: str, kept_back: int, seed: int) -> None:
        """One hospital's patients arrive, and everything is digested before the next one."""
        data = load_hospital(name, self.settings, allow_synthetic=True)
        if data.source is DataSource.SYNTHETIC:
            self.say(f"[bold yellow]{data.title}: SYNTHETIC patients, made up from published statistics[/]")
        everyone = shuffled(Cohort(name, data.title, data.rows, data.labels), seed)
        begin_later = len(everyone.rows) - kept_back
        if kept_back:
            self.later.append(everyone.part(begin_later, None))
        visit = Visit(everyone.part(0, begin_later), datetime.now(UTC))
        self.visits.append(visit)
        visit.answers = self._send(visit.cohort, seed)
        self._wait_until_digested()
        visit.end = datetime.now(UTC)
        self._tell_findings(visit)

    def receive_later(self) -> None:
        """Those who come after the decision, each once: no version has learnt from them, so they may judge the new one.

        The hospital the incident was about comes first.
        """
        for number, cohort in enumerate(reversed(self.later)):
            self._send(cohort, SEED + 100 + number, note=" (after the decision)")

    def wait_for_decision(self) -> AgentAction:
        """The decision that waits for a person. Raises `DemoFailedError` if there is none."""
        action = self.read(lambda session: demo_watch.waiting_decision(session, MODEL))
        if action is None:
            raise DemoFailedError("the agent brought no decision: see Agent Activity on the dashboard for its reasons")
        return action

    def follow(
        self,
        action_id: UUID,
        until: Callable[[AgentAction], bool],
        patience_s: float | None,
        *,
        give_up: bool = True,
    ) -> AgentAction:
        """Wait until the action is where it should be; None waits for a person, however long.

        Raises `DemoFailedError` when it does not get there in time, unless `give_up` is false: then it is returned as
        it stands.
        """
        deadline = time.monotonic() + patience_s if patience_s else float("inf")
        while True:
            action = self.read(lambda session: demo_watch.action_of(session, action_id))
            if until(action):
                return action
            if time.monotonic() > deadline:
                if not give_up:
                    return action
                raise DemoFailedError(f"the action is still {_status(action.status)} after {patience_s:.0f} s")
            self._tend()
            time.sleep(0.2)

    def idle(self) -> None:
        """Keep everything running until the person stops it."""
        while not self.stop.asked:
            self.stack.tend(self.say)
            time.sleep(0.25)

    # -- what they share ---------------------------------------------------------------------------------------------

    def read(self, question: Callable[[ReadSession], T]) -> T:
        """Ask the database, which may just be away: whoever looks after it brings it back meanwhile.

        Raises what the driver raises when it stays away for as long as anything is waited for here.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with read_scope(self.engine) as session:
                    return question(session)
            except Exception as error:
                if not is_away(error) or time.monotonic() > deadline:
                    raise
            self._tend()
            time.sleep(0.2)

    def say(self, line: str) -> None:
        self.console.print(f"  {line}", soft_wrap=True, highlight=False)

    def _tend(self) -> None:
        if self.stop.asked:
            raise KeyboardInterrupt
        self.stack.tend(self.say)

    @contextmanager
    def _progress(self) -> Iterator[Progress]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:<46}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            yield progress

    def _send(self, cohort: Cohort, seed: int, note: str = "") -> list[str]:
        client = HospitalClient(self.stack.urls["api"], self.keys[cohort.name], MODEL, meanwhile=self._tend)
        with self._progress() as progress:
            patients = progress.add_task(f"{cohort.title}: patients{note}", total=len(cohort.rows))
            labels = progress.add_task(f"{cohort.title}: diagnoses, some hours later", total=len(cohort.rows))

            def tick(kind: str) -> None:
                progress.advance(patients if kind == "patient" else labels)
                self._tend()

            try:
                answers = replay(client, cohort, seed, tick)
            finally:
                client.close()
        self.sent += len(answers)
        return answers

    def _wait_until_digested(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with self._progress() as progress:
            task = progress.add_task("the monitor measures, the agent thinks", total=None)
            while True:
                missing = self.read(lambda session: demo_watch.not_digested(session, self.contract, self.sent))
                if missing is None:
                    progress.update(task, total=1, completed=1)
                    return
                progress.update(task, description=missing)
                if time.monotonic() > deadline:
                    raise DemoFailedError(f"after {PATIENCE_S:.0f} s still: {missing}; logs: {self.settings.logs_dir}")
                self._tend()
                time.sleep(0.2)

    def _tell_findings(self, visit: Visit) -> None:
        end = visit.end or datetime.now(UTC)
        found = self.read(lambda session: demo_watch.hospital_figures(session, visit.answers, self.contract))
        diagnoses = self.read(lambda session: demo_watch.diagnoses_between(session, MODEL, visit.begin, end))
        actions = self.read(lambda session: demo_watch.actions_between(session, MODEL, visit.begin, end))
        parts = [f"{words(METRICS, name)} {_interval(value)}" for name, value in found.metrics.items()]
        self.say(f"[bold]{visit.cohort.title}[/]: {found.rows} patients; {', '.join(parts)}")
        for diagnosis in diagnoses:
            self.say(f"  found [bold]{words(CAUSES, diagnosis['cause'])}[/]: {escape(diagnosis['says'])}")
        for action in actions:
            self.say(f"  did   {words(ACTIONS, action['action'])} ({_status(action['status'])})")
        if not diagnoses:
            self.say("  found nothing to report")

    def hospital_parts(self) -> list[dict[str, Any]]:
        """Each hospital's figures, findings and actions, for the JSON."""
        return [self.read(partial(self._hospital_part, visit)) for visit in self.visits]

    def _hospital_part(self, visit: Visit, session: ReadSession) -> dict[str, Any]:
        end = visit.end or datetime.now(UTC)
        found = demo_watch.hospital_figures(session, visit.answers, self.contract)
        return {
            "name": visit.cohort.name,
            "title": visit.cohort.title,
            "rows": found.rows,
            "versions": list(found.versions),
            "metrics": found.metrics,
            "diagnoses": demo_watch.diagnoses_between(session, MODEL, visit.begin, end),
            "actions": demo_watch.actions_between(session, MODEL, visit.begin, end),
        }


def _interval(value: dict[str, Any]) -> str:
    if value["value"] is None:
        return "cannot be computed"
    if value["low"] is None:
        return f"{value['value']:.2f}"
    return f"{value['value']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"


def _status(status: str) -> str:
    """The dashboard's word, in the middle of a sentence."""
    return ACTION_STATUSES[status].word.lower()


def run_demo(*, headless: bool, quiet: bool = False) -> dict[str, Any]:
    """Run the demo; returns what `--json` prints. An interactive one ends when the person stops it after its question.

    Raises `DemoFailedError` when a part of the loop does not come about, KeyboardInterrupt when it is stopped earlier,
    and what `running_stack` raises.
    """
    console = Console(stderr=True, quiet=False, highlight=False)
    settings = prepare_environment()
    stop = StopRequested()
    _fresh_home(settings)
    began = time.monotonic()

    def say(line: str) -> None:
        if not quiet:
            console.print(f"  {line}", soft_wrap=True, highlight=False)

    with running_stack(settings, DEFAULT_ROLES, say) as stack:
        engine = make_engine(database_url(settings), settings.database, application="steward-demo")
        try:
            demo = Demo(settings, stack, engine, console, stop)
            report = _course(demo, headless=headless, began=began)
        finally:
            engine.dispose()
    if not headless:
        say("stopped")
    return report


def _course(demo: Demo, *, headless: bool, began: float) -> dict[str, Any]:
    """The acts in order, to the end of the loop."""
    first = demo.train_first_version()
    metric = demo.contract.quality.metric
    cv = first.metrics["cv"][metric]
    if first.data_source == DataSource.SYNTHETIC:
        demo.say("[bold yellow]Cleveland: SYNTHETIC patients, made up from published statistics[/]")
    algorithm = first.algorithm.replace("_", " ")
    demo.say(f"[bold]version {first.version}[/] ({algorithm}) serves: {words(METRICS, metric)} {_interval(cv)}")
    demo.admit_people_and_programs()
    for number, (name, kept_back) in enumerate(ARRIVALS):
        demo.receive(name, kept_back, SEED + number)
    action = demo.wait_for_decision()
    seconds = time.monotonic() - began
    _invite(demo, action, seconds)
    if headless:
        approve(demo.stack.urls["api"], PERSON, demo.password, action.action_id)
        demo.say(f"{PERSON} approved: {escape(action.question)}")
    try:
        _see_through(demo, action)
        if not headless:
            demo.say("everything goes on running; Ctrl-C stops it")
            demo.idle()
    except KeyboardInterrupt:
        if headless:
            raise
    return _report(demo, action.action_id, seconds=seconds)


def _ended(action: AgentAction) -> bool:
    return not NEXT[ActionStatus(action.status)]


def _see_through(demo: Demo, action: AgentAction) -> None:
    """From the question over the decision to the verified outcome."""
    action = demo.follow(action.action_id, lambda row: row.status != ActionStatus.PENDING_APPROVAL, None)
    action = demo.follow(action.action_id, lambda row: row.status == ActionStatus.VERIFYING or _ended(row), PATIENCE_S)
    if action.status == ActionStatus.VERIFYING:
        demo.say("the new version serves; the patients kept back arrive now, and it is watched")
        demo.receive_later()
        action = demo.follow(action.action_id, _ended, VERDICT_S, give_up=False)
    if action.status == ActionStatus.VERIFYING:
        demo.say("too few patients for a verdict so far: it is watched until there are more, and nothing is concluded")
    else:
        demo.say(f"[bold]{_status(action.status)}[/]: {escape(action.outcome or '')}")


def _invite(demo: Demo, action: AgentAction, seconds: float) -> None:
    """Say where the decision waits and how to get in."""
    ui, api = demo.stack.urls["ui"], demo.stack.urls["api"]
    demo.console.rule(f"[bold]a decision is waiting[/] ({seconds:.0f} s after the start)", style="blue")
    for line in (
        "",
        f"[bold]{escape(action.question)}[/]",
        "",
        f"decide     {ui}/decision?id={action.action_id}",
        f"sign in    {PERSON}  /  {demo.password}",
        f"dashboard  {ui}",
        f"API        {api}/docs",
        f"state      {demo.settings.platform.home}",
        "",
    ):
        demo.say(line)
    demo.console.rule(style="blue")


def _report(demo: Demo, action_id: UUID, *, seconds: float) -> dict[str, Any]:
    hospitals = demo.hospital_parts()
    action = demo.read(lambda session: demo_watch.action_of(session, action_id))
    versions = {version.id: version for version in demo.read(lambda session: model_versions.all_of(session, MODEL))}
    decision = decision_part(action, versions)
    serving = next(version for version in versions.values() if version.is_active)
    source = min(versions.values(), key=lambda version: version.version).data_source
    now_serving = {"version": serving.version, "algorithm": serving.algorithm}
    # A verdict closes the loop either way: what was right stays, what was wrong is undone.
    expected = {ActionStatus.SUCCEEDED: action.to_version_id, ActionStatus.REVERTED: action.from_version_id}
    closed = expected.get(ActionStatus(action.status)) == serving.id
    return {
        "command": "demo",
        "data_source": source,
        "closed": closed,
        "hospitals": hospitals,
        "decision": decision,
        "serving": now_serving,
        "figures": figures(hospitals, action, closed=closed, seconds=seconds),
    }
