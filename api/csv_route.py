"""Routes for files: the same path may take JSON elsewhere; these see a request only if it brings `text/csv`."""

from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from api.csv_bodies import CSV_PATHS, is_csv


class CsvRoute(APIRoute):
    """A route that reads a CSV file as it arrives. Raises ValueError for an address whose bodies are read whole."""

    def __init__(self, path: str, *arguments: Any, **named: Any) -> None:
        if path not in CSV_PATHS:
            raise ValueError(f"{path} is no address for files: see CSV_PATHS")
        super().__init__(path, *arguments, **named)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if is_csv(scope) else (Match.NONE, {})
