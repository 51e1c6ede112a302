"""What needs me now, how the model is, and what happened without me."""

import streamlit as st

from ui import action_cards, incidents, planned, session, vocabulary, wording
from ui import components as c
from ui import overview as view
from ui.api_types import Overview

STATES = {
    "healthy": vocabulary.Sign("Healthy", "●", "green"),
    "warning": vocabulary.Sign("Warning", "▲", "orange"),
    "critical": vocabulary.Sign("Critical", "■", "red"),
    "unknown": vocabulary.Sign("Not judged yet", "○", "gray"),
    "not_serving": vocabulary.Sign("Not serving", "✕", "red"),
}


def _needs(overview: Overview) -> None:
    for action in action_cards.in_order(overview.pending):
        action_cards.card(action, overview.generated_at)
    if not overview.pending:
        c.empty(view.instead_of_decisions(overview), view.proof_of_quiet(overview), key="no-decisions")


def _figures(overview: Overview) -> None:
    cards = view.figures(overview)
    for column, card in zip(st.columns(len(cards), gap="small"), cards, strict=True):
        with column:
            c.metric_card(card.label, card.value, note=card.note, key=card.key, sign=card.sign)


def _incidents(overview: Overview) -> None:
    c.section("Open incidents", "One per cause; it is updated while it lasts, and closed when it is over.")
    incidents.show(overview.incidents, overview.generated_at)


def page() -> None:
    overview = c.fetched(lambda: session.client().overview(session.visit().model), key="overview")
    if overview is None:
        c.heading("Overview", key="headline")
        return
    c.heading(view.headline(overview), key="headline")
    state = STATES.get(overview.headline.state, vocabulary.UNKNOWN)
    st.markdown(f"{c.chip(state)} {wording.plain(view.state_sentence(overview))}")
    _needs(overview)
    if steps := view.first_steps(overview.first_steps):
        c.section("First steps")
        st.markdown("\n".join(f"- {'●' if step.done else '○'} {wording.plain(step.says)}" for step in steps))
    _figures(overview)
    if overview.incidents:
        _incidents(overview)
    planned.show(overview.planned, overview.generated_at)
    c.section("Happened without you", "What the agent did by itself: only low risk, and all of it is recorded.")
    if overview.happened:
        rows = action_cards.lines(overview.happened, overview.generated_at)
        c.table(rows, key="happened", alt="Actions the agent carried out by itself")
    else:
        c.empty("Nothing yet", "The agent has not acted by itself.", key="happened-empty")


page()
