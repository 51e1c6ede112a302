"""The blocks below the chart of the performance page: a window opened, calibration, what wrong answers cost."""

from collections.abc import Callable

import streamlit as st

from ui import charts, kept, session, wording
from ui import components as c
from ui.answers.windows import Calibration, WindowDetail
from ui.api_types import Confusion, Performance, Trends
from ui.observe import controls, cost, window_detail

OPENED = "evidently_window"


def window(found: Performance) -> None:
    """The window that was chosen, in the address or by a click."""
    by_seq = {one.seq: one for one in found.windows}
    c.section("A window in detail", "Click a point above, or choose.")
    judged = [one.seq for one in found.windows if one.status == "mature"]
    seq = controls.choose_window(by_seq, max(judged, default=None))
    client, window_id = session.client(), by_seq[seq].window_id
    detail = c.fetched(kept.ahead(lambda: client.windows.detail(window_id), "window", window_id), key="window-detail")
    if detail is None:
        return
    with st.container(key="window-detail"):
        st.markdown(wording.plain(window_detail.headline(detail)))
        if rows := window_detail.figures(detail):
            c.table(rows, key="window-figures", alt=f"Figures of window {seq}")
        left, right = st.columns(2, gap="large")
        with left:
            confusion(detail.confusion, found, key="window-confusion")
            if part := window_detail.part_of(detail):
                st.caption(wording.plain(part))
        with right:
            c.chart(
                charts.reliability(window_detail.reliability_bins(detail.calibration), c.colours(), height=330),
                key="window-calibration",
                summary=window_detail.calibration_summary(detail.calibration),
                nothing=window_detail.calibration_summary(detail.calibration),
                table=window_detail.calibration_rows(detail.calibration),
            )
        evidently(detail)


def confusion(counts: Confusion | None, found: Performance, *, key: str) -> None:
    """Answers against the truth, as a picture and as a table."""
    why = "None of its rows has a label yet."
    if counts is None or not counts.n:
        c.empty("No answer can be held against the truth", why, key=f"{key}-empty")
        return
    names = (found.positive, found.negative)
    c.chart(
        charts.confusion(window_detail.answers(counts), c.colours(), positive=names[0], negative=names[1]),
        key=key,
        summary=window_detail.confusion_summary(counts, *names),
        nothing=why,
        table=window_detail.confusion_rows(counts, *names),
    )


def evidently(detail: WindowDetail) -> None:
    """Evidently's own page, fetched when it is asked for and shown in a frame of its own."""
    evidently_page(detail.window.window_id, detail.window.seq, there=detail.html)


def evidently_page(window_id: int, seq: int, *, there: bool) -> None:
    """The button, and after it the page."""
    if not there:
        st.caption("Evidently made no page for this window: that is done for windows in which something alarms.")
        return
    if st.button("Open Evidently's report", key="open-evidently"):
        st.session_state[OPENED] = window_id
    if st.session_state.get(OPENED) != window_id:
        return
    body = c.fetched(lambda: session.client().drift_page(window_id), key="evidently")
    if body is not None:
        st.download_button("Download it", body, file_name=f"drift-window-{seq}.html", mime="text/html")
        st.iframe(session.report_path(window_id), height=900, alt="Evidently's drift report")


def calibration(ask: Callable[[], Calibration]) -> None:
    """Of the version that serves."""
    c.section("Do scores come true?", "Of the serving version's newest judged rows: 70 % should come true in 7 of 10.")
    found = c.fetched(ask, key="calibration", height=400)
    if found is None:
        return
    said = window_detail.calibration_summary(found)
    c.chart(
        charts.reliability(window_detail.reliability_bins(found), c.colours()),
        key="calibration",
        summary=said,
        nothing=said,
        table=window_detail.calibration_rows(found),
    )


def wrong_answers(found: Performance, ask: Callable[[], Trends]) -> None:
    """What wrong answers cost."""
    c.section("What wrong answers cost")
    trends = c.fetched(ask, key="cost", height=260)
    if trends is None:
        return
    st.caption(wording.plain(cost.note(found.cost, trends.bucket_s)))
    said = cost.summary(trends, found.cost)
    c.chart(
        charts.wrong_answers(
            cost.found_in(trends, found.cost),
            cost.expected_in(trends, found.cost),
            c.colours(),
            unit=found.cost.currency,
        ),
        key="cost",
        summary=said,
        nothing=said,
        table=cost.rows(trends, found.cost),
    )
