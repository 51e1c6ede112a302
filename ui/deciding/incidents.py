"""Open incidents, and what a person can do about one: say that they look at it, or that it is over and how it ended."""

from datetime import datetime

import streamlit as st

from ui import components as c
from ui import session, vocabulary, wording
from ui.api_client import ApiError
from ui.api_types import AlertOut

PERMISSION = "alerts.handle"
DIALOG = "resolve_dialog"
SHORTEST_NOTE = 3


def show(incidents: list[AlertOut], now: datetime) -> None:
    """Every incident as a card, the buttons for those who may use them, and the dialog that is open."""
    may = PERMISSION in session.visit().me.permissions
    for alert in incidents:
        _card(alert, now, may=may)
    chosen = next((alert for alert in incidents if alert.alert_id == st.session_state.get(DIALOG)), None)
    if chosen is not None and may:
        _resolve(chosen)


def _card(alert: AlertOut, now: datetime, *, may: bool) -> None:
    with st.container(key=f"incident-{alert.alert_id}", border=True, gap="small"):
        state = c.chip_for(vocabulary.ALERT_STATUSES, alert.status)
        st.markdown(f"{c.chip_for(vocabulary.SEVERITIES, alert.severity)} {state} **{wording.plain(alert.title)}**")
        st.markdown(wording.plain(wording.sentence(alert.message)))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(wording.plain(_when(alert, now)))
            if may:
                _buttons(alert)


def _when(alert: AlertOut, now: datetime) -> str:
    seen = f"Since {wording.when(alert.created_at, now)}, seen in {wording.plural(alert.occurrences, 'window')}"
    return f"{seen} · {alert.acknowledged_by} looks at it" if alert.acknowledged_by else seen


def _buttons(alert: AlertOut) -> None:
    key = f"{alert.alert_id}"
    if alert.status == "active" and st.button("Acknowledge", key=f"acknowledge-{key}", help="You look at it."):
        _acknowledge(alert)
    if st.button("Resolve", key=f"resolve-{key}", help="It is over; you say how it ended."):
        st.session_state[DIALOG] = alert.alert_id


def _acknowledge(alert: AlertOut) -> None:
    try:
        session.client().acknowledge(alert.alert_id)
    except ApiError as problem:
        c.show_problem(problem, key=f"acknowledge-problem-{alert.alert_id}")
        return
    st.rerun()


@st.dialog("Resolve this incident", on_dismiss=lambda: st.session_state.pop(DIALOG, None))
def _resolve(alert: AlertOut) -> None:
    st.markdown(f"**{wording.plain(alert.title)}**")
    st.caption("It is opened again if a newer window shows the same.")
    notes = st.text_area("How did it end?", key="resolve-notes", placeholder="Kept with the incident and the audit log")
    if not st.button("Resolve", type="primary", key="confirm-resolve", width="stretch"):
        return
    if len(notes.strip()) < SHORTEST_NOTE:
        st.error("Write down how it ended first.")
        return
    try:
        session.client().resolve(alert.alert_id, notes.strip())
    except ApiError as problem:
        c.show_problem(problem, key="resolve-problem")
        return
    st.session_state.pop(DIALOG, None)
    st.rerun()
