"""The block of what the calendar asks for: the next slots, and what became of the last ones."""

from datetime import datetime

import streamlit as st

from ui import components as c
from ui import vocabulary, wording
from ui.api_types import Planned

NOTHING = "No schedule stands on the policy page, so nothing is asked for by the calendar."


def next_slot(plan: Planned, now: datetime) -> str:
    """When a schedule comes next, by UTC and by its own clock; and what has come and is not decided yet."""
    if not plan.followed:
        return f"The agent does not follow it yet; its next slot would be {wording.when(plan.next_at, now)}."
    after = f", {plan.next_local}" if plan.next_local and not plan.next_local.endswith("UTC") else ""
    says = f"Next {wording.when(plan.next_at, now)}{after}." if plan.next_at else "It never comes again."
    return f"The slot of {wording.when(plan.due, now)} waits to be taken. {says}" if plan.due else says


def lines(plans: list[Planned], now: datetime) -> list[dict[str, str]]:
    """The last slots of all schedules as the rows of a table, newest first. Cells are Markdown."""
    found = sorted(((slot, plan) for plan in plans for slot in plan.slots), key=lambda one: one[0].scheduled_for)
    return [
        {
            "slot": wording.plain(wording.when(slot.scheduled_for, now)),
            "schedule": wording.plain(plan.schedule),
            "what became of it": c.chip_for(vocabulary.SLOT_STATUSES, slot.status),
            "why": wording.plain(wording.sentence(slot.why)),
            "action": f"[Open](/decision?id={slot.action_id})" if slot.action_id else wording.NOTHING,
        }
        for slot, plan in reversed(found)
    ]


def show(plans: list[Planned], now: datetime) -> None:
    """What the calendar asks for, and what became of the last slots; one that was skipped is shown like any other."""
    if not plans:
        st.caption(wording.plain(f"Nothing is planned. {NOTHING}"))
        return
    with st.container(key="planned", gap="small"):
        for plan in plans:
            st.markdown(f"**{wording.plain(plan.schedule)}** · {wording.plain(next_slot(plan, now))}")
        if rows := lines(plans, now):
            with st.expander("What became of the last slots", key="slots"):
                c.table(rows, key="planned-slots", alt="The last slots of the schedules")
        else:
            st.caption("No slot has come yet.")
