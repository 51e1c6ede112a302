"""What needs me now, how the model is, and what happened without me."""

from collections.abc import Callable

import streamlit as st

from ui import components as c
from ui import kept, session, vocabulary, wording
from ui.api_types import Overview, Trends
from ui.deciding import action_cards, happened, incidents, planned, queue
from ui.deciding import overview as view

STATES = {
    "healthy": vocabulary.Sign("Healthy", "●", "green"),
    "warning": vocabulary.Sign("Warning", "▲", "orange"),
    "critical": vocabulary.Sign("Critical", "■", "red"),
    "unknown": vocabulary.Sign("Not judged yet", "○", "gray"),
    "not_serving": vocabulary.Sign("Not serving", "✕", "red"),
}
SLICES = 24


def _needs(overview: Overview) -> None:
    now = overview.generated_at
    first, later = queue.now_and_later(overview.pending, now)
    for action in first:
        action_cards.card(action, now)
    if later:
        with st.container(key="later", gap="small"):
            st.caption(wording.plain(f"Later: {queue.snoozed(later, now)}"))
            for action in later:
                action_cards.line(action, now)
    if not overview.pending:
        c.empty(view.instead_of_decisions(overview), view.proof_of_quiet(overview), key="no-decisions")


def _figures(overview: Overview, ask: Callable[[], Trends]) -> None:
    trends = c.fetched(ask, key="figures")
    cards = view.figures(overview, trends)
    with st.container(key="grid-figures", horizontal=True, gap="small"):
        for card in cards:
            c.metric_card(card.label, card.value, note=card.note, key=card.key, sign=card.sign, history=card.history)


def _coming_up(overview: Overview) -> None:
    with st.container(key="coming-up"):
        c.section("Coming up")
        if rows := happened.coming_lines(overview):
            c.table(rows, key="coming-table", alt="What happens next by itself")
        planned.show(overview.planned, overview.generated_at)


def _without_you(overview: Overview) -> None:
    with st.container(key="without-you"):
        c.section("Happened without you", "In the last 7 days, by the agent alone: all of it is recorded.")
        if not overview.happened:
            c.empty("Nothing yet", "The agent has not acted by itself.", key="happened-empty")
            return
        rows = happened.lines(overview.happened, overview.generated_at)
        c.table(rows, key="happened", alt="What the agent did by itself, by kind")
        with st.expander(f"Each of the newest {len(overview.happened)}", key="happened-each"):
            each = happened.each(overview.happened, overview.generated_at)
            c.table(each, key="happened-lines", alt="Every action the agent carried out by itself")


def page() -> None:
    model, client = session.visit().model, session.client()
    asked = kept.ahead(lambda: client.overview(model))
    trends = kept.ahead(lambda: client.trends(model, buckets=SLICES), "slices", model)
    overview = c.fetched(asked, key="overview")
    if overview is None:
        c.heading("Overview", key="headline")
        return
    c.heading(view.headline(overview, session.visit().me.name), key="headline")
    state = STATES.get(overview.headline.state, vocabulary.UNKNOWN)
    says = f"{view.state_sentence(overview)} {view.serves(overview)}"
    st.markdown(f"{c.chip(state)} {wording.plain(says)}")
    _needs(overview)
    if steps := view.first_steps(overview.first_steps):
        with st.container(key="first-steps", border=True):
            done = sum(step.done for step in steps)
            st.markdown(f"**First steps: {done} of {len(steps)} done**")
            st.markdown("  \n".join(f"{'✓' if step.done else '○'} {wording.plain(step.says)}" for step in steps))
    _figures(overview, trends)
    if overview.pending:
        st.caption(wording.plain(view.proof_of_quiet(overview)))
    if overview.incidents:
        c.section("Open incidents", "One per cause; it is updated while it lasts, and closed when it is over.")
        incidents.show(overview.incidents, overview.generated_at)
    _without_you(overview)
    _coming_up(overview)


page()
