"""Who is looking, and through which client: the one place that knows the cookie and Streamlit's session state."""

from dataclasses import dataclass
from datetime import datetime
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
    return _anonymous_client().with_token(token() or "")


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
