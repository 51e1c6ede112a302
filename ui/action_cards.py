"""One action as a card in a list, and as a line in a table."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from ui import components as c
from ui import session, vocabulary, wording
from ui.api_types import ActionCard
from ui.decision import question
from ui.decision_after import draw_course


def in_order(actions: Sequence[ActionCard]) -> list[ActionCard]:
    """What expires first comes first; of two, the riskier one."""
    rank = {"high": 0, "medium": 1, "low": 2}
    return sorted(
        actions,
        key=lambda action: (
            action.expires_at.timestamp() if action.expires_at else float("inf"),
            rank.get(action.risk, 0),
            action.action_id,
        ),
    )


def card(action: ActionCard, now: datetime) -> None:
    """A decision that waits or is carried out: the question, the strongest figure, until when, and the way to the
    whole of it.

    There is no button to approve here: a decision is taken where its evidence stands.
    """
    risk = vocabulary.RISKS.get(action.risk, vocabulary.UNKNOWN)
    with st.container(key=f"card-{action.action_id}", border=True, gap="small"):
        asked, why = question.in_two(action.question)
        st.markdown(f"**{wording.plain(asked)}** {wording.plain(why)}".strip())
        quorum = (
            c.tag(f"{action.approvals_given} of {action.approvers_needed} approved")
            if action.approvers_needed > 1
            else ""
        )
        st.markdown(f"{c.chip(risk)} {c.chip_for(vocabulary.ACTION_STATUSES, action.status)} {quorum}".strip())
        if action.evidence_line:
            st.markdown(wording.plain(wording.sentence(action.evidence_line)))
        moving = action.status in vocabulary.MOVING_ACTIONS
        if moving:
            _moving(action)
        expires = f" · expires {wording.when(action.expires_at, now)}" if action.expires_at and not moving else ""
        asked = f"Asked by {question.person(action.proposed_by)} {wording.relative(action.created_at, now)}"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(wording.plain(asked + expires))
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


def link(action: ActionCard) -> str:
    """The action's question as a link to its page."""
    return f"[{wording.plain(action.question)}](/decision?id={action.action_id})"


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
