"""The checks of the dashboard: it is there, and a stranger sees nothing but the form."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx

from scripts.smoke.checks import SmokeError, expect

_A_PAGE = {"Accept": "text/html"}


class DashboardChecks:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __iter__(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "dashboard answers", self._answers
        yield "dashboard asks who it is", self._asks

    def _answers(self) -> str:
        expect(self._client.get("/_stcore/health"), 200)
        return "GET /_stcore/health answers 200"

    def _asks(self) -> str:
        """A browser without a cookie is sent to the form, on the same host."""
        to = urlsplit(expect(self._client.get("/overview", headers=_A_PAGE), 302, 303, 307).headers["location"])
        if to.netloc not in {"", self._client.base_url.netloc.decode()}:
            raise SmokeError(f"the dashboard sends a stranger to another host: {to.netloc}")
        form = expect(self._client.get(f"{to.path}?{to.query}", headers=_A_PAGE), 200)
        if 'type="password"' not in form.text:
            raise SmokeError(f"GET {to.path} shows no form to sign in with")
        return f"a browser without a session is sent to {to.path}, which has a form"
