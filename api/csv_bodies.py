"""Bodies that are files: not read into memory before their route sees them, and held to a size by the route itself."""

from starlette.types import Scope

MEDIA_TYPE = b"text/csv"
# The addresses of every `CsvRoute`, known before there are routes.
CSV_PATHS = frozenset({"/labels"})


def is_csv(scope: Scope) -> bool:
    """Whether this request says that its body is a CSV file."""
    given = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return bool(given.partition(b";")[0].strip().lower() == MEDIA_TYPE)
