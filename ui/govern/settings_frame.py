"""What the sections share: a block that needs a right."""

from collections.abc import Mapping

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.govern import settings


def may(permission: str) -> bool:
    """Whether the person who looks has this right."""
    return permission in session.visit().me.permissions


def locked(permission: str, what: str, *, key: str) -> None:
    """Instead of a block: which role it needs, and whom to ask."""
    found = c.fetched(session.client().govern.roles, key=f"{key}-roles", height=60)
    if found is not None:
        c.empty(what, settings.whom_to_ask(permission, found.roles), key=key)


def facts(pairs: Mapping[str, str], *, key: str, alt: str) -> None:
    """A few facts, one a line: what, and how it is."""
    c.table(
        [{"what": f"**{wording.plain(name)}**", "how it is": said} for name, said in pairs.items()], key=key, alt=alt
    )


def said(key: str) -> None:
    """The sentence that the last button left behind, once."""
    if text := st.session_state.pop(key, None):
        st.success(wording.plain(text))
