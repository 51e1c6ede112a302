"""The dashboard as one ASGI application: Streamlit, and in front of it the door.

Streamlit cannot set a cookie that scripts in the page cannot read, so signing in happens beside it: a plain HTML form
answers with an HttpOnly cookie that holds the API's session token. The cookie survives reloads, new tabs and deep
links; whether it is still worth anything is for the API to say on every call.
"""

import html
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from streamlit.runtime.pages_manager import PagesManager

from config.settings import UiSettings
from ui.api_client import ApiClient, ApiError
from ui.session import COOKIE, SIGN_IN, SIGN_OUT

MAX_FORM_BYTES = 8192
_HERE = Path(__file__).parent
_FORM = (_HERE / "static" / "sign_in.html").read_text(encoding="utf-8")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


def local_path(target: str | None) -> str:
    """Where to go after signing in: only a path of this application, never another site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\", "/auth/")):
        return "/"
    if any(ord(character) < 32 for character in target) or "\\" in target:
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target


def _page(next_path: str, *, problem: str = "", name: str = "", status: int = 200) -> HTMLResponse:
    shown = f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
    body = (
        _FORM.replace("{{problem}}", shown)
        .replace("{{next}}", html.escape(next_path, quote=True))
        .replace("{{name}}", html.escape(name, quote=True))
    )
    return HTMLResponse(body, status_code=status, headers=_HEADERS)


def _from_elsewhere(request: Request) -> bool:
    """True for a form or link of another site, so that nobody is signed in or out by a page they merely visit."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    return bool(origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("host"))


def _is_https(request: Request) -> bool:
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "")}


class Door:
    """The routes that let a person in and out. Holds the API client that the sign-in form asks."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @property
    def routes(self) -> list[Route]:
        return [
            Route(SIGN_IN, self.form, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
            Route(SIGN_OUT, self.sign_out, methods=["GET", "POST"]),
        ]

    async def form(self, request: Request) -> Response:
        return _page(local_path(request.query_params.get("next")))

    async def sign_in(self, request: Request) -> Response:
        if _from_elsewhere(request):
            return _page("/", problem="This form was sent from another site. Please sign in here.", status=403)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                return _page("/", problem="That was too long for a name and a password.", status=413)
        fields = parse_qs(body.decode("utf-8", "replace"))
        name, password = fields.get("name", [""])[0].strip(), fields.get("password", [""])[0]
        next_path = local_path(fields.get("next", ["/"])[0])
        if not name or not password:
            return _page(next_path, problem="Enter your name and your password.", name=name, status=400)
        try:
            login = await run_in_threadpool(self._client.login, name, password)
        except ApiError as problem:
            return _page(next_path, problem=problem.sentence, name=name, status=problem.status or 503)
        response = RedirectResponse(next_path, status_code=303, headers={"Cache-Control": "no-store"})
        response.set_cookie(
            COOKIE,
            login.token,
            max_age=max(60, int(login.person.session_expires_at.timestamp() - time.time())),
            httponly=True,
            samesite="lax",
            secure=_is_https(request),
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        response = RedirectResponse(SIGN_IN, status_code=303, headers={"Cache-Control": "no-store"})
        token = request.cookies.get(COOKIE)
        if _from_elsewhere(request):
            return response
        if token:
            try:
                await run_in_threadpool(self._client.with_token(token).logout)
            except ApiError:
                # The session ends by itself in the API; the browser forgets it now.
                response.delete_cookie(COOKIE)
                return response
        response.delete_cookie(COOKIE)
        return response


class Gate:
    """Sends a browser that asks for a page without a cookie to the form, and remembers where it wanted to go."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._is_closed_to(scope):
            target = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            response = RedirectResponse(f"{SIGN_IN}?next={quote(local_path(target), safe='/')}", status_code=303)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    @staticmethod
    def _is_closed_to(scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if scope["method"] != "GET" or scope["path"] in {SIGN_IN, SIGN_OUT} or "/_stcore/" in scope["path"]:
            return False
        asks_for_page = headers.get("sec-fetch-dest") == "document" or "text/html" in headers.get("accept", "")
        return asks_for_page and f"{COOKIE}=" not in headers.get("cookie", "")


def create_app(settings: UiSettings) -> st.App:
    """The application for one API. Streamlit allows one per process."""
    # Until a first run has called `st.navigation`, Streamlit would serve the folder `pages/` by the names of its files:
    # the first deep link after a start would open under a dialog "Page not found".
    PagesManager.uses_pages_directory = False
    door = Door(ApiClient(settings.api_url))
    return st.App(_HERE / "app.py", routes=door.routes, middleware=[Middleware(Gate)])
