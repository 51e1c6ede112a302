"""One decision, on one page: what, why now, how sure, what if it is wrong, how it is undone."""

import streamlit as st

from ui import asked_again, decision_bar, session
from ui import components as c
from ui import decision_blocks as block
from ui.api_client import ApiError
from ui.api_types import ActionDetail
from ui.vocabulary import OPEN_ACTIONS


def _draw(newest: ActionDetail) -> None:
    now, shown = c.now(), decision_bar.seen(newest)
    if newest.evidence_digest != shown.evidence_digest and newest.status not in asked_again.BETWEEN:
        c.banner(
            "warning", "Newer evidence is available.", "This page still shows what you began to read.", key="newer"
        )
        if st.button("Show the newer evidence", key="show-newer"):
            decision_bar.forget(newest.action_id)
            st.rerun()
    block.question(shown, now)
    asked_again.show(shown, newest, now)
    block.verdicts(shown)
    asked_again.button(shown, newest)
    block.comparison(shown)
    block.reasons(shown)
    block.blast_radius(shown)
    block.outcomes(shown, now)
    block.exact_change(shown)
    block.history(newest, now)
    decision_bar.bar(shown, newest)
    decision_bar.after(newest)
    if newest.status in OPEN_ACTIONS:
        decision_bar.watch(newest.action_id, newest.version, newest.evidence_digest)


def page() -> None:
    action_id = st.query_params.get("id", "")
    if not action_id:
        c.heading("Which decision?", key="headline")
        c.empty(
            "No action was named", "This page shows one action.", key="no-action", next_step="Choose it from the list."
        )
        st.page_link("pages/3_Approvals.py", label="Go to approvals")
        return
    try:
        newest = session.client().action(action_id)
    except ApiError as problem:
        if problem.status not in {404, 422}:
            c.show_problem(problem, key="problem-decision")
            return
        c.heading("This action is not here", key="headline")
        c.empty("Unknown action", "The link may be old, or of another installation.", key="no-action")
        st.page_link("pages/3_Approvals.py", label="Go to approvals")
        return
    _draw(newest)


page()
