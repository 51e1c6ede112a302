"""Where the databases are: at DATABASE_URL, or in the embedded cluster under STEWARD_HOME.

MLflow keeps its tables in a database of its own beside ours, because both have an `alembic_version` table.
"""

from sqlalchemy import URL

from config.settings import Settings
from database.agent_role import AGENT_LOGIN
from database.connection import normalised_url
from database.embedded import EmbeddedPostgres

DATABASE = "steward"
MLFLOW_DATABASE = "mlflow"


def embedded(settings: Settings) -> EmbeddedPostgres | None:
    """The embedded server of this installation, or None when DATABASE_URL names another."""
    return None if settings.database.url else EmbeddedPostgres(settings.postgres_dir)


def database_url(settings: Settings) -> URL:
    """Our database. Nothing is started or connected."""
    if settings.database.url:
        return normalised_url(settings.database.url.get_secret_value())
    return EmbeddedPostgres(settings.postgres_dir).url(DATABASE)


def agent_database_url(settings: Settings) -> URL:
    """Our database as the agent enters it: AGENT_DATABASE_URL, else as everybody does, but for the embedded one."""
    if settings.agent.database_url:
        return normalised_url(settings.agent.database_url.get_secret_value())
    url = database_url(settings)
    return url if settings.database.url else url.set(username=AGENT_LOGIN)


def mlflow_url(settings: Settings) -> URL:
    """MLflow's database: `mlflow` on the same server, entered by the agent's login where that is the only one given."""
    only_the_agents = settings.agent.database_url and not settings.database.url
    url = agent_database_url(settings) if only_the_agents else database_url(settings)
    return url.set(database=MLFLOW_DATABASE)
