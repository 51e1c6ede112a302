"""The sections of Settings & policy, and what is said where a section needs a right one does not have. Pure."""

from collections.abc import Sequence

from ui import wording
from ui.answers.installation import RoleHolders

ADMINISTER = "people_and_keys.administer"
RETRY = "deliveries.retry"


def whom_to_ask(permission: str, roles: Sequence[RoleHolders]) -> str:
    """Which roles carry a right, and who has them."""
    able = [role for role in roles if permission in role.permissions]
    names = sorted({name for role in able for name in role.people})
    needs = " or ".join(role.role for role in able) or "nobody's"
    first = able[0].role if able else "admin"
    who = f"Ask {_some(names)}." if names else f"Nobody has it yet: steward users invite NAME --role {first}"
    return f"This needs the role {needs}. {who}"


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} or one of {wording.count(len(names) - most)} others"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
