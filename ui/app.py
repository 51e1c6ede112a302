"""The entry script of the dashboard: it runs before every page, on every run.

All pages are registered whether or not somebody is signed in, so that a deep link survives the way through the door.
"""

from pathlib import Path

import streamlit as st

from ui import frame, session

HERE = Path(__file__).parent

st.set_page_config(page_title="Steward", page_icon=str(HERE / "static" / "icon.png"), layout="wide")
st.html(HERE / "static" / "style.css")
st.logo(HERE / "static" / "logo.svg", icon_image=HERE / "static" / "icon.png", size="large")

signed_in = session.token() is not None
page = st.navigation(
    {
        "Decide": [
            st.Page("pages/0_Overview.py", title="Overview", icon=":material/home:", url_path="overview", default=True),
            st.Page("pages/3_Approvals.py", title="Approvals", icon=":material/rule:", url_path="approvals"),
            st.Page("pages/6_Decision.py", title="Decision", url_path="decision", visibility="hidden"),
        ],
        "Observe": [
            st.Page("pages/1_Performance.py", title="Performance", icon=":material/insights:", url_path="performance"),
            st.Page("pages/2_Drift_Detection.py", title="Drift detection", icon=":material/waves:", url_path="drift"),
            st.Page("pages/4_Trends.py", title="Trends", icon=":material/timeline:", url_path="trends"),
            st.Page("pages/8_Data_Quality.py", title="Data quality", icon=":material/fact_check:", url_path="quality"),
        ],
        "Explain": [
            st.Page("pages/5_Agent_Activity.py", title="Agent activity", icon=":material/history:", url_path="agent"),
            st.Page("pages/7_Models.py", title="Models & lineage", icon=":material/deployed_code:", url_path="models"),
        ],
        "Govern": [
            st.Page("pages/9_Settings.py", title="Settings & policy", icon=":material/tune:", url_path="settings"),
            st.Page("pages/10_Audit.py", title="Audit", icon=":material/receipt_long:", url_path="audit"),
        ],
    },
    position="sidebar" if signed_in else "hidden",
    expanded=True,
)
if not signed_in:
    frame.signed_out()
    st.stop()
with session.run():
    if frame.draw(page.url_path):
        page.run()
