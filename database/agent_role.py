"""What the agent's own connection may do: all its work, and none of what only people may do.

The role `steward_agent` reads what it needs, and writes neither decisions nor people, keys, sessions or the kill
switch, nor what the API and the monitor observe; it adds to the audit log and to the kept evidence and never alters
them. So whoever takes over the agent's connection forges no approval, and the database's triggers let nothing serve
without one.
The role cannot log in by itself: a login of your own is made a member of it, and named by AGENT_DATABASE_URL. The
embedded server gets one here.
"""

from loguru import logger
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from database.connection import make_engine, sqlstate
from database.models import Base

AGENT_ROLE = "steward_agent"
AGENT_LOGIN = "steward_agent_login"

_READ = frozenset({"SELECT"})
_ADD = _READ | {"INSERT"}
_WRITE = _ADD | {"UPDATE"}
# A table that is not named here is the agent's to write.
_LIMITED: dict[str, frozenset[str]] = {
    "approvals": _READ,
    "action_comments": frozenset(),
    "action_snoozes": frozenset(),
    "automation": _READ,
    "action_arrows": _READ,
    "prediction_outcomes": _READ,
    "users": frozenset(),
    "api_keys": frozenset(),
    "key_usage": frozenset(),
    "login_sessions": frozenset(),
    "invitations": frozenset(),
    "provider_visits": frozenset(),
    "audit_log": _ADD,
    "evidence_bundles": _ADD,
    "outbox": _ADD,
    "deliveries": _WRITE,
    "deployments": _ADD,
    "schedules_seen": _WRITE | {"DELETE"},
    "predictions": _READ,
    "labels": _READ,
    "unclaimed_labels": _READ,
    "label_search": _READ,
    "prediction_counts": _READ,
    "label_counts": _READ,
    "dead_letters": _READ,
    "prediction_subjects": frozenset(),
    "subject_erasures": frozenset(),
    "refused_requests": _READ,
    "replicas": _READ,
    "monitoring_windows": _READ,
    "drift_reports": _READ,
    "performance_metrics": _READ,
    "data_quality_results": _READ,
}
_COLUMNS: dict[tuple[str, str], frozenset[str]] = {
    # Who decided, and whether they still may; never the hash of a password.
    ("users", "SELECT"): frozenset({"id", "name", "roles", "disabled_at"}),
    # To hold the switch still while something takes effect (FOR SHARE) PostgreSQL wants a column that may be written;
    # this one can only ever be 1.
    ("automation", "UPDATE"): frozenset({"id"}),
    # A message that was written stays as it is.
    ("outbox", "UPDATE"): frozenset({"routed_at"}),
}
_TAKEN = frozenset({"42710", "23505"})  # somebody made the role at the same moment


def wanted_rights() -> dict[str, frozenset[str]]:
    """What the role may do with each table as a whole."""
    return dict.fromkeys(Base.metadata.tables, _WRITE) | _LIMITED


def grant_agent_rights(connection: Connection) -> bool:
    """Make the role if this user may, and give it exactly its rights; nothing is written when it has them.

    False: there is no such role and this user may not make one. The agent then works under its own user's rights.
    """
    with connection.begin():
        if not _made(connection, AGENT_ROLE, "NOLOGIN"):
            return False
        wanted = wanted_rights()
        whole = {table: rights for table, rights in wanted.items() if rights}
        if _rights(connection) == whole and _rights_in_columns(connection) == _COLUMNS:
            return True
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {AGENT_ROLE}"))
        for table, rights in wanted.items():
            connection.execute(text(f"REVOKE ALL ON {table} FROM {AGENT_ROLE}"))
            if rights:
                connection.execute(text(f"GRANT {', '.join(sorted(rights))} ON {table} TO {AGENT_ROLE}"))
        for (table, right), columns in _COLUMNS.items():
            connection.execute(text(f"GRANT {right} ({', '.join(sorted(columns))}) ON {table} TO {AGENT_ROLE}"))
    logger.info("database.agent_role.granted role={}", AGENT_ROLE)
    return True


def make_agent_login(url: URL) -> None:
    """The embedded server's login for the agent; its socket asks nobody for a password."""
    engine = make_engine(url, application="steward-migrate")
    try:
        with engine.begin() as connection:
            _made(connection, AGENT_LOGIN, f"LOGIN IN ROLE {AGENT_ROLE}")
    finally:
        engine.dispose()


def _made(connection: Connection, role: str, options: str) -> bool:
    """Whether the role is there now."""
    if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
        return True
    if not connection.scalar(text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")):
        return False
    try:
        with connection.begin_nested():
            connection.execute(text(f"CREATE ROLE {role} {options}"))
    except DBAPIError as error:
        if sqlstate(error) not in _TAKEN:
            raise
    return True


def _rights(connection: Connection) -> dict[str, frozenset[str]]:
    rows = connection.execute(
        text(
            "SELECT c.relname, array_agg(a.privilege_type) FROM pg_class c, aclexplode(c.relacl) a"
            " JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname = :role"
            " AND c.relnamespace = 'public'::regnamespace GROUP BY c.relname"
        ),
        {"role": AGENT_ROLE},
    )
    return {table: frozenset(rights) for table, rights in rows}


def _rights_in_columns(connection: Connection) -> dict[tuple[str, str], frozenset[str]]:
    rows = connection.execute(
        text(
            "SELECT c.relname, a.privilege_type, array_agg(t.attname::text) FROM pg_class c"
            " JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a JOIN pg_roles r ON r.oid = a.grantee"
            " WHERE r.rolname = :role AND c.relnamespace = 'public'::regnamespace GROUP BY c.relname, a.privilege_type"
        ),
        {"role": AGENT_ROLE},
    )
    return {(table, right): frozenset(columns) for table, right, columns in rows}
