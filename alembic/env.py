"""Alembic's entry: the address is handed over by `database/migrations.py`, or read from the settings at a desk."""

import re
from typing import Any

from alembic import context
from sqlalchemy import create_engine, pool

from config.settings import Settings
from database.connection import normalised_url
from database.migrations import LOCK_TIMEOUT_S
from database.models import Base

PARTITION = re.compile(r"predictions_(default|(before_)?\d{8})")


def ours(item: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Views, partitions and the table of arrows are made elsewhere, not compared with the models."""
    if kind != "table":
        return True
    return not (name == "action_arrows" or item.info.get("is_view") or PARTITION.fullmatch(name or ""))


def run() -> None:
    url = context.config.attributes.get("url")
    if url is None:
        given = Settings().database.url
        if given is None:
            raise SystemExit("DATABASE_URL is not set: use `steward migrate` for the embedded database")
        url = normalised_url(given.get_secret_value())
    patience = {"options": f"-c lock_timeout={LOCK_TIMEOUT_S}s"}
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=patience)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            include_object=ours,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
