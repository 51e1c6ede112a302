"""How people decide, read for the pages that say it."""

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

from agent.core.oversight import Oversight, Vote, oversight
from api.runtime import Runtime
from database.connection import ReadSession
from database.queries import oversight as rows
from database.queries.actions import database_now

PERIOD_DAYS = 90
# Every open page asks every few seconds what stands on top of it; a quarter of decisions is not read anew each time.
REMEMBERED_S = 60.0


def habits(session: ReadSession, runtime: Runtime, model_name: str | None, days: int = PERIOD_DAYS) -> Oversight:
    """The decisions of the last `days` about a model, or about all of them."""
    period = timedelta(days=days)
    since = database_now(session) - period
    votes = [Vote(**vars(one)) for one in rows.votes(session, since, model_name)]
    models = 1 if model_name else len(runtime.contracts)
    return oversight(votes, rows.expired_unanswered(session, since, model_name), period, models)


def signs(session: ReadSession, runtime: Runtime, model_name: str) -> Sequence[str]:
    """What looks like nodding through, as it was at most a minute ago."""
    read_at, found = runtime.signs.get(model_name, (None, ()))
    if read_at is None or monotonic() - read_at > REMEMBERED_S:
        found = habits(session, runtime, model_name).signs
        runtime.signs[model_name] = (monotonic(), found)
    return found
