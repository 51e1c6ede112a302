"""What stands around every page: brand and person in the sidebar, state of the world on top, at most one banner."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.api_client import ApiError
from ui.api_types import Me, Overview
from ui.vocabulary import AUTOMATION, Sign

SWITCH = "automation_dialog"
SHORTEST_REASON = 3


@dataclass(frozen=True)
class Banner:
    """The one thing to know before reading on."""

    kind: Literal["error", "warning", "info"]
    title: str
    text: str


def most_urgent(overview: Overview) -> Banner | None:
    """The banner of highest severity, or none: what is wrong with the platform makes every figure doubtful."""
    state = overview.automation
    if overview.notices:
        first, others = overview.notices[0], [notice.title for notice in overview.notices[1:]]
        text = " ".join([wording.sentence(first.text), *(f"Also: {title}" for title in others)])
        return Banner("error" if first.severity == "error" else "warning", first.title, text)
    if state.state != "running":
        what = "looks and asks, but executes nothing" if state.state == "paused" else "does nothing at all"
        text = f"The agent {what}. {state.changed_by}: {wording.sentence(state.reason)}"
        return Banner("warning", f"Automation is {state.state}.", text)
    return None


def signed_out() -> None:
    """For a browser that came past the door without a cookie."""
    st.title("Sign in", anchor=False)
    st.markdown("Decisions about your models wait inside.")
    st.html(f'<a href="{session.sign_in_link()}" target="_self">Go to the sign-in form</a>')


def away(problem: ApiError) -> None:
    """Nobody can say who is looking: the page says why and stays up."""
    c.heading("Steward", key="headline")
    c.show_problem(problem, key="banner")


@st.dialog("Automation", on_dismiss=lambda: st.session_state.pop(SWITCH, None))
def _switch(current: str) -> None:
    st.caption("Paused: the agent looks and asks, but executes nothing. Stopped: it does not even look.")
    state = st.segmented_control(
        "State", ["running", "paused", "stopped"], default=current, format_func=str.capitalize, key="automation-state"
    )
    reason = st.text_input("Reason", key="automation-reason", placeholder="Written to the audit log")
    changes = bool(state and state != current)
    label = f"Set automation to {state}" if changes else "Choose another state"
    pressed = st.button(label, type="primary", key="automation-confirm", width="stretch", disabled=not changes)
    if pressed and len(reason.strip()) < SHORTEST_REASON:
        st.error("Write down the reason first.")
    elif pressed:
        try:
            session.client().set_automation(str(state), reason.strip())
        except ApiError as problem:
            c.show_problem(problem, key="automation-problem")
            return
        st.session_state.pop(SWITCH, None)
        st.rerun()


def _sidebar(me: Me, titles: dict[str, str]) -> str:
    """The model that is looked at, chosen by its title; `titles` are by name, the default model first."""
    with st.sidebar:
        if len(titles) > 1:
            model = st.selectbox(
                "Model", list(titles), key="model", bind="query-params", format_func=titles.__getitem__
            )
        else:
            model = next(iter(titles), "")
        with st.container(key="person", gap="small"):
            st.caption(f"{wording.plain(me.name)} · {wording.plain(', '.join(sorted(me.roles)) or 'no role')}")
            st.html(f'<a href="{session.SIGN_OUT}" target="_self">Sign out</a>')
    return str(model or "")


def _top_bar(overview: Overview) -> None:
    intake, state = overview.intake, AUTOMATION.get(overview.automation.state)
    freshest = intake.newest_prediction_at
    with st.container(key="top-bar", horizontal=True, vertical_alignment="center", gap="small"):
        serving = f" v{overview.serving.version}" if overview.serving else ""
        st.markdown(c.tag(f"{overview.title}{serving}"), width="content")
        needs = overview.headline.pending
        if needs:
            sign = Sign(f"Needs you: {needs}", "◐", "blue")
            st.page_link("pages/3_Approvals.py", label=f"{c.chip(sign)}", width="content")
        st.markdown(
            c.tag(f"data to {wording.moment(freshest)}, {wording.relative(freshest, overview.generated_at)}")
            if freshest
            else c.tag("no predictions yet"),
            width="content",
        )
        st.space("stretch")
        label = f"Automation: {state.word.lower() if state else overview.automation.state}"
        if st.button(f"{state.shape if state else '○'} {label}", key="automation", type="tertiary"):
            st.session_state[SWITCH] = True


def draw(me: Me) -> None:
    """Draw the frame and remember the visit for the page."""
    client = session.client()
    overview: Overview | None = None
    problem: ApiError | None = None
    titles: dict[str, str] = {}
    try:
        found = sorted(client.models().models, key=lambda model: not model.default)
        shared = Counter(model.title for model in found)
        titles = {m.name: m.title if shared[m.title] == 1 else f"{m.title} ({m.name})" for m in found}
    except ApiError as error:
        problem = error
    model = _sidebar(me, titles)
    if problem is None:
        try:
            overview = client.overview(model or None)
        except ApiError as error:
            problem = error if error.status != 404 else None
    session.begin(session.Visit(me=me, model=model, overview=overview))
    if problem is not None:
        c.show_problem(problem, key="banner")
    if overview is None:
        return
    _top_bar(overview)
    if banner := most_urgent(overview):
        c.banner(banner.kind, banner.title, banner.text, key="banner")
    if overview.synthetic:
        c.banner(
            "warning",
            "Synthetic data.",
            "The real data could not be had, so this model learned from made-up rows. Its figures say how the "
            "machinery works, nothing about the world.",
            key="synthetic",
        )
    if st.session_state.get(SWITCH):
        _switch(overview.automation.state)
