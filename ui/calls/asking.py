"""What the calls of a noun need of the client: one question, answered in a type or by a problem."""

from typing import Any, Protocol, TypeVar

import httpx
from pydantic import BaseModel

A = TypeVar("A", bound=BaseModel)
Params = dict[str, str | int]


class Asking(Protocol):
    """Asking the API in the name of one person."""

    def ask(
        self,
        answer: type[A],
        method: str,
        path: str,
        params: Params | None = None,
        body: Any = None,
        wait_s: float = ...,
    ) -> A: ...

    def send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: dict[str, Any] | None = None,
        wait_s: float = ...,
    ) -> httpx.Response: ...
