"""What the dashboard's pages ask about time, over spans from an hour to all there is: answered from counts."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.orm import Session

from database.queries import predictions
from database.queries.predictions import Bucket
from database.queries.trends import trend
from scripts.bench.many_predictions import Made

# Each span, and into how many slices it is cut.
SPANS = (
    (timedelta(hours=1), 60),
    (timedelta(hours=1), 500),
    (timedelta(days=1), 60),
    (timedelta(days=9), 60),
    (timedelta(days=10), 500),
    (timedelta(days=30), 60),
)
_NEWEST = 5000
Trend = Callable[[Session], tuple[timedelta, list[Bucket]]]


def page_questions(made: Made, model_name: str) -> list[tuple[str, Trend]]:
    """Each with a name, of the end of what was made."""

    def over(span: timedelta, slices: int) -> Trend:
        return lambda session: trend(session, model_name, made.ends - span, made.ends, slices)

    def newest(session: Session) -> tuple[timedelta, list[Bucket]]:
        begins = predictions.busy_since(session, model_name, _NEWEST) or made.begins
        return trend(session, model_name, begins, made.ends, 60)

    spans = [
        (f"a page's trend: {span / timedelta(hours=1):g} h in {slices}", over(span, slices)) for span, slices in SPANS
    ]
    return [*spans, (f"a page's trend: the newest {_NEWEST:,} rows", newest)]
