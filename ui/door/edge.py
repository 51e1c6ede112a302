"""What stands in front of everything the dashboard answers: whose host it is, who opens a socket, what a page may do.

Streamlit guards its socket by a list that lets in every port of this machine and asks the internet for this machine's
address; here a socket is opened by a page of this very site, or not at all.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from config.settings import LOOPBACK, UiSettings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
STRICT_TRANSPORT = "max-age=31536000"


def hosts_of(settings: UiSettings) -> frozenset[str]:
    """The host names this dashboard answers for; `*` stands for all."""
    names = {*LOOPBACK, *(host.lower().strip("[]") for host in settings.allowed_hosts)}
    if settings.host not in _ANY_ADDRESS:
        names.add(settings.host.lower())
    if settings.public_url:
        names.add(urlsplit(settings.public_url).hostname or "")
    return frozenset(names - {""})


def _inline_scripts() -> str:
    """The scripts that stand in Streamlit's own page, by what they are: no other inline script runs."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    found = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in found)


def page_policy() -> str:
    """What a page of the dashboard may load and do: of this origin alone. Streamlit writes its styles as it goes."""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'wasm-unsafe-eval' {_inline_scripts()}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class Edge:
    """Refuses foreign hosts and foreign pages' sockets, and puts the headers on every answer.

    A page with a policy of its own (the door's, a report's) keeps it.
    """

    def __init__(self, app: App, *, settings: UiSettings) -> None:
        self._app = app
        self._hosts = hosts_of(settings)
        self._public = urlsplit(settings.public_url).netloc.lower() if settings.public_url else None
        self._policy = page_policy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._knows(headers.get("host", "")):
            await self._refuse(scope, receive, send)
        elif scope["type"] == "websocket":
            if self._is_foreign(headers):
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
        else:
            https = "https" in {scope.get("scheme"), headers.get("x-forwarded-proto")}
            await self._app(scope, receive, self._with_headers(send, https=https))

    def _knows(self, header: str) -> bool:
        try:
            host = urlsplit(f"//{header}").hostname
        except ValueError:
            return False
        return "*" in self._hosts or (host is not None and host.lower() in self._hosts)

    def _is_foreign(self, headers: Headers) -> bool:
        """Whether a page of another site opens this socket. Programs send no origin, and hold no cookie either."""
        origin = headers.get("origin")
        if origin is None:
            return False
        return urlsplit(origin).netloc.lower() not in {headers.get("host", "").lower(), self._public}

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        says = "This dashboard does not answer for that host: the setting UI_ALLOWED_HOSTS does not name it.\n"
        await PlainTextResponse(says, status_code=400)(scope, receive, self._with_headers(send, https=False))

    def _with_headers(self, send: Send, *, https: bool) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", self._policy)
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
                if https:
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT
            await send(message)

        return sending
