"""A question whose ground has moved: what differs since this page was opened or since people were asked before, whose
approvals no longer count, and the button that has its evidence gathered again.
"""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.api_client import ApiError
from ui.api_types import ActionDetail, Difference
from ui.vocabulary import OPEN_ACTIONS

REFUSED = "decision_refused"
ANSWERED = "reevaluation_answered"
BETWEEN = frozenset({"stale", "gathering_evidence"})


def refused(action_id: str, problem: ApiError) -> None:
    """Keep what the API said when it refused a decision on something that has changed: the next run shows it."""
    st.session_state.setdefault(REFUSED, {})[action_id] = problem


def forget(action_id: str) -> None:
    """What is read anew has not changed since."""
    st.session_state.get(REFUSED, {}).pop(action_id, None)
    st.session_state.get(ANSWERED, {}).pop(action_id, None)


def no_longer_count(action: ActionDetail) -> str:
    """Whose approvals were given on earlier evidence, as a sentence; empty when there are none."""
    standing = {vote.user for vote in action.approvals if vote.current}
    old = dict.fromkeys(
        vote.user for vote in action.approvals if vote.decision == "approve" and vote.user not in standing
    )
    if not old:
        return ""
    return f"{' and '.join(old)} approved the earlier evidence, which no longer counts."


def show(shown: ActionDetail, newest: ActionDetail, now: datetime) -> None:
    """Nothing at all for a question that was asked once and stands as the page shows it."""
    if newest.status not in OPEN_ACTIONS:
        return
    problem, earlier = st.session_state.get(REFUSED, {}).get(newest.action_id), newest.asked_before
    between = newest.status in BETWEEN
    if earlier and newest.version != shown.version and earlier.evidence_digest == shown.evidence_digest:
        _block("What changed since you opened this page", newest, earlier.differences, then="when you opened it")
    elif problem is not None:
        differences = problem.differences
        _block("What changed since you opened this page", newest, differences, problem.sentence, "when you opened it")
    elif earlier:
        title = "This question is being asked again" if between else "This question was asked before"
        _block(title, newest, earlier.differences, f"Then: {wording.when(earlier.asked_at, now)}.", "then")
    answer = st.session_state.get(ANSWERED, {}).get(newest.action_id)
    if answer and (between or not answer.began):
        with st.container(key="reevaluation-answer"):
            st.info(wording.plain(answer.says))


def _block(title: str, action: ActionDetail, differences: Sequence[Difference], says: str = "", then: str = "") -> None:
    with st.container(key="changed", border=True):
        c.section(title, wording.sentence(says))
        if differences:
            rows = [{"": row.what, then: row.then, "now": row.now} for row in differences]
            rows_plain = [{name: wording.plain(text) for name, text in row.items()} for row in rows]
            c.table(rows_plain, key="changed-table", alt=title)
        else:
            st.caption("As far as is known, nothing is different.")
        if action.status in BETWEEN:
            st.markdown("Below stands the earlier evidence; newer evidence takes its place as soon as it is gathered.")
        if old := no_longer_count(action):
            st.markdown(wording.plain(old))


def button(shown: ActionDetail, newest: ActionDetail) -> None:
    """For those who may: one click, against what serves now, however often it is pressed."""
    newer = newest.status not in BETWEEN and newest.evidence_digest != shown.evidence_digest
    if newer or not newest.may_reevaluate.allowed or newest.status not in OPEN_ACTIONS:
        return
    pressed = st.button(
        "Ask for newer evidence",
        key="reevaluate",
        icon=":material/refresh:",
        type="tertiary",
        help="It is gathered again against the version that serves now. Approvals given so far stop counting.",
    )
    if not pressed:
        return
    try:
        answer = session.client().reevaluate(newest.action_id, seen_version=shown.version)
    except ApiError as problem:
        c.show_problem(problem, key="reevaluation-problem")
        return
    st.session_state.setdefault(ANSWERED, {})[newest.action_id] = answer
    st.rerun()
