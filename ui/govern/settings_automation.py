"""The section Automation: whether the agent works, who said so, and every turn of the switch."""

import streamlit as st

from ui import automation, session, wording
from ui import components as c
from ui.govern import audit
from ui.govern.settings_frame import facts
from ui.vocabulary import AUTOMATION, UNKNOWN

TURNS = 20


def show() -> None:
    """The whole section."""
    state, now = session.visit().frame.automation, c.now()
    c.section("Automation", "Paused: the agent looks and asks, but executes nothing. Stopped: it does not even look.")
    said = {
        "State": c.chip(AUTOMATION.get(state.state, UNKNOWN)),
        "Since": wording.plain(wording.when(state.changed_at, now)),
        "By": wording.plain(wording.actor(state.changed_by)),
        "Why": wording.plain(wording.sentence(state.reason)),
    }
    facts(said, key="automation-facts", alt="The switch")
    if st.button("Turn the switch…", key="automation-open"):
        automation.open_switch()
        st.rerun()
    st.caption("An operator may pause and stop; letting it work again is for approvers and administrators.")
    c.section("Turns of the switch", "From the audit log, newest first.")
    found = c.fetched(
        lambda: session.client().govern.audit({"object_type": "automation", "object_id": "1", "limit": TURNS}),
        key="automation-turns",
        height=160,
    )
    if found is None:
        return
    if found.events:
        c.table(audit.turns(found.events, now), key="automation-table", alt="Turns of the switch, newest first")
    else:
        c.empty("Never turned", "It works as it was set up.", key="automation-empty")
