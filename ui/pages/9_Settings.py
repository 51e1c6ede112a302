"""Who may do what here, by which rules, and how the installation is set up."""

import streamlit as st

from ui import components as c
from ui.govern import (
    settings_automation,
    settings_data,
    settings_keys,
    settings_messages,
    settings_people,
    settings_policy,
    settings_schedules,
)

SECTIONS = {
    "Policy": settings_policy.show,
    "Automation": settings_automation.show,
    "Schedules": settings_schedules.show,
    "People": settings_people.show,
    "Keys": settings_keys.show,
    "Messages": settings_messages.show,
    "Data": settings_data.show,
    "You": settings_people.show_own,
}


def page() -> None:
    c.heading("Settings & policy", key="headline", note="What the agent may do, who may do what, and what is kept.")
    section = st.segmented_control(
        "Section",
        list(SECTIONS),
        default="Policy",
        required=True,
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
    with st.container(key=f"section-{str(section).lower()}", gap="small"):
        SECTIONS[str(section or "Policy")]()


page()
