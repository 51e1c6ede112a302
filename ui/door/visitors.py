"""What a request says about the browser it comes from, and what of it may be believed."""

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

SeenFrom = dict[str, Any]


def local_path(target: str | None) -> str:
    """Where to go after signing in: only a path of this application, never another site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\", "/auth/")):
        return "/"
    if any(ord(character) < 32 for character in target) or "\\" in target:
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target


def from_elsewhere(request: Request) -> bool:
    """True for a form or link of another site, so that nobody is signed in or out by a page they merely visit."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    return bool(origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("host"))


def is_https(request: Request) -> bool:
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "")}


def seen_from(request: Request) -> SeenFrom:
    """Where this browser sits and what it calls itself, for its person to recognise later."""
    return {
        "address": request.client.host[:64] if request.client else None,
        "user_agent": request.headers.get("user-agent", "")[:512] or None,
    }
