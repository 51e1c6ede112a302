"""The section Schedules: when the calendar asks for something, on its own clock and on yours."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import streamlit as st

from ui import components as c
from ui import session, vocabulary, wording
from ui.answers.installation import ScheduleOut

HOW = "schedules: {weekly: {action: retrain_model, cron: '0 2 * * 0', timezone: Europe/Amsterdam, models: all}}"


def title(one: ScheduleOut) -> str:
    what = vocabulary.words(vocabulary.ACTIONS, one.action_type) if one.action_type else "no longer on the page"
    return f"{one.schedule} · {one.title} · {what}"


def standing(one: ScheduleOut, now: datetime) -> str:
    """Whether anybody follows it, and what has come and is not taken yet."""
    if not one.on_page:
        return "It is not on the policy page any more; the agent lets go of it at its next look."
    if not one.followed:
        return "The agent does not follow it yet: it takes up a new schedule at its next look."
    late = f", at most {wording.span(timedelta(seconds=one.catch_up_s))} late" if one.catch_up_s else ""
    if one.due is not None:
        return f"The slot of {wording.when(one.due, now)} waits to be taken{late}."
    return f"The agent follows it and takes a slot{late}."


def coming(one: ScheduleOut, now: datetime) -> list[dict[str, str]]:
    """The next slots, on the clock the person chose and on the schedule's own. Cells are Markdown."""
    return [
        {
            "next": wording.plain(wording.when(slot.at, now)),
            f"on the clock of {wording.plain(one.timezone)}": wording.plain(slot.local),
            "note": wording.plain(wording.sentence(slot.clock)) if slot.clock else wording.NOTHING,
        }
        for slot in one.coming
    ]


def became(one: ScheduleOut, now: datetime) -> list[dict[str, str]]:
    """What became of the last slots."""
    return [
        {
            "slot": wording.plain(wording.when(slot.scheduled_for, now)),
            "what became of it": c.chip_for(vocabulary.SLOT_STATUSES, slot.status),
            "why": wording.plain(wording.sentence(slot.why)),
            "action": f"[Open](/decision?id={slot.action_id})" if slot.action_id else wording.NOTHING,
        }
        for slot in one.slots
    ]


def show() -> None:
    """The whole section."""
    how = (
        "The calendar has the evidence gathered. What is better waits for a person; what is not ends by itself, unless "
    )
    c.section("Schedules", f"{how}the schedule says ask: always.")
    found = c.fetched(session.client().govern.schedules, key="schedules")
    if found is None:
        return
    if not found.schedules:
        why = "No schedule stands on the policy page, so nothing is asked for by the calendar."
        c.empty("No schedule", why, key="schedules-empty", next_step=f"One is written so: {HOW}")
    _each(found.schedules, c.now())


def _each(found: Sequence[ScheduleOut], now: datetime) -> None:
    for one in found:
        name = f"{one.schedule}-{one.model_name}"
        with st.container(key=f"schedule-{name}", border=True, gap="small"):
            st.markdown(f"**{wording.plain(title(one))}** · `{one.cron}`")
            st.caption(wording.plain(standing(one, now)))
            if one.coming:
                c.table(coming(one, now), key=f"coming-{name}", alt=f"The next slots of {one.schedule}")
            if one.slots:
                c.table(became(one, now), key=f"slots-{name}", alt=f"What became of the last slots of {one.schedule}")
            else:
                st.caption("No slot has come yet.")
