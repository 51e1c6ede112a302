"""Everything one API process holds: built once at start, found by the routes, closed in order at the end."""

import asyncio
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.requests import Request

from api.errors import database_away
from api.keys import KeyTable
from api.last_known import FILE_NAME
from api.limits import Buckets
from api.metrics import Metrics, State
from api.prediction_log import Shipper
from api.quotas import Quotas
from api.refusals import Refusals
from api.serving import Predictor
from api.spool_claim import claim_spools, kept_aside
from api.spool_file import Spool
from api.spool_sync import SpoolSync
from api.watcher import DatabaseGate, Watcher, WatcherFacts
from api.worker_metrics import WorkerMetrics, worker_group
from config.agent_policy import AgentPolicy, load_policy
from config.model_contract import ModelContract, load_contracts
from config.settings import Settings
from database.address import database_url
from database.artifact_keys import store_of
from database.artifact_store import ArtifactStore
from database.connection import ReadSession, make_engine, read_scope, session_scope
from database.errors import NotFoundError

_FIRST_ROUND_S = 3.0
_LEAST_PATIENCE_S = 2.0
_DRAIN = timedelta(seconds=3)
# Failures an address may cause before it waits: a burst of mistakes is human, a stream of them is not.
_FAILURES_BURST, _FAILURES_PER_S = 20, 10 / 60
# Browsers sent to the identity provider: the dashboard asks for all of them from one address.
_VISITS_BURST, _VISITS_PER_S = 60, 2.0


@dataclass
class Runtime:
    """One per application. `in_flight` is counted by the outermost middleware; `control_error`: the kind of error
    for which only predictions and probes are answered, if so. `signs`: by model, when they were read, and what looked
    as if people only nodded (`api/habits.py`)."""

    settings: Settings
    contracts: Mapping[str, ModelContract]
    policy: AgentPolicy
    store: ArtifactStore
    engine: Engine
    background: Engine
    gate: DatabaseGate
    keys: KeyTable
    predictor: Predictor
    spool: Spool
    sync: SpoolSync
    shipper: Shipper
    watcher: Watcher
    replica: str
    key_buckets: Buckets
    failure_buckets: Buckets
    login_buckets: Buckets
    visit_buckets: Buckets
    quotas: Quotas
    refusals: Refusals
    started: float = field(default_factory=time.monotonic)
    in_flight: int = 0
    control_error: str | None = None
    signs: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    metrics: Metrics = field(init=False)
    worker_metrics: WorkerMetrics = field(init=False)

    def __post_init__(self) -> None:
        volumes = {"home": self.settings.platform.home, "spool": self.settings.spool_dir}
        self.metrics = Metrics(self._state, volumes)
        directory = Path(self.settings.run_dir) / "metrics"
        self.worker_metrics = WorkerMetrics(self.metrics.render, directory, self.spool.path.stem, worker_group())

    @contextmanager
    def reading(self) -> Iterator[ReadSession]:
        """A read-only transaction; refused at once while the database is known to be away."""
        if not self.gate.is_open:
            raise database_away()
        with read_scope(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed when the block ends well, before anything is answered."""
        if not self.gate.is_open:
            raise database_away()
        with session_scope(self.engine) as session:
            yield session

    def contract(self, model_name: str) -> ModelContract:
        """Raises `NotFoundError`."""
        contract = self.contracts.get(model_name)
        if contract is None:
            raise NotFoundError(f"There is no model {model_name}." if len(model_name) <= 64 else "No such model.")
        return contract

    def _state(self) -> State:
        generations = {
            slots.desired.model_name: (
                slots.desired.generation,
                slots.current.desired.generation if slots.current else 0,
            )
            for slots in self.predictor.slots()
        }
        facts = self.shipper.facts
        return State(
            spool_depth=self.shipper.depth,
            spool_limit=self.settings.spool.max_rows,
            spool_damaged=kept_aside(self.settings.spool_dir),
            shipped=facts.shipped,
            dead_letters=facts.buried,
            database_up=self.gate.is_open,
            in_flight=self.in_flight,
            in_flight_limit=self.settings.api.max_concurrency,
            keys_near_quota=self.quotas.near,
            generations=generations,
            not_loaded=frozenset(slots.desired.model_name for slots in self.predictor.slots() if slots.error),
        )

    async def start(self) -> None:
        """Serve what is known, and wait a moment for the first look at the database."""
        self.sync.start()
        self.shipper.start()
        self.watcher.start()
        self.worker_metrics.start()
        await asyncio.to_thread(self.watcher.first_round.wait, _FIRST_ROUND_S)

    async def stop(self) -> None:
        """Bring what was answered to the disk, ship what can be shipped, say goodbye."""
        await asyncio.to_thread(self.sync.stop)
        await asyncio.to_thread(self.shipper.stop, _DRAIN)
        await asyncio.to_thread(self.watcher.stop)
        await asyncio.to_thread(self.worker_metrics.stop)
        if self.gate.is_open:
            self.engine.dispose()
            self.background.dispose()


def build_runtime(settings: Settings) -> Runtime:
    """Claim a spool and put everything together. Nothing is started and no database is asked."""
    contracts = load_contracts(settings.platform.contracts_dir)
    store = store_of(settings)
    url = database_url(settings)
    background = make_engine(url, settings.database, application="steward-api-background")
    spool_settings = settings.spool
    always = spool_settings.fsync_ms == "always"
    own, orphans = claim_spools(settings.spool_dir, max_rows=spool_settings.max_rows, power_safe=always)
    shipper = Shipper(background, own, orphans, spool_settings)
    gate = DatabaseGate(patience_s=max(_LEAST_PATIENCE_S, 5 * settings.api.poll_s))
    keys = KeyTable(settings.platform.hash_key, lambda: gate.is_open)
    predictor = Predictor(store, settings.api.max_rows, contracts, stand_in=settings.api.when_damaged == "stand_in")
    replica = f"{platform.node()[:40]}/{own.path.name}"
    quotas = Quotas(settings.api.rows_per_day)
    refusals = Refusals(contracts)
    facts = WatcherFacts(
        replica=replica,
        model_names=frozenset(contracts),
        spool_depth=lambda: shipper.depth,
        state_file=Path(settings.run_dir) / FILE_NAME,
        quotas=quotas,
        refusals=refusals,
        poll_s=settings.api.poll_s,
    )
    return Runtime(
        settings=settings,
        contracts=contracts,
        policy=load_policy(settings.platform.policy_file),
        store=store,
        engine=make_engine(url, settings.database, application="steward-api"),
        background=background,
        gate=gate,
        keys=keys,
        predictor=predictor,
        spool=own,
        sync=SpoolSync(own, 0 if spool_settings.fsync_ms == "always" else spool_settings.fsync_ms, always=always),
        shipper=shipper,
        watcher=Watcher(background, predictor, keys, gate, facts),
        replica=replica,
        key_buckets=Buckets(settings.api.rate_per_s, settings.api.rate_burst),
        failure_buckets=Buckets(_FAILURES_PER_S, _FAILURES_BURST),
        login_buckets=Buckets(_FAILURES_PER_S, _FAILURES_BURST),
        visit_buckets=Buckets(_VISITS_PER_S, _VISITS_BURST),
        quotas=quotas,
        refusals=refusals,
    )


def runtime_of(request: Request) -> Runtime:
    """The runtime of the application that serves this request."""
    runtime: Runtime = request.app.state.runtime
    return runtime
