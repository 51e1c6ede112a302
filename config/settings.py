"""Settings: one typed object, grouped by concern, read once by an entry point and passed on.

Every field can be given as an environment variable (the name stands in `.env.example`) or in a file `.env` in the
working directory; an empty one is not given. Durations are in seconds where the name ends in `_s`. Secrets are
`SecretStr`, so they cannot be printed by accident, and each can be given as a file instead (`secret_files.py`).
"""

import os
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.secret_files import SecretFilesSource

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER_SECRETS = frozenset({"", "changeme", "change-me", "secret", "password", "example", "test"})


CHANNEL_NAME = r"[a-z0-9][a-z0-9_-]{0,31}"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def default_home() -> Path:
    """Where state lives unless STEWARD_HOME says otherwise: a per-user data directory.

    For root it is `/var/lib/steward`, because PostgreSQL runs as an unprivileged user that cannot enter `/root`.
    """
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib/steward")
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "steward"


class _Group(BaseSettings):
    # `${STEWARD_HOME:-}` of a compose file is empty: as a path that would be the current directory.
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's own asks for one directory
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = SecretFilesSource(settings_cls, env_settings, dotenv_settings)
        return init_settings, env_settings, dotenv_settings, files


class PlatformSettings(_Group):
    """Where this installation lives and how it speaks."""

    model_config = SettingsConfigDict(env_prefix="STEWARD_")

    env: Literal["development", "production"] = "development"
    home: Path = Field(default_factory=default_home, description="all state: database, artifacts, spool, logs")
    data_dir: Path | None = Field(None, description="directory with the source data files; no download when set")
    contracts_dir: Path = Field(
        Path(__file__).parent / "models", description="one YAML per served model; its name is the model's name"
    )
    policy_file: Path = Field(Path(__file__).parent / "agent_policy.yml", description="what the agent may do")
    default_model: str = Field(
        "heart_disease", description="the model behind POST /predict", pattern="^[a-z0-9_-]{1,64}$"
    )
    secret_key: SecretStr | None = Field(
        None, description="key under which API keys and sessions are hashed; made and kept in STEWARD_HOME if unset"
    )
    supervise: bool = Field(
        True, description="false: `steward up --only ROLE` becomes that role, and what runs the container restarts it"
    )
    revision: str | None = Field(
        None,
        pattern=r"^[0-9A-Za-z._-]{1,64}$",
        description="commit the program was built from, told by /readyz; images set it",
    )
    log_level: Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = Field(False, description="one JSON object a line (containers) instead of text (a desk)")

    @field_validator("home", "data_dir", "contracts_dir", "policy_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().resolve() if path else path

    @model_validator(mode="after")
    def _no_placeholder_in_production(self) -> Self:
        if self.env == "production":
            value = self.secret_key.get_secret_value() if self.secret_key else ""
            if value.lower() in PLACEHOLDER_SECRETS or len(value) < 32:
                raise ValueError(
                    "STEWARD_SECRET_KEY: in production it must be set to at least 32 characters of your own; "
                    "`python -c 'import secrets; print(secrets.token_urlsafe(48))'` makes one"
                )
        return self

    @cached_property
    def hash_key(self) -> bytes:
        """The key under which API keys and session tokens are hashed: from the environment, or made once per home.

        The file is created with O_EXCL and mode 0600, so two processes that start together agree on one key.
        """
        if self.secret_key is not None:
            return self.secret_key.get_secret_value().encode()
        path = self.home / "secret.key"
        self.home.mkdir(parents=True, exist_ok=True)
        whole = path.with_name(f".secret.{os.getpid()}.{secrets.token_hex(4)}")
        if not path.exists():
            descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(whole, path)
            except FileExistsError:
                pass
            finally:
                whole.unlink()
        return path.read_text().strip().encode()


class DatabaseSettings(_Group):
    """PostgreSQL: the embedded one when no URL is given."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    url: SecretStr | None = Field(None, description="postgresql://user:password@host:5432/steward; unset = embedded")
    migrate: bool = Field(
        True, description="`steward up` brings the database of DATABASE_URL to its schema; false where a job does"
    )
    pool_size: int = Field(5, ge=1, le=50, description="connections a process keeps")
    connect_timeout_s: int = Field(
        5, ge=1, description="a server that accepts and never answers is given up after this"
    )
    statement_timeout_s: float = Field(30.0, gt=0, description="no question of ours takes longer")


# Shorter than half a year and a day is too short for whoever has to account for automated decisions.
LEAST_KEPT_DAYS = 183


class RetentionSettings(_Group):
    """How long answered predictions and their labels are kept."""

    model_config = SettingsConfigDict(env_prefix="RETENTION_")

    days: int = Field(400, ge=0, description="days of predictions older than this go with their labels; 0 = keep all")

    @field_validator("days")
    @classmethod
    def _long_enough(cls, days: int) -> int:
        if 0 < days < LEAST_KEPT_DAYS:
            raise ValueError(f"at least {LEAST_KEPT_DAYS} days are kept; 0 keeps everything")
        return days


class BackupSettings(_Group):
    """Where `steward backup` writes and how."""

    model_config = SettingsConfigDict(env_prefix="BACKUP_")

    dir: Path | None = Field(
        None, description="directory of backups, best on another disk or machine; unset = backups in STEWARD_HOME"
    )
    key_file: Path | None = Field(
        None, description="key that seals backups (`steward backup key FILE` makes one); unset = not encrypted"
    )
    keep: int = Field(0, ge=0, description="backups of this installation that stay after a new one; 0 = all")

    @field_validator("dir", "key_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().resolve() if path else path


class ApiSettings(_Group):
    """The HTTP edge."""

    model_config = SettingsConfigDict(env_prefix="API_")

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535, description="0 = any free port")
    cors_origins: tuple[str, ...] = Field((), description="browser origins that may call the API; none by default")
    allowed_hosts: tuple[str, ...] = Field(("localhost", "127.0.0.1", "[::1]"), description="Host headers accepted")
    docs: bool = Field(True, description="serve /docs and /openapi.json")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="larger bodies get 413 before they are read whole")
    max_rows: int = Field(1000, ge=1, le=100_000, description="rows in one batch prediction")
    body_timeout_s: float = Field(10.0, gt=0, description="a client that drips its body longer than this gets 408")
    labels_file_max_bytes: int = Field(33_554_432, ge=1024, description="a CSV file of labels that is larger gets 413")
    labels_file_max_rows: int = Field(250_000, ge=1, description="labels in one CSV file")
    labels_file_timeout_s: float = Field(60.0, gt=0, description="a file of labels that takes longer to come gets 408")
    max_concurrency: int = Field(64, ge=1, description="requests served at once; more get 503 with Retry-After")
    rate_per_s: float = Field(200.0, gt=0, description="token bucket per API key: refill")
    rate_burst: int = Field(2000, ge=1, description="token bucket per API key: size; a batch costs its rows")
    rows_per_day: int = Field(
        0, ge=0, description="rows a day (UTC) of an API key that has no quota of its own; 0 = no limit"
    )
    when_damaged: Literal["stand_in", "refuse"] = Field(
        "stand_in",
        description="after a start with a version that cannot be loaded: the one before answers, or nobody (503)",
    )
    poll_s: float = Field(1.0, gt=0, description="how often a replica looks for a new generation, key or revocation")
    session_idle_s: int = Field(1800, ge=60, description="a dashboard session unused this long is over")
    session_max_s: int = Field(28_800, ge=300, description="a dashboard session older than this is over")
    step_up_s: int = Field(
        900, ge=30, description="to approve what is of high risk, who they are was shown at most this long ago"
    )


class SpoolSettings(_Group):
    """Answered predictions on their way to PostgreSQL."""

    model_config = SettingsConfigDict(env_prefix="SPOOL_")

    max_rows: int = Field(2_000_000, ge=1000, description="rows kept while the database is away")
    when_full: Literal["reject", "serve_unlogged"] = Field("reject", description="what a full spool does to /predict")
    batch_rows: int = Field(2000, ge=1, le=50_000, description="rows per INSERT")
    ship_interval_s: float = Field(0.2, gt=0, description="longest time a row waits while the database is there")
    fsync_ms: Annotated[float, Field(ge=0)] | Literal["always"] = Field(
        200.0,
        description="most that a power cut may take, in ms; always = answers wait for the disk; 0 = up to the system",
    )


class UiSettings(_Group):
    """The dashboard."""

    model_config = SettingsConfigDict(env_prefix="UI_")

    host: str = "127.0.0.1"
    port: int = Field(8501, ge=0, le=65535, description="0 = any free port")
    api_url: str = Field("http://127.0.0.1:8000", description="where the dashboard finds the API")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#\s]+/?$",
        description="where people open the dashboard, such as https://steward.example.org; unset = where it listens",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="host names it answers for besides this machine and that of UI_PUBLIC_URL; * = any"
    )


RoleName = Literal["viewer", "operator", "approver", "admin"]


class OidcSettings(_Group):
    """Signing in through an identity provider (OpenID Connect), beside passwords; off while no issuer is given."""

    model_config = SettingsConfigDict(env_prefix="OIDC_", hide_input_in_errors=True)

    issuer: str | None = Field(None, description="the provider's address, exactly as it names itself; unset = off")
    client_id: str | None = Field(None, description="what the provider calls this installation")
    client_secret: SecretStr | None = Field(None, description="what this installation shows the provider")
    roles: dict[str, list[RoleName]] = Field(
        {}, description='which groups are let in and as what, JSON: {"ml-approvers": ["approver"]}'
    )
    roles_claim: str = Field("groups", description="the claim of the ID token that holds the groups")
    scopes: str = Field("openid profile email groups", description="what is asked for; some providers know no groups")
    name: str = Field("your organisation", max_length=40, description="on the button: Sign in with …")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.issuer is None:
            return self
        needed = {"CLIENT_ID": self.client_id, "CLIENT_SECRET": self.client_secret, "ROLES": self.roles}
        if missing := [f"OIDC_{name}" for name, value in needed.items() if not value]:
            raise ValueError(f"OIDC_ISSUER is set, so {', '.join(missing)} must be, too")
        if "openid" not in self.scopes.split():
            raise ValueError("OIDC_SCOPES: `openid` must be one of them")
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("OIDC_ISSUER: must be an https address")
        return self


class MonitorSettings(_Group):
    """The process that turns rows into judged numbers."""

    model_config = SettingsConfigDict(env_prefix="MONITOR_")

    interval_s: float = Field(15.0, gt=0, description="pause between two passes")
    metrics_port: int = Field(0, ge=0, le=65535, description="Prometheus port of the monitor; 0 = none")
    metrics_host: str = Field("127.0.0.1", description="where that port listens: it asks nobody who they are")
    probes: dict[Annotated[str, Field(pattern="^[a-z]{1,20}$")], Annotated[str, Field(pattern=r"^https?://\S+$")]] = (
        Field(
            {},
            max_length=10,
            description='pages that tell whether a service answers, JSON: {"ui": "http://ui:8501/_stcore/health"}',
        )
    )
    artifact_check_interval_s: float = Field(
        3600.0, ge=0, description="how often the files of what serves and served last are hashed again; 0 = never"
    )


class AuditSettings(_Group):
    """Signed checkpoints of the audit log."""

    model_config = SettingsConfigDict(env_prefix="AUDIT_")

    key_file: Path | None = Field(
        None, description="private key that signs checkpoints, made once; unset = audit.key in STEWARD_HOME"
    )
    checkpoint_file: Path | None = Field(
        None, description="where checkpoints are appended; unset = audit-checkpoints.jsonl in STEWARD_HOME"
    )
    checkpoint_interval_s: float = Field(
        300.0, ge=0, description="how often the monitor signs an audit log that has grown; 0 = never"
    )
    verify_interval_s: float = Field(
        86_400.0, ge=0, description="how often the monitor walks the whole audit log; 0 = only when somebody asks"
    )

    @field_validator("key_file", "checkpoint_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().resolve() if path else path


class ArtifactSettings(_Group):
    """Where the files of versions lie, and who vouches for them."""

    model_config = SettingsConfigDict(env_prefix="ARTIFACT_")

    dir: Path | None = Field(
        None, description="files of versions, shared by all who train and serve; unset = artifacts in STEWARD_HOME"
    )
    key_file: Path | None = Field(
        None, description="private key that signs versions, for whoever trains; unset = artifact.key in STEWARD_HOME"
    )
    trusted_dir: Path | None = Field(
        None, description="public keys (*.pub) whose signatures count; unset = artifact-keys in STEWARD_HOME"
    )
    unsigned: Literal["serve", "refuse"] | None = Field(
        None, description="a version nobody signed; unset = serve in development, refuse in production"
    )

    @field_validator("dir", "key_file", "trusted_dir")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().resolve() if path else path


class AgentSettings(_Group):
    """The process that diagnoses, decides and acts."""

    model_config = SettingsConfigDict(env_prefix="AGENT_")

    interval_s: float = Field(15.0, gt=0, description="pause between two cycles")
    database_url: SecretStr | None = Field(
        None, description="the agent's own login, a member of steward_agent; unset = DATABASE_URL"
    )
    dry_run: bool = Field(False, description="record every decision, change nothing")
    lease_s: float = Field(30.0, gt=1, description="an executor that is silent for this long has lost its action")
    evidence_timeout_s: float = Field(900.0, gt=1, description="a training run longer than this is ended and retried")
    metrics_port: int = Field(0, ge=0, le=65535, description="Prometheus port of the agent; 0 = none")
    metrics_host: str = Field("127.0.0.1", description="where that port listens: it asks nobody who they are")


class MlflowSettings(_Group):
    """Experiment tracking and the registry's projection."""

    model_config = SettingsConfigDict(env_prefix="MLFLOW_")

    tracking_uri: str | None = Field(None, description="a server's address; unset = its own database in our cluster")
    host: str = Field("127.0.0.1", description="of `steward up --with mlflow`; it asks nobody who they are")
    port: int = Field(5000, ge=0, le=65535, description="of `steward up --with mlflow`")


class WebhookTarget(BaseModel):
    """Where a signed webhook goes, and the key both sides know."""

    model_config = {"frozen": True, "hide_input_in_errors": True}

    url: SecretStr
    secret: SecretStr


class NotifySettings(_Group):
    """Where messages go besides the dashboard. A channel's name is yours; addresses are secrets."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)

    slack_webhook_url: SecretStr | None = Field(None, description="incoming webhook; makes the channel `slack`")
    notify_urls: dict[str, SecretStr] = Field(
        {}, description='Apprise addresses by channel, JSON: {"on-call": "mailtos://…", "team": "workflows://…"}'
    )
    notify_webhooks: dict[str, WebhookTarget] = Field(
        {}, description='signed webhooks by channel, JSON: {"ops": {"url": "https://…", "secret": "whsec_…"}}'
    )
    notify_topics: dict[str, list[str]] = Field(
        {}, description='what a channel is told instead of the usual, JSON: {"slack": ["incident.told"]}'
    )

    @model_validator(mode="after")
    def _one_channel_a_name(self) -> Self:
        names = ["mlflow", *(["slack"] if self.slack_webhook_url else []), *self.notify_urls, *self.notify_webhooks]
        for name in names:
            if not re.fullmatch(CHANNEL_NAME, name):
                raise ValueError(f"a channel's name is up to 32 small letters, digits, - and _, not {name[:40]!r}")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"NOTIFY_URLS, NOTIFY_WEBHOOKS: more than one channel is called {', '.join(twice)}")
        return self


class Settings(BaseModel):
    """Everything an entry point reads once and passes on."""

    model_config = {"frozen": True}

    platform: PlatformSettings = Field(default_factory=PlatformSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    backup: BackupSettings = Field(default_factory=BackupSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    spool: SpoolSettings = Field(default_factory=SpoolSettings)
    ui: UiSettings = Field(default_factory=UiSettings)
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    monitor: MonitorSettings = Field(default_factory=MonitorSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    artifact: ArtifactSettings = Field(default_factory=ArtifactSettings)
    agent: AgentSettings = Field(default_factory=AgentSettings)
    mlflow: MlflowSettings = Field(default_factory=MlflowSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)

    @model_validator(mode="after")
    def _no_plain_provider_in_production(self) -> Self:
        if self.platform.env == "production" and self.oidc.issuer and not self.oidc.issuer.startswith("https://"):
            raise ValueError("OIDC_ISSUER: must be an https address in production")
        return self

    @property
    def postgres_dir(self) -> Path:
        return self.platform.home / "postgres"

    @property
    def artifacts_dir(self) -> Path:
        return self.artifact.dir or self.platform.home / "artifacts"

    @property
    def spool_dir(self) -> Path:
        return self.platform.home / "spool"

    @property
    def backup_dir(self) -> Path:
        return self.backup.dir or self.platform.home / "backups"

    @property
    def logs_dir(self) -> Path:
        return self.platform.home / "logs"

    @property
    def run_dir(self) -> Path:
        return self.platform.home / "run"

    @property
    def audit_key_file(self) -> Path:
        return self.audit.key_file or self.platform.home / "audit.key"

    @property
    def audit_checkpoint_file(self) -> Path:
        return self.audit.checkpoint_file or self.platform.home / "audit-checkpoints.jsonl"

    @property
    def artifact_key_file(self) -> Path:
        return self.artifact.key_file or self.platform.home / "artifact.key"

    @property
    def artifact_trusted_dir(self) -> Path:
        return self.artifact.trusted_dir or self.platform.home / "artifact-keys"

    @property
    def serves_unsigned_artifacts(self) -> bool:
        return (self.artifact.unsigned or ("refuse" if self.platform.env == "production" else "serve")) == "serve"

    @property
    def downloads_dir(self) -> Path:
        return self.platform.home / "downloads"
