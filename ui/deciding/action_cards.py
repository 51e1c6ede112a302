"""One action as a card in a list: the full card of the overview, and the line of the queue."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from ui import components as c
from ui import session, vocabulary, wording
from ui.api_types import ActionCard
from ui.deciding import queue
from ui.deciding.decision_after import draw_course
from ui.decision import question


def card(action: ActionCard, now: datetime) -> None:
    """A decision that waits: the question, the strongest figure, until when, and the way to the whole of it.

    There is no button to approve here: a decision is taken where its evidence stands.
    """
    with st.container(key=f"card-{action.action_id}", border=True, gap="small"):
        asked, why = question.in_two(action.question)
        st.markdown(f"**{wording.plain(asked)}** {wording.plain(why)}".strip())
        st.markdown(" ".join([*_chips(action), wording.plain(wording.sentence(action.evidence_line))]), width="stretch")
        with st.container(horizontal=True, vertical_alignment="center"):
            by = f"Asked by {question.person(action.proposed_by)} {wording.relative(action.created_at, now)}"
            until = f" · expires {wording.when(action.expires_at, now)}" if action.expires_at else ""
            st.caption(wording.plain(by + until), width="stretch")
            _open(action)


def line(action: ActionCard, now: datetime, *, picked: bool = False) -> None:
    """One line of the queue. `picked`: the keys have walked to it."""
    with st.container(key=f"card-{action.action_id}", border=True, gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            asked = wording.plain(question.in_two(action.question)[0])
            mark = "▸ " if picked else ""
            gone = action.status in {"stale", "expired", "cancelled"}
            st.markdown(f"{mark}:gray[{asked}]" if gone else f"{mark}**{asked}**", width="stretch")
            st.markdown(" ".join(_chips(action)), width="content")
            _open(action)
        if action.status in vocabulary.MOVING_ACTIONS:
            _moving(action)
        elif said := queue.remarks(action, now):
            st.caption(wording.plain(said))


def _chips(action: ActionCard) -> list[str]:
    risk = vocabulary.RISKS.get(action.risk, vocabulary.UNKNOWN)
    quorum = f"{action.approvals_given} of {action.approvers_needed} approved"
    return [
        c.chip(risk),
        c.chip_for(vocabulary.ACTION_STATUSES, action.status),
        *([c.tag(quorum)] if action.approvers_needed > 1 else []),
        *([c.tag("dry run")] if action.dry_run else []),
    ]


def _open(action: ActionCard) -> None:
    st.page_link(
        "pages/6_Decision.py",
        label="**Review**" if action.status == "pending_approval" else "Open",
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params={"id": action.action_id},
        width="content",
    )


def _moving(action: ActionCard) -> None:
    """Who approved it and how far it is. The votes and the rows seen so far stand with the action itself."""
    client = session.client()
    detail = c.fetched(lambda: client.action(action.action_id), key=f"action-{action.action_id}")
    if detail is None:
        return
    figures = c.fetched(lambda: client.verification(detail), key=f"figures-{action.action_id}")
    if figures is not None:
        draw_course(detail, figures)


def lines(actions: Sequence[ActionCard], now: datetime) -> list[dict[str, str]]:
    """Actions as the rows of a table."""
    return [
        {
            "when": wording.plain(wording.relative(action.executed_at or action.updated_at, now)),
            "what": wording.plain(wording.sentence(action.question)),
            "state": c.chip_for(vocabulary.ACTION_STATUSES, action.status) + (" dry run" if action.dry_run else ""),
            "result": wording.plain(wording.sentence(action.outcome) or wording.NOTHING),
        }
        for action in actions
    ]
