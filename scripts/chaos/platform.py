"""The platform of a run: a model that is really served, people who can sign in, a key that may do everything."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import URL, Engine

from config.model_contract import load_contract
from config.settings import AgentSettings, ApiSettings, DatabaseSettings, PlatformSettings, Settings, SpoolSettings
from database.artifact_store import ArtifactStore
from database.connection import session_scope
from database.enums import Role, Scope
from database.queries import people
from database.queries.audit import SYSTEM
from scripts.chaos.small_model import put_model
from scripts.crash import world

DATABASE = "steward"
PASSWORD = "a password of this run alone"  # noqa: S105  (the run's database goes with the run)
APPROVERS = ("bob", "cleo", "dan", "eve")
OPERATOR = "otto"
# Short, so that a minute holds many takeovers.
LEASE_S = 2.5


def settings_of(home: Path, url: URL) -> Settings:
    """Of a process of this run."""
    return Settings(
        platform=PlatformSettings(home=home, secret_key=SecretStr("a key of this run alone, long enough for anybody")),
        database=DatabaseSettings(url=SecretStr(url.render_as_string(hide_password=False)), connect_timeout_s=2),
        api=ApiSettings(poll_s=0.2, rate_per_s=100_000, rate_burst=1_000_000),
        spool=SpoolSettings(ship_interval_s=0.05),
        agent=AgentSettings(lease_s=LEASE_S),
    )


@dataclass(frozen=True)
class Installed:
    """What clients need."""

    settings: Settings
    key: str


def install(engine: Engine, settings: Settings) -> Installed:
    """Everything that must be there before the first process starts."""
    contract = load_contract(world.MODEL, settings.platform.contracts_dir)
    world.prepare(engine, settings, contract, put_model(ArtifactStore(settings.artifacts_dir), contract))
    with session_scope(engine) as session:
        for name in APPROVERS:
            people.create_user(session, SYSTEM, name, PASSWORD, [Role.APPROVER])
        people.create_user(session, SYSTEM, OPERATOR, PASSWORD, [Role.OPERATOR])
        key = world.client_key(session, settings, SYSTEM, "run", [Scope.PREDICT, Scope.LABELS])
    return Installed(settings, key)
