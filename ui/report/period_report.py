"""The report of a period, offered on a page: which days, and a button that makes the file when it is pressed."""

import streamlit as st

from ui import components as c
from ui import session
from ui.api_client import ApiError
from ui.report import report_content, report_pdf

DAYS = (7, 30, 90, 365)


def offer(model: str) -> None:
    """One line on any page: choose the days, and take the PDF."""
    visit = session.visit()
    client, person = session.client(), visit.me.name

    def made(days: int) -> bytes:
        # Runs when the button is pressed, outside of the page: what goes wrong is told in the file.
        try:
            answer = client.period.report(model, days)
        except ApiError as problem:
            return report_pdf.apology(problem.title, problem.sentence)
        return report_pdf.render(report_content.content(answer, made_by=person))

    with st.container(horizontal=True, vertical_alignment="bottom", key="period-report"):
        days = st.selectbox(
            "Period", DAYS, index=1, key="report-days", format_func=lambda n: f"last {n} days", width=160
        )
        st.download_button(
            "Report as PDF",
            lambda: made(days),
            file_name=f"{model or 'model'}-{c.now():%Y-%m-%d}-{days}-days.pdf",
            mime="application/pdf",
            key="report-pdf",
            on_click="ignore",
            disabled=not model,
            icon=":material/picture_as_pdf:",
        )
