"""How people decide, read for the pages that say it."""

from datetime import timedelta

from agent.core.oversight import Oversight, Vote, oversight
from api.runtime import Runtime
from database.connection import ReadSession
from database.queries import oversight as rows
from database.queries.actions import database_now

PERIOD_DAYS = 90


def habits(session: ReadSession, runtime: Runtime, model_name: str | None, days: int = PERIOD_DAYS) -> Oversight:
    """The decisions of the last `days` about a model, or about all of them."""
    period = timedelta(days=days)
    since = database_now(session) - period
    votes = [Vote(**vars(one)) for one in rows.votes(session, since, model_name)]
    models = 1 if model_name else len(runtime.contracts)
    return oversight(votes, rows.expired_unanswered(session, since, model_name), period, models)
