"""What stands around every page: model, environment, automation, what waits, how fresh it is, whose clock, who looks.

The bar asks the API once a run, and again every few seconds by itself. When something came, went or was decided, it has
the page drawn anew; a page on which somebody judges evidence is left as it is.
"""

from collections import Counter
from dataclasses import dataclass
from time import monotonic
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui import automation, clock, session, wording
from ui import components as c
from ui.answers.frame import Frame
from ui.api_client import ApiError
from ui.vocabulary import AUTOMATION, ENVIRONMENTS, UNKNOWN, Sign

DECIDE = "actions.decide"
PULSE_S = 10
REDRAWN_AFTER_S = 60
_KNOWN, _FRESH, _DRAWN_AT = "frame_known", "frame_fresh", "frame_drawn_at"


@dataclass(frozen=True)
class Banner:
    """The one thing to know before reading on."""

    kind: Literal["error", "warning", "info"]
    title: str
    text: str


def most_urgent(frame: Frame) -> Banner | None:
    """The banner of highest severity, or none: what is wrong with the platform makes every figure doubtful."""
    state = frame.automation
    if frame.notices:
        first, others = frame.notices[0], [notice.title for notice in frame.notices[1:]]
        text = " ".join([wording.sentence(first.text), *(f"Also: {title}" for title in others)])
        return Banner("error" if first.severity == "error" else "warning", first.title, text)
    if state.state != "running":
        what = "looks and asks, but executes nothing" if state.state == "paused" else "does nothing at all"
        text = f"The agent {what}. {wording.actor(state.changed_by)}: {wording.sentence(state.reason)}"
        return Banner("warning", f"Automation is {state.state}.", text)
    return None


MADE_UP = Banner(
    "warning",
    "Synthetic data.",
    "The real data could not be had, so this model learned from made-up rows. Its figures say how the machinery works, "
    "nothing about the world.",
)
ENDED = Banner(
    "warning",
    "Your session has ended.",
    "Nobody used it for a while, or it was ended elsewhere. Reload this page to sign in again.",
)


def unreachable(problem: ApiError) -> Banner:
    """What is said while the API, or the database behind it, does not answer, or answers this person no more."""
    if problem.signed_out:
        return ENDED
    text = f"{problem.sentence} What you see may be old; this page tries again by itself."
    return Banner("error", problem.title, text)


def signed_out() -> None:
    """For a browser that came past the door without a cookie."""
    st.title("Sign in", anchor=False)
    st.markdown("Decisions about your models wait inside.")
    st.html(f'<a href="{session.sign_in_link()}" target="_self">Go to the sign-in form</a>')


def _asked() -> Frame:
    """The frame for the model that is looked at; an address may name one that is not there."""
    name = st.session_state.get("model") or st.query_params.get("model")
    client = session.client()
    try:
        return client.frame(str(name) if name else None)
    except ApiError as problem:
        if name and problem.status in {404, 422}:
            return client.frame(None)
        raise


def draw(page: str) -> bool:
    """Draw the frame around the page of this name and remember the visit. False: nobody can say who looks."""
    clock.follow()
    c.arrive(page)
    banner: Banner | None = None
    try:
        frame = _asked()
    except ApiError as problem:
        known = st.session_state.get(_KNOWN)
        if problem.signed_out or not isinstance(known, Frame):
            c.heading("Steward", key="headline")
            c.show_problem(problem, key="banner")
            return False
        frame, banner = known, unreachable(problem)
    with st.container(key="top-bar", horizontal=True, vertical_alignment="center", gap="small"):
        chosen = _choose_model(frame)
        if chosen != frame.model_name:
            # An address names a model as people call it, which only the box knows how to read.
            try:
                frame = session.client().frame(chosen)
            except ApiError as problem:
                banner = unreachable(problem)
        _serves(frame)
        row = st.container(width="stretch")
        clock.choose()
        _person(frame)
    st.session_state[_KNOWN], st.session_state[_FRESH], st.session_state[_DRAWN_AT] = frame, True, monotonic()
    session.begin(session.Visit(me=frame.person, model=frame.model_name, frame=frame))
    place = st.empty()
    with row:
        _pulse(frame, page, place, banner)
    automation.show_if_open(frame.automation.state)
    return True


