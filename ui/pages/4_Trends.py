"""How everything moves together: small charts on one time axis, with what was done in between."""

from datetime import timedelta

import streamlit as st

from ui import charts, session, wording
from ui import components as c
from ui import trends as view


def page() -> None:
    c.heading(
        "Trends",
        key="headline",
        as_of=session.visit().stale_since,
        note="Dotted lines mark the moments at which another version began to serve.",
    )
    found = c.fetched(lambda: session.client().trends(session.visit().model), key="trends")
    if found is None:
        return
    if not any(bucket.n for bucket in found.buckets):
        why = f"Nothing was predicted between {wording.moment(found.from_at)} and {wording.moment(found.to_at)}."
        c.empty("No predictions yet", why, key="trends-empty", next_step="Send one: POST /predict with an API key.")
        return
    st.caption(
        wording.plain(
            f"{wording.moment(found.from_at)} to {wording.moment(found.to_at)}, in slices of "
            f"{wording.span(timedelta(seconds=found.bucket_s))}."
        )
    )
    markers, colours = view.markers(found), c.colours()
    columns = st.columns(2, gap="medium")
    for place, panel in enumerate(view.panels(found)):
        with columns[place % 2], st.container(key=f"panel-{panel.key}", border=True, gap="small"):
            st.markdown(f"**{wording.plain(panel.title)}**")
            figure = charts.trend(panel.points, colours, markers=markers)
            summary = f"Newest: {panel.newest}"
            if figure is None:
                st.caption("No figure in this span: labels or closed windows are missing.")
            else:
                figure.update_xaxes(range=[found.from_at, found.to_at])
                c.chart(figure, key=panel.key, summary=summary, nothing="")
    c.section("What was done meanwhile")
    events = view.events(found)
    if events:
        c.table(events, key="events", alt="Deployments and actions in this span")
    else:
        c.empty("Nothing was done", "No deployment and no action in this span.", key="events-empty")


page()
