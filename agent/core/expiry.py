"""When the time to decide on an action is over: pure, given the database's clock."""

from datetime import datetime

from database.errors import ExpiredError
from database.models import AgentAction


def is_over(action: AgentAction, now: datetime) -> bool:
    """Whether its time ran out by `now`; an action that nobody is asked about has no such time."""
    return action.expires_at is not None and now >= action.expires_at


def ran_out(action: AgentAction) -> ExpiredError:
    """What somebody hears who decides too late."""
    when = "" if action.expires_at is None else f" at {action.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    return ExpiredError(f"the time to decide ran out{when}")