def titles(frame: Frame) -> dict[str, str]:
    """The models by name, the default one first; two of the same title are told apart by their names."""
    shared = Counter(model.title for model in frame.models)
    return {
        model.name: model.title if shared[model.title] == 1 else f"{model.title} ({model.name})"
        for model in sorted(frame.models, key=lambda model: not model.default)
    }


def _choose_model(frame: Frame) -> str:
    """The name of the model that is to be looked at."""
    names = titles(frame)
    if len(names) < 2:
        st.markdown(f"**{wording.plain(frame.title)}**", width="content")
        return frame.model_name
    chosen = st.selectbox(
        "Model",
        list(names),
        key="model",
        bind="query-params",
        format_func=lambda name: names.get(name, name),
        label_visibility="collapsed",
        width=220,
    )
    return str(chosen or frame.model_name)


def _serves(frame: Frame) -> None:
    serving = frame.serving_version
    st.markdown(c.tag(f"v{serving}" if serving is not None else "serves nothing"), width="content")


def _person(frame: Frame) -> None:
    me = frame.person
    with st.popover(me.name, key="person", icon=":material/person:", width="content"):
        st.markdown(f"**{wording.plain(me.name)}**")
        st.caption(wording.plain(", ".join(sorted(me.roles)) or "no role"))
        st.html(f'<a href="{session.SIGN_OUT}" target="_self">Sign out</a>')


@clock.fragment(run_every=PULSE_S)
def _pulse(drawn: Frame, page: str, place: DeltaGenerator, banner: Banner | None) -> None:
    """The part of the bar that follows the world. In the run that draws the page it shows what that run was told."""
    frame = drawn
    if not st.session_state.pop(_FRESH, False):
        try:
            frame, banner = _asked(), None
        except ApiError as problem:
            frame, banner = drawn, unreachable(problem)
        if banner is None and page != "decision" and _is_old(drawn, frame):
            session.redraw()
    with st.container(key="pulse", horizontal=True, vertical_alignment="center", gap="small"):
        _chips(frame)
    shown = banner or most_urgent(frame)
    with place.container():
        if shown is not None:
            c.banner(shown.kind, shown.title, shown.text, key="banner")
        if frame.synthetic:
            c.banner(MADE_UP.kind, MADE_UP.title, MADE_UP.text, key="synthetic")


def _is_old(drawn: Frame, newest: Frame) -> bool:
    return newest.seen != drawn.seen or monotonic() - st.session_state.get(_DRAWN_AT, 0.0) > REDRAWN_AFTER_S


def _chips(frame: Frame) -> None:
    st.markdown(c.chip(ENVIRONMENTS.get(frame.environment, UNKNOWN)), width="content")
    if frame.pending:
        waits = "Needs you" if DECIDE in frame.person.permissions else "Waiting"
        sign = Sign(f"{waits}: {frame.pending}", "◐", "blue")
        st.page_link("pages/3_Approvals.py", label=c.chip(sign), width="content")
    newest = frame.newest_prediction_at
    fresh = (
        f"data to {wording.moment_today(newest, frame.generated_at)}, {wording.relative(newest, frame.generated_at)}"
        if newest
        else "no predictions yet"
    )
    st.markdown(c.tag(fresh), width="content")
    state = AUTOMATION.get(frame.automation.state, UNKNOWN)
    label = f"{state.shape} Agent {state.word.lower()}"
    if st.button(label, key="automation", type="tertiary", help="Pause or stop the agent, or let it work again"):
        automation.open_switch()
        st.rerun()
