"""Blocks 7 and 8 of the decision page: the exact change, and what people said and did about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import streamlit as st

from ui import components as c
from ui import session, vocabulary, wording
from ui.api_client import ApiError
from ui.api_types import ActionDetail, VersionDetail
from ui.decision import change, course, question

LONGEST_COMMENT = 2000


def draw_change(action: ActionDetail) -> None:
    """7: what is signed, to the letter, and everything about it in one file."""
    with st.container(key="dec-7"), st.expander("The exact change", key="exact-change"):
        st.caption(wording.plain(change.signed(action)))
        pair = question.versions_of(action)
        old, new = _version(action, pair.old), _version(action, pair.new)
        if old or new:
            rows = [
                {
                    "": wording.plain(line.what),
                    pair.old: wording.plain(line.old),
                    pair.new: wording.plain(line.new),
                    "changes": "● changes" if line.differs else "○ stays",
                }
                for line in change.lines(old, new)
            ]
            c.table(rows, key="change-table", alt=f"What differs between {pair.old} and {pair.new}")
        for says in change.snapshot(action.evidence):
            st.markdown(wording.plain(says))
        with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
            st.page_link("pages/7_Models.py", label="Versions and their lineage", icon=":material/account_tree:")
            st.download_button(
                "Download the evidence bundle",
                data=lambda: session.client().questions.bundle(action.action_id),
                file_name=f"steward-{action.action_type}-{action.action_id[:8]}.json",
                mime="application/json",
                icon=":material/download:",
                key="bundle",
                on_click="ignore",
            )
        st.caption("One JSON file: question, evidence as signed, approvals, steps and audit events with their hashes.")
        _json(action)


def _json(action: ActionDetail) -> None:
    parts = {
        "Parameters": action.params,
        "Success test, written down before acting": action.success_test,
        "Evidence": action.evidence,
        "Diagnosis": action.why,
    }
    for title, part in parts.items():
        if part:
            st.markdown(f"**{title}**")
            st.json(part, expanded=1)


def _version(action: ActionDetail, name: str) -> VersionDetail | None:
    """A version as the registry has it; None while it has no number, or cannot be read."""
    number = name.removeprefix("v")
    if not number.isdigit():
        return None
    try:
        return session.client().version(action.model_name, int(number))
    except ApiError:
        return None


def draw_discussion(action: ActionDetail, now: datetime) -> None:
    """8: what people said, and what happened to this action so far."""
    with st.container(key="dec-8"):
        c.section("Discussion and history")
        for said in action.comments:
            with st.container(key=f"said-{said.comment_id}", border=True, gap=None):
                st.caption(f"**{wording.plain(said.user)}** {wording.plain(wording.when(said.created_at, now))}")
                st.markdown(wording.plain(said.text))
        if not action.comments:
            st.caption("Nobody has said anything about this yet.")
        _say(action)
        if action.status in vocabulary.OPEN_ACTIONS:
            log_table(course.log(action), now, key="history-table")


def _say(action: ActionDetail) -> None:
    if "actions.propose" not in session.visit().me.permissions:
        st.caption("Operators and approvers can comment; ask an administrator for one of these roles.")
        return
    drafts = st.session_state.setdefault("comment_drafts", {})
    draft = drafts.setdefault(action.action_id, uuid4().hex)
    text = st.text_area(
        "Your comment",
        key=f"comment-{draft}",
        max_chars=LONGEST_COMMENT,
        height=70,
        placeholder="Everybody who decides on this reads it; it stays in the audit log",
        persist_state="session",
    )
    if not st.button("Add comment", key="add-comment"):
        return
    if not text.strip():
        st.error("Write the comment first.")
        return
    try:
        session.client().questions.comment(action.action_id, text.strip(), idempotency_key=draft)
    except ApiError as problem:
        c.show_problem(problem, key="comment-problem")
        return
    drafts.pop(action.action_id, None)
    st.rerun()


def log_table(entries: Sequence[course.Entry], now: datetime, *, key: str) -> None:
    """What happened, newest last."""
    if not entries:
        st.caption("Nothing is recorded about this action yet.")
        return
    rows = [
        {
            "when": wording.plain(_at(entry.at, now)),
            "who": wording.plain(entry.who),
            "what": f"✕ {wording.plain(entry.what)}" if entry.failed else wording.plain(entry.what),
            "said": wording.plain(wording.named(entry.says)),
            "log no.": wording.count(entry.seq),
        }
        for entry in entries
    ]
    c.table(rows, key=key, alt="What happened to this action, newest last")


def _at(at: datetime, now: datetime) -> str:
    """To the second while one may be watching, and by the day before."""
    return wording.to_the_second(at) if now - at < timedelta(hours=12) else wording.moment(at)
