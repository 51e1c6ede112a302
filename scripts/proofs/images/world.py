"""A PostgreSQL of this machine as the Compose file's container makes it: over TCP, with a password for each login."""

import os
import random
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from database.embedded import EmbeddedPostgres, bin_dir
from scripts.platform_roles import free_port

LOGINS = {"database": ("steward", "steward"), "agent_database": ("steward_agent_login", "steward"),
          "mlflow_database": ("steward_mlflow", "mlflow")}  # fmt: skip
UID = 10001
HOST = "127.0.0.1"


@dataclass(frozen=True)
class World:
    """What the containers are given: secrets as files, directories for their volumes, ports."""

    place: Path
    server: EmbeddedPostgres
    ports: dict[str, int]

    def secret(self, name: str) -> str:
        """The volume that puts a secret where Compose would."""
        return f"{self.place}/secrets/{name}:/run/secrets/{name}:ro"

    def volume(self, name: str, at: str, mode: str = "rw") -> str:
        directory = self.place / "volumes" / name
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, UID, UID)
        return f"{directory}:{at}:{mode}"

    def ask(self, question: str) -> list[tuple[object, ...]]:
        """Rows of the platform's database, as its superuser."""
        engine = create_engine(self.server.url("steward"), poolclass=NullPool)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(question))]
        finally:
            engine.dispose()


@contextmanager
def world(place: Path, root: Path) -> Iterator[World]:
    """Started, with the logins that `docker/postgres` makes, for the length of the block; then removed."""
    place.mkdir(mode=0o755)
    ports = {name: free_port(HOST) for name in ("mlflow", "api", "ui")}
    # Its usual port, on an address of this machine that nobody else listens on.
    address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(2, 254)}"  # noqa: S311
    server = EmbeddedPostgres(place / "postgres", settings={"listen_addresses": address})
    try:
        server.start()
        _secrets(place / "secrets", address)
        _logins(server, place / "secrets", root)
        yield World(place, server, ports)
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


def _secrets(place: Path, address: str) -> None:
    place.mkdir()
    told = {"steward_secret_key": secrets.token_urlsafe(48)}
    for name, (login, database) in LOGINS.items():
        password = secrets.token_hex(20)
        told[f"{name}_password"] = password
        told[f"{name}_url"] = f"postgresql://{login}:{password}@{address}:5432/{database}"
    for name, value in told.items():
        path = place / name
        path.write_text(value)
        path.chmod(0o400)
        os.chown(path, UID, UID)


def _logins(server: EmbeddedPostgres, place: Path, root: Path) -> None:
    """What the image of PostgreSQL does in a new volume: owner, database, and the scripts of `docker/postgres`."""
    password = (place / "database_password").read_text()
    url = server.url("postgres")
    psql = [str(bin_dir() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(url.query["host"]),
            "-p", str(url.query.get("port", 5432)), "-U", str(url.username)]  # fmt: skip
    hba = server.data_dir / "pg_hba.conf"
    hba.write_text("host all all 127.0.0.0/8 scram-sha-256\n" + hba.read_text())
    begin = f"CREATE ROLE steward SUPERUSER LOGIN PASSWORD '{password}'; SELECT pg_reload_conf();"
    subprocess.run([*psql, "-d", "postgres"], input=begin, text=True, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*psql, "-d", "postgres", "-c", "CREATE DATABASE steward OWNER steward"], check=True)
    files = {
        "AGENT_POSTGRES_PASSWORD_FILE": str(place / "agent_database_password"),
        "MLFLOW_POSTGRES_PASSWORD_FILE": str(place / "mlflow_database_password"),
    }
    for page in sorted((root / "docker/postgres").glob("*.sql")):
        subprocess.run([*psql, "-d", "steward", "-f", str(page)], env={**os.environ, **files}, check=True)
