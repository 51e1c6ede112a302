"""The queue: what waits for a person, and what became of what was asked before."""

import streamlit as st

from ui import action_cards, session, wording
from ui import components as c
from ui.api_types import ActionCard
from ui.decision import question
from ui.vocabulary import ACTION_STATUSES, MOVING_ACTIONS, OPEN_ACTIONS, RISKS, UNKNOWN

TABS = {
    "waiting": "Waiting",
    "moving": "Being carried out",
    "decided": "Decided",
    "all": "All, also automatic",
}
NOTHING = {
    "waiting": ("Nothing waits for a person", "When the agent has evidence for a retrain or rollback, it asks here."),
    "moving": ("Nothing is being carried out", "Approved changes appear here until they are verified."),
    "decided": ("Nothing was decided yet", "Approved, rejected and expired proposals stay here."),
    "all": ("The agent has not acted yet", "It acts when a judged window gives it a reason."),
}


def _chosen(tab: str, actions: list[ActionCard]) -> list[ActionCard]:
    if tab == "all":
        return actions
    asked = [action for action in actions if action.requires_approval]
    if tab == "waiting":
        return [action for action in asked if action.status in OPEN_ACTIONS]
    if tab == "moving":
        return [action for action in asked if action.status in MOVING_ACTIONS]
    return [action for action in asked if action.status not in OPEN_ACTIONS | MOVING_ACTIONS]


def _table(actions: list[ActionCard]) -> None:
    now = c.now()
    rows = [
        {
            "question": action_cards.link(action),
            "risk": c.chip(RISKS.get(action.risk, UNKNOWN)),
            "state": c.chip_for(ACTION_STATUSES, action.status),
            "decided by": wording.plain(question.person(action.reviewed_by) if action.reviewed_by else "–"),
            "when": wording.plain(wording.when(action.updated_at, now)),
            "result": wording.plain(wording.sentence(action.outcome) or wording.NOTHING),
        }
        for action in actions
    ]
    c.table(rows, key="actions-table", alt="Actions and what became of them")


def page() -> None:
    c.heading(
        "Approvals", key="headline", note="Consequential changes wait here until a person decides on the evidence."
    )
    model = session.visit().model or None
    tab = st.segmented_control(
        "Show",
        list(TABS),
        default="waiting",
        required=True,
        format_func=lambda name: TABS[name],
        key="show",
        bind="query-params",
    )
    found = c.fetched(lambda: session.client().actions(model=model), key="approvals")
    if found is None:
        return
    chosen = _chosen(str(tab), found.actions)
    if not chosen:
        title, why = NOTHING[str(tab)]
        c.empty(title, why, key="approvals-empty")
    elif tab in {"waiting", "moving"}:
        for action in action_cards.in_order(chosen):
            action_cards.card(action, c.now())
    else:
        _table(chosen)


page()
