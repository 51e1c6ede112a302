"""How good the answers are: measured against labels where they came, estimated where they did not."""

import streamlit as st

from ui import charts, session, vocabulary, wording
from ui import components as c
from ui import performance as view
from ui.api_types import Confusion, Performance


def _confusion(counts: Confusion) -> None:
    c.section("Right and wrong answers", f"v{counts.version}, {wording.count(counts.n)} labelled answers as known now.")
    rows = [
        {
            "": "**answered positive**",
            "truly positive": f"✓ {wording.count(counts.true_positive)}",
            "truly negative": f"✕ {wording.count(counts.false_positive)}",
        },
        {
            "": "**answered negative**",
            "truly positive": f"✕ {wording.count(counts.false_negative)}",
            "truly negative": f"✓ {wording.count(counts.true_negative)}",
        },
    ]
    c.table(rows, key="confusion", alt="Answers against labels")


def _over_time(found: Performance) -> None:
    names = view.metrics(found)
    if not names:
        c.empty("No window has been judged yet", view.why_nothing(found), key="performance-empty")
        return
    chosen = st.segmented_control(
        "Metric",
        names,
        default=view.first_metric(found, names),
        required=True,
        key="metric",
        bind="query-params",
        format_func=lambda name: vocabulary.words(vocabulary.METRICS, name),
    )
    metric = str(chosen)
    realised, estimated = view.line(found, "realised", metric), view.line(found, "estimated", metric)
    figure = charts.metric_over_time(
        realised,
        estimated,
        c.colours(),
        reference=view.reference(found, metric),
        minimum=found.minimum if metric == found.primary_metric else None,
        markers=[charts.Marker(d.since, f"v{d.version}") for d in found.deployments],
    )
    c.chart(figure, key="performance-chart", summary=view.summary(realised, metric), nothing=view.why_nothing(found))
    c.table(view.rows(found, metric, c.now()), key="performance-table", alt=f"{metric} by window")


def page() -> None:
    c.heading(
        "Performance",
        key="headline",
        as_of=session.visit().stale_since,
        note="Every figure with its 95 % interval and the rows it rests on.",
    )
    found = c.fetched(lambda: session.client().performance(session.visit().model), key="performance")
    if found is None:
        return
    coverage = found.coverage
    st.caption(
        wording.plain(
            f"{wording.percent(coverage.share, 0)} of the newest {wording.plural(coverage.predictions, 'prediction')} "
            f"are labelled. A window is judged when enough of its labels are in."
        )
    )
    _over_time(found)
    if parts := view.lost_parts(found):
        c.section("Parts of the rows that lost", "Each answered worse than in training while the rest was not.")
        c.table(parts, key="lost-parts", alt="Parts of the rows that lost")
    if found.verification:
        c.section("After the last change", "New minus old version on the same labelled rows; above zero is better.")
        c.table(view.verification_rows(found, c.now()), key="verification", alt="New against old version")
    if found.confusion is not None and found.confusion.n:
        _confusion(found.confusion)


page()
