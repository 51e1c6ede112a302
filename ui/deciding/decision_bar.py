"""The bar at the bottom of the decision page and the dialogs behind its buttons.

A dialog is driven by session state, and the idempotency key is made when it opens: however often the confirm button is
pressed, and however often the connection breaks, it is one decision. Keyboard shortcuts open dialogs and do no more.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import streamlit as st

from ui import clock, session, vocabulary, wording
from ui import components as c
from ui.api_client import ApiError
from ui.api_types import ActionDetail
from ui.deciding import asked_again
from ui.deciding.decision_seen import forget, read_s
from ui.decision import checks, consequences, course, putting_off, question
from ui.decision import standing as stands
from ui.door import step_up

DIALOG = "decision_dialog"
RECEIPTS = "decision_receipts"
SHORTEST_REASON = 3
OTHER = "other"


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


def _send(seen: ActionDetail, ask: Ask, comment: str, reason_code: str | None = None) -> None:
    try:
        receipt = session.client().decide(
            seen.action_id,
            decision=ask.decision,
            comment=comment,
            evidence_digest=seen.evidence_digest or "",
            seen_version=seen.version,
            idempotency_key=ask.key,
            reason_code=reason_code,
            read_s=read_s(seen.action_id),
        )
    except ApiError as problem:
        if step_up.refused(problem):
            st.rerun(scope="fragment")
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
def _approve(seen: ActionDetail, ask: Ask, standing: stands.Standing) -> None:
    pair, follows = question.versions_of(seen), consequences.consequences(seen, c.now())
    st.markdown(f"**{wording.plain(question.headline(seen))}**")
    if step_up.asks(seen.risk):
        return
    st.markdown(wording.plain(consequences.from_now(seen)))
    for line in (*follows.triggers[:1], *follows.undo):
        st.markdown(f"↺ {wording.plain(line)}")
    against = checks.speaks_against(seen)
    if against:
        failed = ", ".join(check.name for check in checks.strip(seen) if check.ok is False) or "the recommendation"
        st.warning(f"Against this speaks: {wording.plain(failed)}. Write down why you approve it all the same.")
    asked_why = against or stands.asks_for_typed_version(seen)
    comment = st.text_area(
        "Reason" if asked_why else "Comment (optional)", key="approve-comment", max_chars=2000, persist_state="session"
    )
    typed = True
    if stands.asks_for_typed_version(seen):
        typed = st.text_input(f"Type {pair.new} to confirm", key="approve-version").strip() == pair.new
    if not standing.open:
        st.error(wording.plain(standing.says))
    label = f"Approve {pair.old} → {pair.new}"
    pressed = st.button(
        label, key="confirm-approve", type="primary", width="stretch", disabled=not (standing.open and typed)
    )
    if pressed and asked_why and len(comment.strip()) < SHORTEST_REASON:
        st.error("Write down the reason first.")
    elif pressed:
        _send(seen, ask, comment.strip())


@st.dialog("Reject", width="medium", on_dismiss=_close)
def _reject(seen: ActionDetail, ask: Ask, standing: stands.Standing) -> None:
    pair, follows = question.versions_of(seen), consequences.consequences(seen, c.now())
    st.markdown(f"**{wording.plain(question.headline(seen))}**")
    st.markdown(wording.plain(" ".join(follows.reject[:2])))
    code = st.radio(
        "Reason", list(vocabulary.REJECTIONS), index=None, key="reject-reason",
        format_func=lambda one: vocabulary.REJECTIONS[one],
    )  # fmt: skip
    needed = code == OTHER
    comment = st.text_area(
        "Which one?" if needed else "Comment (optional)", key="reject-comment", max_chars=2000, persist_state="session"
    )
    if not standing.open:
        st.error(wording.plain(standing.says))
    ready = standing.open and code is not None
    pressed = st.button(
        f"Reject, keep {pair.old}", key="confirm-reject", type="primary", width="stretch", disabled=not ready
    )
    if pressed and needed and len(comment.strip()) < SHORTEST_REASON:
        st.error("Write down the reason first.")
    elif pressed:
        _send(seen, ask, comment.strip(), code)


@st.dialog("Snooze", on_dismiss=_close)
def _snooze(seen: ActionDetail) -> None:
    now = c.now()
    st.markdown(
        wording.plain(
            f"It sinks in your own queue and stays open for everybody. It expires {wording.when(seen.expires_at, now)}."
        )
    )
    offered = putting_off.choices(now, seen.expires_at, clock.zone())
    for one in offered:
        label = f"{one.name}, until {wording.moment_today(one.at, now)}"
        if st.button(label, key=f"snooze-{one.name.split()[0].lower()}-{one.name.split()[1].lower()}", width="stretch"):
            _put_off(seen.action_id, one.at)
    if not offered:
        st.caption("It expires too soon to be put off.")
    if seen.snoozed_until is not None and st.button("Ask me again now", key="snooze-wake", width="stretch"):
        _put_off(seen.action_id, None)


def _put_off(action_id: str, until: datetime | None) -> None:
    try:
        session.client().questions.snooze(action_id, until)
    except ApiError as problem:
        c.show_problem(problem, key="snooze-problem")
        return
    _close()
    st.rerun()


def _answers(seen: ActionDetail, *, may: bool) -> None:
    """Both answers, of one size."""
    left, right = st.columns(2, wrap=False)
    for place, label, key, shortcut in ((left, "Reject…", "reject", "X"), (right, "Approve…", "approve", "A")):
        place.button(
            label, key=key, width="stretch", shortcut=shortcut, disabled=not may,
            on_click=_open, args=(key, seen.action_id),
        )  # fmt: skip


def bar(seen: ActionDetail, newest: ActionDetail) -> None:
    """9: Reject and Approve, of the same size, neither of them the default; disabled with a sentence."""
    standing = stands.standing(seen, newest, c.now())
    with st.container(key="dec-9"), st.container(key="action-bar", gap="small"):
        watched = f"open-{seen.action_id}"
        if newest.status not in vocabulary.OPEN_ACTIONS:
            somebody_else = watched in st.session_state and seen.action_id not in st.session_state.get(RECEIPTS, {})
            says = course.already(newest) if somebody_else else course.course(newest)
            st.markdown(
                f"{c.chip_for(vocabulary.ACTION_STATUSES, newest.status)} "
                f"{wording.plain(wording.sentence(says))} What follows stands below."
            )
            if somebody_else:
                _answers(seen, may=False)
            return
        st.session_state[watched] = True
        if not standing.open:
            st.caption(f"○ {wording.plain(standing.says)}")
        more, decide = st.columns([4, 5], vertical_alignment="center")
        with more, st.container(key="bar-more", horizontal=True, gap="small"):
            asked_again.button(seen, newest)
            st.button(
                "Snooze…", key="snooze", icon=":material/snooze:", shortcut="Z", type="tertiary",
                on_click=_open, args=("snooze", seen.action_id),
            )  # fmt: skip
        with decide:
            _answers(seen, may=standing.open)
    ask = st.session_state.get(DIALOG)
    if isinstance(ask, Ask) and ask.action_id == seen.action_id:
        if ask.decision == "snooze":
            _snooze(newest)
        else:
            (_approve if ask.decision == "approve" else _reject)(seen, ask, standing)
