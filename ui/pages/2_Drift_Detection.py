"""What moved in the inputs, the answers and the truth, how much the model listens to it, and since when."""

import streamlit as st

from ui import charts, kept, session, wording
from ui import components as c
from ui.api_types import Drift, DriftReportOut
from ui.observe import controls, drift_kinds, feature_drift, performance_blocks
from ui.observe import drift as view
from ui.vocabulary import VERDICTS


def _kinds(report: DriftReportOut) -> None:
    """Inputs, answers, truth: and whether any of it did harm."""
    client, window_id = session.client(), report.window.window_id
    found = c.fetched(kept.ahead(lambda: client.windows.drift(window_id), "drift-kinds", window_id), key="drift-kinds")
    if found is None:
        return
    verdict, said = drift_kinds.harm(found, report)
    with st.container(key="drift-harm"):
        st.markdown(f"{c.chip_for(VERDICTS, verdict)} {wording.plain(said)}")
    c.table(drift_kinds.rows(found, report), key="drift-kinds", alt="Drift of inputs, answers and truth")
    c.section("Features", view.multiplicity(found))


def _feature(found: Drift, report: DriftReportOut) -> None:
    """The feature that was chosen, then and now."""
    c.section("A feature in detail")
    lines = {line.name: line for line in view.features(found, report)}
    if not lines:
        c.empty("No feature was looked at", "This window had too few rows.", key="feature-empty")
        return
    name = controls.choose_one("Feature", list(lines), "feature", lambda one: lines[one].label, width=360)
    client, window_id = session.client(), report.window.window_id
    ask = kept.ahead(lambda: client.windows.feature(window_id, name), "feature", window_id, name)
    detail = c.fetched(ask, key="feature", height=320)
    if detail is None:
        return
    c.chart(
        charts.overlaid(feature_drift.bins(detail), c.colours(), title=feature_drift.axis_title(detail)),
        key="feature-chart",
        summary=feature_drift.summary(detail),
        nothing=feature_drift.summary(detail),
        table=feature_drift.rows(detail),
    )
    since = view.since(found, name) if lines[name].drifted else None
    st.markdown("  \n".join(wording.plain(fact) for fact in feature_drift.facts(detail, since)))
    if (rows := feature_drift.quantiles(detail)) and detail.quantile_n < feature_drift.ENOUGH:
        st.caption(wording.plain(feature_drift.too_few(detail)))
    elif rows:
        c.table(rows, key="feature-quantiles", alt=f"Quantiles of {detail.label}, then and now")


def page() -> None:
    c.heading(
        "Drift detection",
        key="headline",
        as_of=session.visit().stale_since,
        note="Drift says that inputs changed, not that answers got worse: on its own it never leads to a retrain.",
    )
    with st.container(horizontal=True, gap="large"):
        chosen, second = controls.choose_range(), st.container(width=360)
    model, client = session.visit().model, session.client()
    asked = kept.ahead(lambda: client.drift(model, chosen.windows), "drift", model, chosen)
    found = c.fetched(asked, key="drift")
    if found is None:
        return
    found = found.model_copy(update={"reports": chosen.within(found.reports, lambda one: one.window.to_at, c.now())})
    if not found.reports:
        why = "Windows are compared with the data the serving version was trained on, once they are closed."
        c.empty("No window was compared in this range", why, key="drift-empty", next_step="Look at a longer range.")
        return
    by_seq = {report.window.seq: report for report in found.reports}
    with second:
        seq = controls.choose_window({number: one.window for number, one in by_seq.items()})
    report = by_seq[seq]
    st.markdown(f"{c.chip_for(VERDICTS, report.verdict)} **{wording.plain(view.headline(report))}**")
    _kinds(report)
    c.table(view.rows(found, report), key="drift-table", alt=f"Features in window {seq}")
    _feature(found, report)
    c.section("Over time")
    c.chart(
        charts.drift_strip(view.cells(found), c.colours()),
        key="drift-strip",
        summary="One square per feature and window: ▲ drifted, ■ drifted far, ○ too few rows. Most important on top.",
        nothing="No window has been compared yet.",
    )
    c.section("Second opinion")
    performance_blocks.evidently_page(report.window.window_id, seq, there=report.html)


page()
