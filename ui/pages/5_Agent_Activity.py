"""What the agent observed, concluded, chose and left alone, pass by pass, and what became of what it did."""

import streamlit as st

from ui import action_cards, activity, notifications, session, track_record, wording
from ui import components as c
from ui.activity import Entry, Line


def _lines(lines: tuple[Line, ...]) -> None:
    for line in lines:
        st.markdown(f"{c.chip(line.sign)} {wording.plain(line.says)}")
        if line.details:
            st.caption("  \n".join(wording.plain(fact) for fact in line.details))


def _entry(place: int, entry: Entry) -> None:
    now = c.now()
    with st.container(key=f"cycle-{place}", border=True, gap="small"):
        st.caption(wording.plain(activity.passes(entry, now)) + (f" {c.tag('dry run')}" if entry.dry_run else ""))
        if not entry.concluded:
            st.markdown("Nothing is wrong as far as can be seen.")
        _lines(entry.concluded)
        _lines(entry.did)
        if entry.left_alone:
            with st.expander(f"Left alone, and why ({len(entry.left_alone)})", key=f"left-{place}"):
                _lines(entry.left_alone)


def _record(model: str) -> None:
    c.section("Record", track_record.MEANS)
    lately = st.toggle(f"Only the last {track_record.LATELY_DAYS} days", key="lately", bind="query-params")
    days = track_record.LATELY_DAYS if lately else None
    found = c.fetched(lambda: session.client().record(model, days), key="record")
    if found is None:
        return
    if rows := track_record.rows(found):
        c.table(rows, key="record-table", alt="How often the agent was right, by action and reason")
    else:
        c.empty("No record yet", "Nothing the agent did has come to an end here.", key="record-empty")


def page() -> None:
    c.heading("Agent activity", key="headline", note="Every pass is recorded, with what it left alone and why.")
    visit = session.visit()
    seen = c.fetched(lambda: session.client().overview(visit.model), key="services")
    if seen is not None and seen.services:
        c.table(activity.services(seen.services, c.now()), key="services", alt="Signs of life")
    c.section("Messages that have not arrived")
    waiting = c.fetched(lambda: session.client().notifications(), key="notifications")
    if waiting is not None:
        notifications.show(waiting.deliveries, c.now())
    _record(visit.model)
    found = c.fetched(lambda: session.client().cycles(visit.model), key="cycles")
    if found is None:
        return
    c.section("Passes")
    with_quiet = st.toggle("Also the quiet ones", key="quiet", bind="query-params")
    entries = activity.timeline(found.cycles, with_quiet=with_quiet)
    for place, entry in enumerate(entries[:40]):
        _entry(place, entry)
    if not entries:
        why = (
            "The agent has not run yet."
            if not found.cycles
            else f"{len(found.cycles)} quiet passes: nothing was found."
        )
        c.empty("Nothing to tell", why, key="cycles-empty")
    c.section("What it did")
    actions = c.fetched(lambda: session.client().actions(model=visit.model or None), key="agent-actions")
    if actions is None:
        return
    if actions.actions:
        c.table(action_cards.lines(actions.actions, c.now()), key="agent-actions-table", alt="Actions, newest first")
    else:
        c.empty("Nothing yet", "The agent has proposed and done nothing so far.", key="agent-actions-empty")


page()
