"""One event of the audit log in full: what it holds, and how it is chained to the one before."""

import json

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.govern import audit
from ui.govern.settings_frame import facts


def show() -> None:
    """The event the address names, if it names one."""
    asked = st.query_params.get("event", "")
    if not (asked.isdecimal() and 0 < len(asked) < 19):
        return
    found = c.fetched(
        lambda: session.client().govern.audit({"before": int(asked) + 1, "limit": 1}), key="event", height=200
    )
    if found is None:
        return
    with st.container(key="audit-event", border=True):
        if not found.events or found.events[0].seq != int(asked):
            st.markdown(f"**There is no event {wording.plain(asked)}.** The log is shorter, or it was taken out.")
        else:
            event = found.events[0]
            st.markdown(f"**Event {wording.count(event.seq)}**: {wording.plain(audit.said(event))}")
            facts(audit.about(event, c.now()), key="event-facts", alt=f"Event {event.seq}")
            st.code(json.dumps(event.details, indent=1, ensure_ascii=False), language="json", wrap_lines=True)
        if st.button("Close this event", key="event-close"):
            st.query_params.pop("event", None)
            st.rerun()
