"""Messages that have not arrived: dead letters and what waits, with a button for those who may try again."""

from datetime import datetime

import streamlit as st

from ui import components as c
from ui import session, vocabulary, wording
from ui.api_client import ApiError
from ui.api_types import DeliveryOut

PERMISSION = "deliveries.retry"
MOST = 10
SIGNS = {
    "dead": vocabulary.Sign("Dead letter", "■", "red"),
    "pending": vocabulary.Sign("Waiting", "○", "gray"),
}


def facts(found: DeliveryOut, now: datetime) -> str:
    """Where it goes, how often that was tried, what came of it and what comes next."""
    parts = [f"to {found.channel}", wording.plural(found.attempts, "try", "tries")]
    if found.last_error:
        parts.append(found.last_error)
    if found.status == "pending":
        parts.append(f"next try {wording.when(found.next_at, now)}" if found.attempts else "is about to be sent")
    else:
        parts.append("nobody tries again")
    return " · ".join(parts)


def show(deliveries: list[DeliveryOut], now: datetime) -> None:
    """The first of them; there are rarely more than a few."""
    if not deliveries:
        c.empty("No delivery waits", "What the agent has taken up has arrived.", key="notifications-empty")
    may = PERMISSION in session.visit().me.permissions
    for delivery in deliveries[:MOST]:
        _one(delivery, now, may=may)
    if len(deliveries) > MOST:
        st.caption(f"and {len(deliveries) - MOST} more")


def _one(delivery: DeliveryOut, now: datetime, *, may: bool) -> None:
    with st.container(key=f"delivery-{delivery.delivery_id}", border=True, gap="small"):
        st.markdown(f"{c.chip_for(SIGNS, delivery.status)} **{wording.plain(delivery.title)}**")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(wording.plain(facts(delivery, now)))
            if may and st.button("Retry", key=f"retry-{delivery.delivery_id}", help="Send it now."):
                _retry(delivery)


def _retry(delivery: DeliveryOut) -> None:
    try:
        session.client().retry_delivery(delivery.delivery_id)
    except ApiError as problem:
        c.show_problem(problem, key=f"retry-problem-{delivery.delivery_id}")
        return
    st.rerun()
