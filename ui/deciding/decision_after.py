"""The last block of the decision page: the receipt, the steps as they happen, the log as it comes, and the result."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from ui import clock, session, vocabulary, wording
from ui import components as c
from ui.api_client import ApiError
from ui.api_types import ActionDetail, MetricPoint, Receipt
from ui.deciding.decision_bar import RECEIPTS
from ui.deciding.decision_record import log_table
from ui.deciding.decision_seen import forget
from ui.decision import course

PROGRESS_S = 2


def draw_after(action: ActionDetail) -> None:
    """10: what was decided, and what comes of it."""
    with st.container(key="dec-10"):
        c.section("After the decision")
        receipt = st.session_state.get(RECEIPTS, {}).get(action.action_id)
        if receipt is not None:
            _receipt(receipt)
        if action.status in vocabulary.OPEN_ACTIONS:
            st.caption("The steps, their progress and the verified result appear here.")
        elif action.status in vocabulary.MOVING_ACTIONS:
            clock.fragment(run_every=PROGRESS_S)(_live)(action.action_id, action.status)
        else:
            _progress(action, c.now())


def _receipt(receipt: Receipt) -> None:
    word = "Approved" if receipt.decision == "approve" else "Rejected"
    place = f", entry {wording.count(receipt.audit_seq)} of the audit log" if receipt.audit_seq is not None else ""
    quorum = (
        f" {receipt.approvals_given} of {receipt.approvers_needed} approvals." if receipt.approvers_needed > 1 else ""
    )
    with st.container(key="receipt"):
        st.success(
            f"**{word} by {wording.plain(receipt.by)}** {wording.plain(wording.moment(receipt.at))}, on evidence "
            f"`{wording.short_digest(receipt.evidence_digest)}`{wording.plain(place)}\\.{wording.plain(quorum)}"
        )


def _live(action_id: str, status: str) -> None:
    try:
        action = session.client().action(action_id)
        figures = session.client().verification(action)
    except ApiError as problem:
        c.show_problem(problem, key="progress-problem")
        return
    draw_course(action, figures)
    _progress(action, c.now())
    if action.status != status:
        forget(action_id)
        session.redraw()


def draw_course(action: ActionDetail, figures: Sequence[MetricPoint]) -> None:
    """Who approved a change, and how many of the rows that must verify it are in."""
    if action.status != "verifying":
        st.markdown(wording.plain(wording.sentence(course.course(action))))
        return
    seen = course.watched(action, figures)
    st.progress(seen.share, text=wording.plain(seen.says))


def _progress(action: ActionDetail, now: datetime) -> None:
    """The rungs of carrying it out, its steps, and everything that happened, as far as it has come."""
    st.markdown(
        f"{c.chip_for(vocabulary.ACTION_STATUSES, action.status)} "
        f"{wording.plain(wording.sentence(action.outcome))}".strip()
    )
    if rungs := course.ladder(action):
        with st.container(key="ladder", border=True):
            st.markdown("  \n".join(_rung(rung, now) for rung in rungs))
    if action.steps:
        c.table(_steps(action, now), key="steps-table", alt="Steps of this action")
    st.markdown("**Log**")
    log_table(course.log(action), now, key="log-table")


def _rung(rung: course.Rung, now: datetime) -> str:
    when = f" :small[{wording.plain(wording.when(rung.at, now))}]" if rung.at else ""
    name = f"**{wording.plain(rung.name)}**" if rung.state == "now" else wording.plain(rung.name)
    return f"{c.chip(course.STATES[rung.state])} {name}{when}"


def _steps(action: ActionDetail, now: datetime) -> list[dict[str, str]]:
    return [
        {
            "step": wording.plain(step.step.replace("_", " ")),
            "state": "✓ done" if step.status == "done" else "◔ running",
            "began": wording.plain(wording.when(step.started_at, now)),
            "took": wording.span(step.finished_at - step.started_at) if step.finished_at else wording.NOTHING,
        }
        for step in action.steps
    ]
