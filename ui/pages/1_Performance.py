"""How good the answers are: measured against labels where they came, estimated where they did not."""

import streamlit as st

from ui import charts, kept, session, wording
from ui import components as c
from ui.api_types import Performance
from ui.observe import controls
from ui.observe import performance as view
from ui.observe import performance_blocks as blocks

SEEN_PICK = "performance_pick"


def _over_time(found: Performance, metric: str) -> None:
    realised, estimated = view.line(found, "realised", metric), view.line(found, "estimated", metric)
    badge, said = view.headline(found, realised, metric)
    st.markdown(f"{badge} **{wording.plain(said)}**")
    figure = charts.metric_over_time(
        realised,
        estimated,
        c.colours(),
        reference=view.reference(found, metric),
        minimum=found.minimum if metric == found.primary_metric else None,
        markers=view.markers(found),
        coverage=view.coverage(found.windows),
    )
    picked = c.chart(
        figure,
        key="performance-chart",
        summary=view.summary(realised, estimated, metric),
        nothing=view.why_nothing(found),
        table=view.rows(found, metric, c.now()),
        pick=True,
    )
    if picked is not None and picked != st.session_state.get(SEEN_PICK):
        controls.point_at("window", picked)
    st.session_state[SEEN_PICK] = picked
    if held := view.held_against(found, metric):
        st.caption(wording.plain(held))


def page() -> None:
    c.heading(
        "Performance",
        key="headline",
        as_of=session.visit().stale_since,
        note="How good the answers are. Every figure with its 95 % interval and the rows it rests on.",
    )
    model, client = session.visit().model, session.client()
    with st.container(horizontal=True, gap="large"):
        chosen, second = controls.choose_range(), st.container(width="content")
    asked = kept.ahead(lambda: client.performance(model, chosen.windows), "performance", model, chosen)
    calibrated = kept.ahead(lambda: client.windows.calibration(model), "calibration", model)
    trends = kept.ahead(lambda: client.trends(model, hours=chosen.hours, buckets=30), "cost", model, chosen)
    found = c.fetched(asked, key="performance")
    if found is None:
        return
    found = view.within(found, chosen, c.now())
    if left_out := view.left_out(found, chosen):
        st.caption(left_out)
    names = view.metrics(found)
    if names:
        with second:
            metric = controls.choose_metric(names, view.first_metric(found, names))
        _over_time(found, metric)
        blocks.window(found)
    else:
        c.empty("No window has been judged in this range", view.why_nothing(found), key="performance-empty")
    if parts := view.lost_parts(found):
        c.section("Parts of the rows that lost", view.PARTS_NOTE)
        c.table(parts, key="lost-parts", alt="Parts of the rows that lost")
    if found.verification:
        c.section("After the last change", "New minus old version on the same labelled rows; above zero is better.")
        c.table(view.verification_rows(found, c.now()), key="verification", alt="New against old version")
    blocks.calibration(calibrated)
    blocks.wrong_answers(found, trends)


page()
