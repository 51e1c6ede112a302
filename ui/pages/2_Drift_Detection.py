"""What moved in the inputs, how much the model listens to it, and since when."""

import streamlit as st

from ui import charts, session, wording
from ui import components as c
from ui import drift as view
from ui.api_client import ApiError
from ui.api_types import DriftReportOut
from ui.vocabulary import VERDICTS

OPENED = "evidently_window"


def _evidently(report: DriftReportOut) -> None:
    """Evidently's own page, fetched when it is asked for and shown in a frame of its own."""
    if not report.html:
        st.caption("Evidently made no page for this window.")
        return
    window = report.window.window_id
    if st.button("Open Evidently's report", key="open-evidently"):
        st.session_state[OPENED] = window
    if st.session_state.get(OPENED) != window:
        return
    try:
        body = session.client().drift_page(window)
    except ApiError as problem:
        c.show_problem(problem, key="evidently-problem")
        return
    st.download_button("Download it", body, file_name=f"drift-window-{report.window.seq}.html", mime="text/html")
    st.iframe(session.report_path(window), height=900, alt="Evidently's drift report")


def page() -> None:
    c.heading(
        "Drift detection",
        key="headline",
        as_of=session.visit().stale_since,
        note="Drift says that inputs changed, not that answers got worse: on its own it never leads to a retrain.",
    )
    found = c.fetched(lambda: session.client().drift(session.visit().model), key="drift")
    if found is None:
        return
    if not found.reports:
        why = "Windows are compared with the data the serving version was trained on, once they are closed."
        c.empty("No window has been compared yet", why, key="drift-empty", next_step="It needs enough predictions.")
        return
    by_seq = {report.window.seq: report for report in found.reports}
    seq = st.selectbox(
        "Window",
        sorted(by_seq, reverse=True),
        key="window",
        bind="query-params",
        format_func=lambda number: f"{number}, until {wording.moment(by_seq[number].window.to_at)}",
        width=360,
    )
    report = by_seq[seq]
    st.markdown(f"{c.chip_for(VERDICTS, report.verdict)} **{wording.plain(view.headline(report))}**")
    st.caption(
        wording.plain(
            f"{wording.plural(report.window.n, 'row')}, v{report.window.version}. Thresholds keep false alarms over "
            f"all features together at the rate the contract allows; both size and p count."
        )
    )
    c.table(view.rows(found, report), key="drift-table", alt=f"Features in window {seq}")
    c.section("Over time")
    c.chart(
        charts.drift_strip(view.cells(found), c.colours()),
        key="drift-strip",
        summary="One square per feature and window: ▲ moved, ■ moved far, ○ too few rows. Most influential on top.",
        nothing="No window has been compared yet.",
    )
    c.section("Second opinion")
    _evidently(report)


page()
