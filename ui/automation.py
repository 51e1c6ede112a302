"""The kill switch: what the agent may do at all, in reach from every page."""

import streamlit as st

from ui import components as c
from ui import session
from ui.api_client import ApiError

DIALOG = "automation_dialog"
SHORTEST_REASON = 3
STATES = ("running", "paused", "stopped")


def open_switch() -> None:
    """Show the dialog in this run or the next."""
    st.session_state[DIALOG] = True


def show_if_open(current: str) -> None:
    """Draw the dialog while it is open."""
    if st.session_state.get(DIALOG):
        _switch(current)


@st.dialog("Automation", on_dismiss=lambda: st.session_state.pop(DIALOG, None))
def _switch(current: str) -> None:
    st.caption("Paused: the agent looks and asks, but executes nothing. Stopped: it does not even look.")
    state = st.segmented_control("State", STATES, default=current, format_func=str.capitalize, key="automation-state")
    reason = st.text_input("Reason", key="automation-reason", placeholder="Written to the audit log", max_chars=2000)
    changes = bool(state and state != current)
    label = f"Set automation to {state}" if changes else "Choose another state"
    pressed = st.button(label, type="primary", key="automation-confirm", width="stretch", disabled=not changes)
    if pressed and len(reason.strip()) < SHORTEST_REASON:
        st.error("Write down the reason first.")
    elif pressed:
        try:
            session.client().set_automation(str(state), reason.strip())
        except ApiError as problem:
            c.show_problem(problem, key="automation-problem")
            return
        st.session_state.pop(DIALOG, None)
        st.rerun()
