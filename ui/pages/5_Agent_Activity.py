"""What the agent observed, concluded, did and left alone, run by run; what it may still do; what it does now."""

import streamlit as st

from ui import components as c
from ui import kept, session, wording
from ui.answers.runs import AgentStanding, RunList
from ui.explain import activity, activity_blocks, notifications
from ui.report import period_report

DAYS = (1, 7, 30, 90)


def _filters() -> tuple[str, int, int | None]:
    """What is shown, of how many days, older than which pass: all of it stands in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        words = {word: name for name, word in activity.FILTERS.items()}
        show = st.segmented_control(
            "Show", list(words), default=activity.FILTERS["all"], required=True, key="show", bind="query-params"
        )
        days = st.selectbox(
            "Of the last", DAYS, index=2, key="days", bind="query-params", width=140, format_func=_days_said
        )
    before = str(st.query_params.get("before", ""))
    return words[str(show)], int(days), int(before) if before.isascii() and before.isdigit() and before != "0" else None


def _days_said(days: int) -> str:
    return wording.plural(days, "day")


def _pages(found: RunList, before: int | None) -> None:
    """To older runs, and back to the newest."""
    here = {name: value for name, value in st.query_params.items() if name != "before"}
    with st.container(horizontal=True, key="run-pages"):
        if before is not None:
            st.page_link("pages/5_Agent_Activity.py", label="Newest", query_params=here, icon=":material/first_page:")
        if found.before is not None:
            older = here | {"before": str(found.before)}
            st.page_link("pages/5_Agent_Activity.py", label="Older", query_params=older, icon=":material/history:")


def _timeline(model: str, standing: AgentStanding | None) -> None:
    c.section("Timeline", "Run by run. What it does by itself never changes what serves; that waits for people.")
    show, days, before = _filters()
    client = session.client()
    asked = kept.ahead(lambda: client.runs.page(model, show, days, before), "runs", model, show, days, before)
    found = c.fetched(asked, key="runs")
    if found is None:
        return
    if found.quiet_since is not None:
        st.caption(wording.plain(activity.quiet(found.quiet_since)))
    kinds = {kind.action_type: kind for kind in standing.kinds} if standing else {}
    for place, entry in enumerate(activity.timeline(found.runs)):
        activity_blocks.entry(place, entry, standing.policy if standing else "", kinds)
    if not found.runs:
        why = f"No such run in the last {_days_said(days)}."
        step = "Choose Everything, or more days." if show != "all" or days < max(DAYS) else ""
        quiet = found.quiet_since is not None
        c.empty("Nothing to tell" if quiet or show != "all" else "The agent has found nothing yet", why,
                key="runs-empty", next_step=step)  # fmt: skip
    _pages(found, before)


def page() -> None:
    visit = session.visit()
    note = "Every pass is recorded, with what it left alone and why."
    c.heading("Agent activity", key="headline", note=note, as_of=visit.stale_since)
    client = session.client()
    stands = kept.ahead(lambda: client.runs.standing(visit.model), "standing", visit.model)
    hits = kept.ahead(lambda: client.record(visit.model, None), "record", visit.model)
    undelivered = kept.ahead(client.notifications)
    standing = c.fetched(stands, key="standing", height=160)
    record = c.fetched(hits, key="hits", height=1)
    if standing is not None:
        activity_blocks.standing(standing, record)
    activity_blocks.live(visit.model)
    _timeline(visit.model, standing)
    activity_blocks.record(visit.model)
    c.section("Messages that have not arrived")
    waiting = c.fetched(undelivered, key="notifications")
    if waiting is not None:
        notifications.show(waiting.deliveries, c.now())
    c.section("Report of a period", "Everything above and more as a PDF to file or to send.")
    period_report.offer(visit.model)


page()
