"""Before something of high risk is approved: who sits here shows again who they are. An open screen is not enough.

The API asks for it whatever a page does; this asks before the reason is written, so that nobody writes it for nothing.
"""

from datetime import datetime, timedelta

import streamlit as st

from ui import components as c
from ui import session
from ui.api_client import ApiError
from ui.api_types import Me

CODE = "step_up"
# Somebody still reads and writes after the dialog has opened.
AHEAD = timedelta(minutes=2)
_ASKED = "step_up_asked"
WHY = "This is of high risk, and it is a while since you showed who you are."


def needed(risk: str, me: Me, now: datetime) -> bool:
    """Whether this person must show again who they are to approve something of this risk."""
    return risk == "high" and (me.confirmed_until is None or me.confirmed_until < now + AHEAD)


def refused(problem: ApiError) -> bool:
    """Whether the API wants to know again who this is. The dialog then asks in its next run."""
    if problem.code != CODE:
        return False
    st.session_state[_ASKED] = True
    return True


def asks(risk: str) -> bool:
    """Draw the question, if there is one. True: the dialog goes no further now."""
    me = session.visit().me
    if not (st.session_state.get(_ASKED) or needed(risk, me, c.now())):
        return False
    with st.container(key="step-up"):
        st.markdown(f"**Confirm that it is you.** {WHY}")
        if me.by_provider:
            st.caption("You come back to this page; nothing is decided by that.")
            st.html(f'<a href="{session.confirm_link()}" target="_self">Confirm at your identity provider</a>')
        else:
            _password()
    return True


def _password() -> None:
    with st.form("step-up-form", clear_on_submit=True, border=False):
        password = st.text_input(
            "Your password", type="password", key="step-up-password", autocomplete="current-password"
        )
        pressed = st.form_submit_button(
            "Confirm that it is you", key="step-up-confirm", type="primary", width="stretch"
        )
    if not pressed:
        return
    if not password:
        st.error("Enter your password first.")
        return
    try:
        session.client().people.confirm(password)
    except ApiError as problem:
        if problem.status in {403, 429}:
            st.error(problem.sentence)
        else:
            c.show_problem(problem, key="step-up-problem")
        return
    st.session_state.pop(_ASKED, None)
    st.rerun()
