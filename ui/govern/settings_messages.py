"""The section Messages: where the agent tells people and programs, how it goes there, and a try of each."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.answers.installation import ChannelOut
from ui.api_client import ApiError
from ui.api_types import DeliveryOut
from ui.explain import notifications
from ui.govern import settings_frame
from ui.govern.settings import RETRY
from ui.vocabulary import Sign

DONE = "messages-said"
KINDS = {"MlflowAliases": "MLflow's aliases", "Slack": "Slack", "Webhook": "signed webhook", "Apprise": "Apprise"}
SHOWN = 10
HOW = "Set SLACK_WEBHOOK_URL, NOTIFY_URLS or NOTIFY_WEBHOOKS where the agent runs, and start it again."
BROKEN = Sign("Dead letters", "■", "red")
WAITS = Sign("Messages wait", "◐", "blue")
SOUND = Sign("All arrived", "●", "green")
SILENT = Sign("Nothing sent yet", "○", "gray")


def sign(one: ChannelOut) -> Sign:
    if one.dead:
        return BROKEN
    return WAITS if one.pending else SOUND if one.sent_7d else SILENT


def says(one: ChannelOut, now: datetime) -> str:
    """How it goes on one channel."""
    parts = [KINDS.get(one.kind, one.kind), f"{wording.count(one.sent_7d)} arrived in 7 days"]
    parts += [f"the last {wording.when(one.last_sent_at, now)}"] if one.last_sent_at else []
    parts += [f"{wording.count(one.pending)} wait"] if one.pending else []
    parts += [wording.plural(one.dead, "dead letter")] if one.dead else []
    return " · ".join(parts)


def arrived(found: Sequence[DeliveryOut], now: datetime) -> list[dict[str, str]]:
    """The last messages that arrived. Cells are Markdown."""
    return [
        {
            "arrived": wording.plain(wording.when(one.sent_at, now)),
            "channel": wording.plain(one.channel),
            "message": wording.plain(one.title),
            "tries": wording.count(one.attempts),
        }
        for one in found
    ]


def show() -> None:
    """The whole section."""
    c.section("Channels", "As the agents that run now have them set up. Addresses and secrets never leave them.")
    settings_frame.said(DONE)
    found = c.fetched(session.client().govern.channels, key="channels", height=120)
    if found is not None and not any(one.tried for one in found.channels):
        why = "Messages stay in the dashboard." if found.agents else "No agent runs now, so nobody knows of any."
        c.empty("No channel to people or programs", why, key="channels-empty", next_step=HOW)
    may, now = settings_frame.may(RETRY), c.now()
    for one in found.channels if found is not None else ():
        _channel(one, now, may=may)
    if found is not None and found.channels and not may:
        settings_frame.locked(RETRY, "Trying a channel is not for your roles", key="messages-locked")
    c.section("Not arrived", "Dead letters, which nobody tries again by themselves, then what waits.")
    waiting = c.fetched(session.client().notifications, key="waiting", height=120)
    if waiting is not None:
        notifications.show(waiting.deliveries, now)
    c.section("Arrived last")
    last = c.fetched(lambda: session.client().govern.arrived(SHOWN), key="arrived", height=120)
    if last is not None and last.deliveries:
        c.table(arrived(last.deliveries, now), key="arrived-table", alt="The last messages that arrived")
    elif last is not None:
        c.empty("Nothing has arrived yet", "No message was sent so far.", key="arrived-empty")


def _channel(one: ChannelOut, now: datetime, *, may: bool) -> None:
    with st.container(key=f"channel-{one.name}", border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{wording.plain(one.name)}** {c.chip(sign(one))}  \n{wording.plain(says(one, now))}")
        if may and one.tried and st.button(f"Send a test to {one.name}", key=f"try-{one.name}", width="content"):
            _try(one.name)


def _try(name: str) -> None:
    try:
        session.client().govern.try_channel(name)
    except ApiError as problem:
        c.show_problem(problem, key=f"try-problem-{name}")
        return
    st.session_state[DONE] = f"A test is on its way to {name}. Whether it arrived stands below in a few seconds."
    st.rerun()
