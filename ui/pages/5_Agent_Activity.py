"""What the agent observed, concluded, chose and left alone, pass by pass, and what became of what it did."""

import streamlit as st

from ui import action_cards, activity, notifications, session, wording
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


def page() -> None:
    c.heading("Agent activity", key="headline", note="Every pass is recorded, with what it left alone and why.")
    visit = session.visit()
    if visit.overview is not None and visit.overview.services:
        c.table(activity.services(visit.overview.services, c.now()), key="services", alt="Signs of life")
    c.section("Messages that have not arrived")
    waiting = c.fetched(lambda: session.client().notifications(), key="notifications")
    if waiting is not None:
        notifications.show(waiting.deliveries, c.now())
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
