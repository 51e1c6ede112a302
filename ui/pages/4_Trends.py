"""How everything moves together: small charts on one time axis, with what was done in between."""

from datetime import timedelta

import streamlit as st

from ui import charts, kept, session, wording
from ui import components as c
from ui.api_types import Trends
from ui.observe import controls
from ui.observe import trends as view

LEGEND = (
    "Dotted lines: another version began to serve. Solid: an incident began. Dashed: a change took effect. "
    "With a comparison, grey dots are the period before, and a dashed level is what training showed."
)


def _panels(found: Trends, compare: str) -> None:
    markers, span = view.markers(found), (found.from_at, found.to_at)
    panels = view.panels(found, compare)
    for left in range(0, len(panels), 2):
        for column, panel in zip(st.columns(2, gap="medium"), panels[left : left + 2], strict=False):
            with column, st.container(key=f"panel-{panel.key}", border=True, gap="small", height="stretch"):
                st.markdown(f"**{wording.plain(panel.title)}**")
                figure = charts.trend(
                    panel.points,
                    c.colours(),
                    before=panel.before,
                    reference=panel.reference,
                    markers=markers,
                    span=span,
                    bars_of=panel.bars_of,
                    scale=panel.scale,
                )
                if figure is None:
                    st.caption(wording.plain(panel.nothing))
                else:
                    c.chart(figure, key=panel.key, summary=f"{panel.newest}.", nothing="", table=view.rows(panel))


def page() -> None:
    c.heading("Trends", key="headline", as_of=session.visit().stale_since, note=LEGEND)
    with st.container(horizontal=True, gap="large"):
        chosen = controls.choose_range()
        compare = controls.choose_comparison(view.COMPARISONS)
    model, client, before = session.visit().model, session.client(), compare == view.BEFORE
    asked = kept.ahead(lambda: client.trends(model, hours=chosen.hours, before=before), "trends", model, chosen, before)
    found = c.fetched(asked, key="trends")
    if found is None:
        return
    if not any(bucket.n for bucket in found.buckets):
        why = f"Nothing was predicted between {wording.moment(found.from_at)} and {wording.moment(found.to_at)}."
        step = "Look at a longer range, or send one: POST /predict with an API key."
        c.empty("No predictions in this range", why, key="trends-empty", next_step=step)
        return
    st.caption(
        wording.plain(
            f"{wording.moment(found.from_at)} to {wording.moment(found.to_at)}, in slices of "
            f"{wording.span(timedelta(seconds=found.bucket_s))}; refused requests in slices of "
            f"{wording.span(timedelta(seconds=found.refused_slice_s))}."
        )
    )
    _panels(found, compare)
    c.section("What was done meanwhile")
    events = view.events(found)
    if events:
        c.table(events, key="events", alt="Deployments, incidents and actions in this span")
    else:
        c.empty("Nothing was done", "No deployment, incident or action in this span.", key="events-empty")


page()
