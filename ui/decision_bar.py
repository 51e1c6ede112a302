"""The two buttons, the dialogs behind them, the receipt, and the watch on what happens meanwhile.

A dialog is driven by session state, and the idempotency key is made when it opens: however often the confirm button is
pressed, and however often the connection breaks, it is one decision.
"""

from dataclasses import dataclass
from uuid import uuid4

import streamlit as st

from ui import asked_again, clock, decision, session, vocabulary, wording
from ui import components as c
from ui.api_client import ApiError
from ui.api_types import ActionDetail, Receipt
from ui.decision_blocks import course, progress

DIALOG = "decision_dialog"
RECEIPTS = "decision_receipts"
REASONS = (
    "The evidence does not convince me",
    "The diagnosis is wrong",
    "This is a known, temporary situation",
    "The timing is wrong",
    "Something else must come first",
    "Other",
)
SHORTEST_REASON = 3
WATCH_S = 10
PROGRESS_S = 2


@dataclass(frozen=True)
class Ask:
    """One open dialog: which decision, about what, under which idempotency key."""

    decision: str
    action_id: str
    key: str


def _open(kind: str, action_id: str) -> None:
    st.session_state[DIALOG] = Ask(kind, action_id, uuid4().hex)


def _close() -> None:
    st.session_state.pop(DIALOG, None)


def _send(seen: ActionDetail, ask: Ask, comment: str) -> None:
    try:
        receipt = session.client().decide(
            seen.action_id,
            decision=ask.decision,
            comment=comment,
            evidence_digest=seen.evidence_digest or "",
            seen_version=seen.version,
            idempotency_key=ask.key,
        )
    except ApiError as problem:
        if problem.code != "stale":
            c.show_problem(problem, key="decision-problem")
            return
        asked_again.refused(seen.action_id, problem)
        _close()
        st.rerun()
    st.session_state.setdefault(RECEIPTS, {})[seen.action_id] = receipt
    forget(seen.action_id)
    _close()
    st.rerun()


@st.dialog("Approve", width="medium", on_dismiss=_close)
def _approve(seen: ActionDetail, ask: Ask, standing: decision.Standing) -> None:
    pair, follows = decision.versions_of(seen), decision.consequences(seen, c.now())
    st.markdown(f"**{wording.plain(decision.headline(seen))}**")
    for line in (*follows.approve[:-1], *follows.undo[:1]):
        st.markdown(wording.plain(line))
    against = decision.speaks_against(seen)
    if against:
        failed = ", ".join(check.name for check in decision.strip(seen) if check.ok is False) or "the recommendation"
        st.warning(f"Against this speaks: {wording.plain(failed)}. Write down why you approve it all the same.")
    comment = st.text_area(
        "Reason" if against else "Comment (optional)", key="approve-comment", max_chars=2000, persist_state="session"
    )
    typed = True
    if decision.asks_for_typed_version(seen):
        typed = st.text_input(f"Type {pair.new} to confirm", key="approve-version").strip() == pair.new
    if not standing.open:
        st.error(wording.plain(standing.says))
    label = f"Approve {pair.old} → {pair.new}"
    pressed = st.button(
        label, key="confirm-approve", type="primary", width="stretch", disabled=not (standing.open and typed)
    )
    if pressed and against and len(comment.strip()) < SHORTEST_REASON:
        st.error("Write down the reason first.")
    elif pressed:
        _send(seen, ask, comment.strip())


@st.dialog("Reject", width="medium", on_dismiss=_close)
def _reject(seen: ActionDetail, ask: Ask, standing: decision.Standing) -> None:
    pair, follows = decision.versions_of(seen), decision.consequences(seen, c.now())
    st.markdown(f"**{wording.plain(decision.headline(seen))}**")
    st.markdown(wording.plain(" ".join(follows.reject[:2])))
    reason = st.selectbox("Reason", REASONS, index=None, key="reject-reason", placeholder="Choose a reason")
    comment = st.text_area("Comment (optional)", key="reject-comment", max_chars=1900, persist_state="session")
    if not standing.open:
        st.error(wording.plain(standing.says))
    ready = standing.open and reason is not None
    label = f"Reject, keep {pair.old}"
    if st.button(label, key="confirm-reject", type="primary", width="stretch", disabled=not ready):
        _send(seen, ask, f"{reason}: {comment.strip()}" if comment.strip() else str(reason))


def bar(seen: ActionDetail, newest: ActionDetail) -> None:
    """9: Reject and Approve, of the same size, neither of them the default; disabled with a sentence."""
    standing = decision.standing(seen, newest, c.now())
    with st.container(key="dec-9"), st.container(key="action-bar", gap="small"):
        if not standing.open:
            st.caption(f"○ {wording.plain(standing.says)}")
        left, right = st.columns(2, wrap=False)
        left.button(
            "Reject…",
            key="reject",
            width="stretch",
            disabled=not standing.open,
            on_click=_open,
            args=("reject", seen.action_id),
        )
        right.button(
            "Approve…",
            key="approve",
            width="stretch",
            disabled=not standing.open,
            on_click=_open,
            args=("approve", seen.action_id),
        )
    ask = st.session_state.get(DIALOG)
    if isinstance(ask, Ask) and ask.action_id == seen.action_id:
        (_approve if ask.decision == "approve" else _reject)(seen, ask, standing)


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


def after(action: ActionDetail) -> None:
    """10: the receipt, then the steps as they happen, then the result."""
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
            progress(action, c.now())


def _live(action_id: str, status: str) -> None:
    try:
        action = session.client().action(action_id)
        figures = session.client().verification(action)
    except ApiError as problem:
        c.show_problem(problem, key="progress-problem")
        return
    course(action, figures)
    progress(action, c.now())
    if action.status != status:
        forget(action_id)
        st.rerun(scope="app")


# ------------------------------------------------------------------------------------------- what the page has shown


def _slot(action_id: str) -> str:
    return f"seen-{action_id}"


def forget(action_id: str) -> None:
    """The next run reads the action anew."""
    st.session_state.pop(_slot(action_id), None)
    asked_again.forget(action_id)


def seen(action: ActionDetail) -> ActionDetail:
    """The action as this page first showed it: evidence is never exchanged under the eyes of who reads it.

    What has no evidence yet, or is decided, is shown as it is now; so is everything about it that is not evidence.
    """
    kept = st.session_state.get(_slot(action.action_id))
    if not isinstance(kept, ActionDetail) or kept.evidence is None or action.status not in vocabulary.OPEN_ACTIONS:
        st.session_state[_slot(action.action_id)] = kept = action
    moved = ("status", "approvals_given", "expires_at", "may_decide")
    return kept.model_copy(update={name: getattr(action, name) for name in moved})


@clock.fragment(run_every=WATCH_S)
def watch(action_id: str, version: int, digest: str | None) -> None:
    """Looks every few seconds whether somebody else decided or newer evidence came, and then says so, once."""
    try:
        newest = session.client().action(action_id)
    except ApiError as problem:
        c.show_problem(problem, key="watch-problem")
        return
    if (newest.version, newest.evidence_digest) != (version, digest):
        st.rerun(scope="app")
