"""What is measured: one model, really trained and served, and the same model as the peers load it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine, create_engine

from config.model_contract import ModelContract, load_contract
from config.settings import ApiSettings, DatabaseSettings, PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.enums import ActorKind, Scope
from database.queries import model_versions
from database.queries.audit import Actor
from scripts.crash.server import own_server
from scripts.crash.trained import make_version
from scripts.crash.world import MODEL, client_key
from training import serving_artifact
from training.feature_engineering import Row
from training.model_factory import Params
from training.serving_artifact import LoadedModel
from training.synthetic import synthetic_rows

DATABASE = "steward"
ROWS, SEED = 1000, 1
PARAMS: Params = {"n_estimators": 300, "max_depth": 4, "learning_rate": 0.05}
# The other version, to swap with, learns at another rate, so its answers differ.
OTHER: Params = {"learning_rate": 0.1}
PERSON = Actor(ActorKind.PERSON, "bench")


@dataclass(frozen=True)
class Table:
    """What the model learned from. `rows` are also what is asked about: JSON as clients send it."""

    rows: tuple[Row, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Installation:
    """`versions`: row ids of the one that serves and of another; `models` the same in memory."""

    settings: Settings
    engine: Engine
    contract: ModelContract
    params: Params
    directory: Path
    key: str
    versions: tuple[int, ...]
    models: tuple[LoadedModel, ...]
    table: Table
    postgres_url: str

    @property
    def logs(self) -> Path:
        """Where servers write; a directory of its own, so that it goes with the run."""
        logs = self.directory / "logs"
        logs.mkdir(exist_ok=True)
        return logs

    @property
    def example(self) -> Row:
        """The row that every server is asked about: the first without nulls, since a peer may take none."""
        return next(row for row in self.table.rows if None not in row.values())

    def encoded(self) -> list[float]:
        """The example as the ONNX file takes it."""
        return [float(value) for value in self.models[0].encoding.matrix([self.example])[0]]

    def raw_probability(self) -> float:
        """What the ONNX file says of the example, before calibration: what a peer must answer too."""
        model = self.models[0]
        (both,) = model.session.run(
            [serving_artifact.OUTPUT], {serving_artifact.INPUT: model.encoding.matrix([self.example])}
        )
        return float(both[0, 1])

    def serve(self, number: int) -> None:
        """Make one of the versions serve; a person's command, which needs no action."""
        with session_scope(self.engine) as session:
            version = model_versions.get(session, self.versions[number])
            current = model_versions.active(session, MODEL)
            expected = current.id if current else None
            model_versions.activate(session, PERSON, version, expected_active_id=expected, reason="the bench")


@contextmanager
def installation(params: Params) -> Iterator[Installation]:
    """A platform with a PostgreSQL of its own, durability as shipped, and a model with these hyperparameters. Call it
    from the main thread."""
    with own_server("bench", DATABASE) as (server, directory):
        url = server.url(DATABASE)
        settings = Settings(
            platform=PlatformSettings(
                home=directory / "home", secret_key=SecretStr("a key of this run alone, long enough")
            ),
            database=DatabaseSettings(url=SecretStr(url.render_as_string(hide_password=False))),
            # As shipped, but for the limit of a key: what is asked for here comes from one client.
            api=ApiSettings(rate_per_s=10_000_000, rate_burst=10_000_000),
        )
        engine = create_engine(url, pool_pre_ping=True)
        try:
            yield _installed(
                settings, engine, params, directory, url.set(drivername="postgresql").render_as_string(False)
            )
        finally:
            engine.dispose()


def _installed(settings: Settings, engine: Engine, params: Params, directory: Path, postgres_url: str) -> Installation:
    contract = load_contract(MODEL, settings.platform.contracts_dir)
    store = ArtifactStore(settings.artifacts_dir)
    made, labels = synthetic_rows("cleveland", ROWS, SEED)
    trained = [make_version(store, contract, made, labels, "xgboost", one) for one in (params, params | OTHER)]
    with session_scope(engine) as session:
        versions = [model_versions.register(session, PERSON, **columns) for columns in trained]
        model_versions.activate(session, PERSON, versions[0], expected_active_id=None, reason="the first version")
        key = client_key(session, settings, PERSON, "bench", [Scope.PREDICT, Scope.LABELS, Scope.METRICS])
        ids, digests = [one.id for one in versions], [one.artifact_digest for one in versions]
    models = tuple(serving_artifact.load(store, digest) for digest in digests)
    return Installation(
        settings, engine, contract, params, directory, key, tuple(ids), models, Table(made, labels), postgres_url
    )
