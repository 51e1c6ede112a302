"""Who is looking, and through which client: the one place that knows the cookie and Streamlit's session state."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from urllib.parse import quote, urlsplit

import streamlit as st

from config.settings import UiSettings
from ui.answers.frame import Frame
from ui.api_client import ApiClient
from ui.api_types import Me

COOKIE = "steward_session"
SIGN_IN = "/auth/login"
SIGN_OUT = "/auth/logout"
FIRST = "/auth/first"
PROVIDER = "/auth/provider"
CALLBACK = "/auth/callback"
OPEN_PATHS = frozenset({SIGN_IN, SIGN_OUT, FIRST, PROVIDER, CALLBACK})
REPORT = "/report/drift"
_WHOLE, _ALONE, _REDRAWN = "run_whole", "run_alone", "run_redrawn"


@st.cache_resource
def _anonymous_client() -> ApiClient:
    """One connection pool for all browsers; the address comes from the environment of this process."""
    return ApiClient(UiSettings().api_url)


def token() -> str | None:
    """The API's session token of this browser, if it is signed in."""
    found = st.session_state.get("session_token") or st.context.cookies.get(COOKIE)
    return found if isinstance(found, str) and found else None


def client() -> ApiClient:
    """The API, asked in the name of the person who is looking."""
    return _anonymous_client().with_token(token() or "", unattended=by_itself())


def by_itself() -> bool:
    """Whether nobody asked for what is drawn now: the page looks by itself, and that is no use of the session."""
    return bool(st.session_state.get(_ALONE, False))


@contextmanager
def run() -> Iterator[None]:
    """The length of a whole run: asked for by a person, unless the page had itself drawn anew."""
    st.session_state[_WHOLE], st.session_state[_ALONE] = True, st.session_state.pop(_REDRAWN, False)
    try:
        yield
    finally:
        st.session_state[_WHOLE] = st.session_state[_ALONE] = False


@contextmanager
def look() -> Iterator[None]:
    """The length of a part that runs every few seconds: nobody asked for it, unless the whole page is drawn."""
    before = by_itself()
    st.session_state[_ALONE] = before or not st.session_state.get(_WHOLE, False)
    try:
        yield
    finally:
        st.session_state[_ALONE] = before


def redraw() -> NoReturn:
    """Have the whole page drawn anew, because the world moved and not because a person did."""
    st.session_state[_REDRAWN] = True
    st.rerun(scope="app")


def _here() -> str:
    """This very page, as a path with its query."""
    here = st.context.url or ""
    path = "/" + here.split("://", 1)[-1].partition("/")[2]
    query = "&".join(f"{name}={value}" for name, value in st.query_params.items())
    return path + ("?" + query if query and "?" not in path else "")


def sign_in_link() -> str:
    """The form, with the way back to this very page."""
    return f"{SIGN_IN}?next={quote(_here(), safe='/')}"


def confirm_link() -> str:
    """To the identity provider, to show again who one is, and back to this very page."""
    return f"{PROVIDER}?again=1&next={quote(_here(), safe='/')}"


def report_path(window_id: int) -> str:
    """Where the frame finds Evidently's page for a window."""
    return f"{REPORT}/{window_id}"


def origin() -> str:
    """Where this dashboard is open: what a one-time link begins with."""
    public = UiSettings().public_url
    parts = urlsplit(st.context.url or "")
    return public.rstrip("/") if public else f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True)
class Visit:
    """What every page may know: who looks, at which model, and what the frame said at the start of this run."""

    me: Me
    model: str
    frame: Frame

    @property
    def stale_since(self) -> datetime | None:
        """Since when no monitor has looked, if that is longer than it should be."""
        return self.frame.monitored_at if self.frame.monitor_late else None


def begin(visit: Visit) -> None:
    """Called once per run by the entry script, before the page."""
    st.session_state["visit"] = visit


def visit() -> Visit:
    """The visit of this run. A page that was reached without the entry script says so and shows nothing."""
    found = st.session_state.get("visit")
    if not isinstance(found, Visit):
        st.info("The dashboard was not ready yet. Reload this page.")
        st.stop()
    return found
