"""Time as the person who looks wants it: in UTC, or on the clock of their own place."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import tzinfo
from functools import wraps
from typing import ParamSpec

import streamlit as st

from ui import session, zones

P = ParamSpec("P")
ZONE = "zone"
UTC, LOCAL = "UTC", "Local"


def _own() -> str:
    return st.context.timezone or "UTC"


def choose() -> None:
    """Where one chooses. In UTC until somebody wants it otherwise; the choice stands in the address.

    Whose own clock is UTC has nothing to choose.
    """
    if zones.known(_own()) == zones.known("UTC"):
        return
    st.segmented_control(
        "Time zone",
        (UTC, LOCAL),
        default=UTC,
        required=True,
        key=ZONE,
        bind="query-params",
        label_visibility="collapsed",
        help=f"Local: {_own()}",
    )


def zone() -> tzinfo:
    """The zone in which the person thinks: their own, if they chose so, else UTC."""
    chosen = st.session_state.get(ZONE) or st.query_params.get(ZONE)
    return zones.known(_own() if chosen == LOCAL else None)


def follow() -> None:
    """Write times in the zone that was chosen, from here to the end of this run."""
    zones.use(zone())


def fragment(*, run_every: float | None = None) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """`st.fragment` for a part that says times: it runs by itself, so it has to ask for the zone itself."""

    def made(draw: Callable[P, None]) -> Callable[P, None]:
        @wraps(draw)
        def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
            follow()
            with session.look() if run_every else nullcontext():
                draw(*args, **kwargs)

        return st.fragment(drawn, run_every=run_every)

    return made
