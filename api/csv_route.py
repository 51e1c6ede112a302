"""Routes for files: the same path may take JSON elsewhere; these see a request only if it brings `text/csv`.

Their bodies are not read into memory beforehand (`middleware/limits.py`), so the route itself holds them to a size.
"""

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

MEDIA_TYPE = b"text/csv"


def is_csv(scope: Scope) -> bool:
    """Whether this request says that its body is a CSV file."""
    given = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return bool(given.partition(b";")[0].strip().lower() == MEDIA_TYPE)


class CsvRoute(APIRoute):
    """A route that reads a CSV file as it arrives."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if is_csv(scope) else (Match.NONE, {})
