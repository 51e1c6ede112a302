"""Who may do what: one pure table of roles and permissions.

Admin does not imply approver, stopping needs less than starting, and no role lets anybody decide on a proposal of
their own (that is checked where decisions are taken).
"""

from collections.abc import Collection
from enum import StrEnum

from database.enums import Role


class Permission(StrEnum):
    """What a signed-in person can be allowed to do."""

    READ = "read"
    HANDLE_ALERTS = "alerts.handle"
    PROPOSE = "actions.propose"
    DECIDE = "actions.decide"
    RETRY_DELIVERIES = "deliveries.retry"
    STOP_AUTOMATION = "automation.stop"
    RESUME_AUTOMATION = "automation.resume"
    RELOAD = "serving.reload"
    READ_RECORDS = "records.read"
    REPLAY_ROWS = "rows.replay"
    ADMINISTER = "people_and_keys.administer"


ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset(
        {
            Permission.READ,
            Permission.HANDLE_ALERTS,
            Permission.PROPOSE,
            Permission.RETRY_DELIVERIES,
            Permission.STOP_AUTOMATION,
            Permission.RELOAD,
            Permission.READ_RECORDS,
            Permission.REPLAY_ROWS,
        }
    ),
    Role.APPROVER: frozenset(
        {
            Permission.READ,
            Permission.HANDLE_ALERTS,
            Permission.PROPOSE,
            Permission.RETRY_DELIVERIES,
            Permission.DECIDE,
            Permission.READ_RECORDS,
            Permission.STOP_AUTOMATION,
            Permission.RESUME_AUTOMATION,
        }
    ),
    Role.ADMIN: frozenset(
        {Permission.READ, Permission.STOP_AUTOMATION, Permission.RESUME_AUTOMATION, Permission.ADMINISTER}
    ),
}


def permissions_of(roles: Collection[str]) -> frozenset[Permission]:
    """Everything these roles allow together. A role nobody knows allows nothing."""
    known = {role.value: role for role in Role}
    return frozenset().union(*(ALLOWED[known[role]] for role in roles if role in known))


def may(roles: Collection[str], permission: Permission) -> bool:
    return permission in permissions_of(roles)
