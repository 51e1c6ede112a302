"""Whether the data can be believed: checks of every window, and what came in that could not be used."""

import streamlit as st

from ui import components as c
from ui import data_quality as view
from ui import session, wording
from ui.api_types import Intake


def _intake(intake: Intake) -> None:
    c.section("What came in")
    cards = view.intake(intake)
    for column, card in zip(st.columns(len(cards), gap="small"), cards, strict=True):
        with column:
            c.metric_card(card.label, card.value, note=card.note, key=card.key, sign=card.sign)


def page() -> None:
    c.heading(
        "Data quality",
        key="headline",
        as_of=session.visit().stale_since,
        note="Rows that fail a check are answered all the same, reported here, and never learned from.",
    )
    found = c.fetched(lambda: session.client().data_quality(session.visit().model), key="quality")
    if found is None:
        return
    if not found.windows:
        why = "Checks run on windows of predictions once these are closed."
        c.empty("No window has been checked yet", why, key="quality-empty", next_step="It needs enough predictions.")
    else:
        seqs = sorted({window.seq for window in found.windows}, reverse=True)
        seq = st.selectbox("Window", seqs, key="quality-window", width=360)
        rows = view.failed(found, seq)
        st.markdown(f"**{wording.plain(view.headline(found, seq))}**")
        if rows:
            c.table(rows, key="quality-table", alt=f"Failed checks of window {seq}")
        c.section("Windows")
        c.table(view.windows(found, c.now()), key="quality-windows", alt="Suspect rows by window")
    _intake(found.intake)


page()
