"""Asking for a change of what serves: a dialog that names it, and says that somebody else decides."""

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.api_client import ApiError
from ui.api_types import ModelDetail

ASKING = "proposal_dialog"
SHORTEST_REASON = 3
PERMISSION = "actions.propose"
WHO_MAY = "Proposing needs the role operator or approver; ask an admin for it."


def _close() -> None:
    st.session_state.pop(ASKING, None)


def buttons(version: int | None = None, why_not: str | None = None) -> None:
    """Propose a retrain; and a roll back to `version`, unless there is a reason why not."""
    may = PERMISSION in session.visit().me.permissions
    if version is not None and st.button(
        f"Propose rollback to v{version}…", key="rollback", disabled=not may or why_not is not None
    ):
        st.session_state[ASKING] = version
    if st.button("Propose retrain…", key="propose-retrain", disabled=not may):
        st.session_state[ASKING] = 0


def under_the_buttons(model: ModelDetail, version: int | None = None, why_not: str | None = None) -> None:
    """Why a button is grey; and the dialog of one that was pressed."""
    if why_not is not None and version is not None:
        st.caption(wording.plain(f"No rollback to v{version}: {why_not}"))
    if PERMISSION not in session.visit().me.permissions:
        st.caption(WHO_MAY)
    asked = st.session_state.get(ASKING)
    if asked is not None:
        _propose(model, asked or None)


@st.dialog("Propose a change", on_dismiss=_close)
def _propose(model: ModelDetail, back_to: int | None) -> None:
    what = f"Propose rollback to v{back_to}" if back_to else "Propose retrain"
    st.markdown(
        f"**{what}** of {wording.plain(model.title)}. Evidence is gathered first; then somebody else decides. "
        "Nothing changes before that."
    )
    reason = st.text_area("Reason", key="proposal-reason", max_chars=2000, persist_state="session")
    pressed = st.button(what, key="confirm-proposal", type="primary", width="stretch")
    if pressed and len(reason.strip()) < SHORTEST_REASON:
        st.error("Write down the reason first.")
    elif pressed:
        try:
            client = session.client()
            made = (
                client.propose_rollback(model.name, reason=reason.strip(), version=back_to)
                if back_to
                else client.propose_retrain(model.name, reason=reason.strip())
            )
        except ApiError as problem:
            c.show_problem(problem, key="proposal-problem")
            return
        _close()
        st.switch_page("pages/6_Decision.py", query_params={"id": made.action_id})
