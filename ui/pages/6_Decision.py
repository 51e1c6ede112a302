"""One decision, on one page: what, why now, how sure, what if it is wrong, how it is undone."""

from collections.abc import Callable

import streamlit as st

from ui import components as c
from ui import kept, session
from ui.answers.questions import ActionReach
from ui.api_client import ApiError
from ui.api_types import ActionDetail
from ui.deciding import asked_again, decision_bar, decision_seen
from ui.deciding import decision_blocks as block
from ui.deciding import decision_record as record
from ui.deciding import decision_top as top
from ui.deciding.decision_after import draw_after
from ui.vocabulary import OPEN_ACTIONS


def _draw(newest: ActionDetail, reached: Callable[[], ActionReach]) -> None:
    now, shown = c.now(), decision_seen.seen(newest)
    if newest.evidence_digest != shown.evidence_digest and newest.status not in asked_again.BETWEEN:
        c.banner(
            "warning", "Newer evidence is available.", "This page still shows what you began to read.", key="newer"
        )
        if st.button("Show the newer evidence", key="show-newer"):
            decision_seen.forget(newest.action_id)
            st.rerun()
    top.draw_question(shown, now)
    asked_again.show(shown, newest, now)
    top.draw_verdict(shown)
    block.draw_comparison(shown)
    reach = c.fetched(reached, key="reach")
    block.draw_reasons(shown, reach)
    block.draw_radius(shown, reach)
    block.draw_outcomes(shown, now, reach)
    record.draw_change(shown)
    record.draw_discussion(newest, now)
    decision_bar.bar(shown, newest)
    draw_after(newest)
    if newest.status in OPEN_ACTIONS:
        votes = len(newest.approvals)
        decision_seen.watch(newest.action_id, newest.version, newest.evidence_digest, len(newest.comments), votes)


def page() -> None:
    action_id = st.query_params.get("id", "")
    if not action_id:
        c.heading("Which decision?", key="headline")
        c.empty(
            "No action was named", "This page shows one action.", key="no-action", next_step="Choose it from the list."
        )
        st.page_link("pages/3_Approvals.py", label="Go to approvals")
        return
    client = session.client()
    reached = kept.ahead(lambda: client.questions.reach(action_id), "reach", action_id)
    try:
        newest = client.action(action_id)
    except ApiError as problem:
        if problem.status not in {404, 422}:
            c.show_problem(problem, key="problem-decision")
            return
        c.heading("This action is not here", key="headline")
        c.empty("Unknown action", "The link may be old, or of another installation.", key="no-action")
        st.page_link("pages/3_Approvals.py", label="Go to approvals")
        return
    _draw(newest, reached)


page()
