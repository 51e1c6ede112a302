"""A PostgreSQL that somebody else runs, such as a service of a workflow, in the place of the embedded one."""

from dataclasses import dataclass

from sqlalchemy import URL, NullPool, create_engine, text


@dataclass(frozen=True)
class ServicePostgres:
    """`address` leads to its maintenance database, as a user who may make databases."""

    address: URL

    def url(self, database: str) -> URL:
        return self.address.set(drivername="postgresql+psycopg2", database=database)

    def ensure_database(self, name: str) -> None:
        """Make it, anew: what an earlier run left there is another schema."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
