"""The plain HTML pages of the door: they need no script, may not be framed, and nothing keeps a copy of them."""

import base64
import hashlib
import html
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse

from ui.answers.people import Invited

_STATIC = Path(__file__).parent.parent / "static"
_SHELL, _SIGN_IN, _FIRST, _MESSAGE = (
    Template((_STATIC / f"{name}.html").read_text(encoding="utf-8")) for name in ("door", "sign_in", "first", "message")
)
_STYLE = _SHELL.template.partition("<style>")[2].partition("</style>")[0]
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
}


def _page(title: str, body: str, status: int) -> HTMLResponse:
    return HTMLResponse(_SHELL.substitute(title=html.escape(title), body=body), status_code=status, headers=HEADERS)


def _problem(sentence: str) -> str:
    return f'<p class="problem" role="alert">{html.escape(sentence)}</p>' if sentence else ""


def sign_in(
    next_path: str, *, provider: tuple[str, str] | None, problem: str = "", name: str = "", status: int = 200
) -> HTMLResponse:
    """The sign-in form. `provider`: what the identity provider is called, and the address that leads there."""
    other = ""
    if provider is not None:
        called, address = provider
        other = (
            '<p class="or">or</p><div class="st-key-login-provider">'
            f'<a class="other" href="{html.escape(address)}">Sign in with {html.escape(called)}</a></div>'
        )
    body = _SIGN_IN.substitute(
        problem=_problem(problem), next=html.escape(next_path), name=html.escape(name), provider=other
    )
    return _page("Sign in", body, status)


_NAME = """<div class="st-key-first-name"><label for="name">Name</label>
<input id="name" name="name" value="{name}" autocomplete="username" autocapitalize="none" spellcheck="false"
required maxlength="64" pattern="[a-z0-9._@\\-]+" title="a to z, 0-9, dot, dash, underscore and @" autofocus></div>"""


def first(token: str, invited: Invited, *, problem: str = "", name: str = "", status: int = 200) -> HTMLResponse:
    """Where a one-time link leads: choose a password, and for the first administrator a name."""
    roles = ", ".join(invited.roles)
    if invited.name is None:
        lead = "Nobody can sign in here yet. You become the administrator: choose a name and a password."
        who = _NAME.format(name=html.escape(name))
        follows = "Administrators invite people and give roles; they do not approve. To decide about models, invite "
        follows += "somebody as approver (Settings, People), or give yourself that role as well."
    else:
        lead = f"Choose a password for {invited.name} ({roles})."
        # Password managers keep it under this name.
        who = f'<input type="hidden" name="username" value="{html.escape(invited.name)}" autocomplete="username">'
        follows = "This link works once. Whatever you had open with an older password is signed out."
    body = _FIRST.substitute(
        lead=html.escape(lead), problem=_problem(problem), token=html.escape(token), who=who, next=html.escape(follows)
    )
    return _page("Welcome to Steward" if invited.name is None else "Choose a password", body, status)


def message(title: str, says: str, *, href: str, label: str, status: int) -> HTMLResponse:
    """Something that cannot be gone on with, and where one can go instead."""
    body = _MESSAGE.substitute(says=html.escape(says), href=html.escape(href), label=html.escape(label))
    return _page(title, body, status)
