"""Whether the data can be believed: checks of every window, and what came in that could not be used."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui import components as c
from ui import kept, session, wording
from ui.api_types import DataQuality
from ui.observe import controls, quality_blocks
from ui.observe import data_quality as view


def _checks(found: DataQuality, place: DeltaGenerator) -> None:
    by_seq = {window.seq: window for window in found.windows}
    with place:
        seq = controls.choose_window(by_seq)
    rows = view.failed(found, seq)
    st.markdown(f"**{wording.plain(view.headline(found, seq))}**")
    if rows:
        c.table(rows, key="quality-table", alt=f"Failed checks of window {seq}")
    quality_blocks.records(found, by_seq[seq])
    c.section("Windows")
    c.table(view.windows(found, c.now()), key="quality-windows", alt="Suspect rows by window")


def page() -> None:
    c.heading(
        "Data quality",
        key="headline",
        as_of=session.visit().stale_since,
        note="Rows that fail a check are answered all the same, reported here, and never learned from.",
    )
    model, client = session.visit().model, session.client()
    with st.container(horizontal=True, gap="large"):
        chosen, second = controls.choose_range(), st.container(width=360)
    asked = kept.ahead(lambda: client.data_quality(model), "quality", model)
    hours = chosen.hours or quality_blocks.REFUSALS_HOURS
    refusals = kept.ahead(lambda: client.intake.refusals(model, hours), "refusals", model, hours)
    corrections = kept.ahead(client.corrections.waiting, "corrections")
    found = c.fetched(asked, key="quality")
    if found is None:
        return
    windows = chosen.within(found.windows, lambda one: one.to_at, c.now())
    if windows:
        _checks(found.model_copy(update={"windows": windows}), second)
    else:
        why = "Checks run on windows of predictions once these are closed."
        c.empty("No window was checked in this range", why, key="quality-empty", next_step="Look at a longer range.")
    quality_blocks.came_in(found.intake)
    quality_blocks.corrected(corrections, model)
    quality_blocks.refused(refusals, hours)
    quality_blocks.dead_letters(found.intake)


page()
