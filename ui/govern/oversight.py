"""How people decide: figures with their n, and what looks like nodding through."""

from datetime import timedelta

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.answers.oversight import HabitsOut, OversightOut
from ui.vocabulary import Sign

PERIODS = (30, 90, 365)
NODDING = Sign("Looks nodded through", "▲", "orange")
MANY = Sign("Too many questions", "▲", "orange")
SOUND = Sign("No sign of nodding through", "●", "green")
FEW = Sign("Too few to tell", "○", "gray")


def span(seconds: float | None) -> str:
    return wording.NOTHING if seconds is None else wording.span(timedelta(seconds=seconds))


def rate(one: HabitsOut) -> str:
    """The share of approvals with its interval and n."""
    if one.approval_rate is None or one.approval_low is None or one.approval_high is None:
        return wording.NOTHING
    low, high = wording.number(100 * one.approval_low, 0), wording.number(100 * one.approval_high, 0)
    return f"{wording.percent(one.approval_rate, 0)} [{low}, {high}], n = {wording.count(one.decisions)}"


def sign(found: OversightOut) -> Sign:
    if found.signs:
        return NODDING
    return FEW if found.short_of else SOUND


def rows(found: OversightOut) -> list[dict[str, str]]:
    """One line for all together and one for each person."""
    return [_row("everybody", found.together), *(_row(one.person or "", one) for one in found.people)]


def _row(name: str, one: HabitsOut) -> dict[str, str]:
    read = f"{span(one.read_median_s)}, n = {wording.count(one.read_n)}" if one.read_n else "not known"
    return {
        "who": f"**{wording.plain(name)}**",
        "approved": wording.plain(rate(one)),
        "asked to decided": wording.plain(f"{span(one.to_decision_median_s)} (p90 {span(one.to_decision_p90_s)})"),
        "page open": wording.plain(read),
        "against the advice": wording.plain(
            f"{wording.count(one.against_advice)} approved, {wording.count(one.advice_refused)} rejected"
        ),
        "taken back later": wording.plain(f"{wording.count(one.taken_back)} of {wording.count(one.watched)} watched"),
    }


def load(found: OversightOut) -> str:
    """How much is asked of people, and what ran out of time."""
    most = wording.number(found.most_a_week, 0)
    week = f"{wording.number(found.a_week, 1)} decisions a week and model; above {most}, people stop reading"
    expired = f"{wording.plural(found.expired, 'question')} ran out of time"
    return f"{week}. {expired} in {found.days} days."


def show(model: str) -> None:
    """The block on Settings & policy."""
    c.section("How people decide", "Medians of the period; page open is what the browsers told, not a control.")
    days = st.segmented_control(
        "Period", PERIODS, default=90, required=True, key="oversight", bind="query-params",
        format_func=lambda days: f"{days} days", label_visibility="collapsed",
    )  # fmt: skip
    found = c.fetched(lambda: session.client().govern.oversight(model, int(days or 90)), key="oversight", height=160)
    if found is None:
        return
    if not found.together.decisions:
        expired = wording.plural(found.expired, "question")
        why = f"Nobody decided anything about this model in {found.days} days; {expired} ran out of time."
        c.empty("No decision yet", why, key="oversight-empty", next_step="Questions wait under Approvals.")
        return
    with st.container(key="oversight-block", gap="small"):
        chips = [c.chip(sign(found)), *([c.chip(MANY)] if found.too_many else [])]
        st.markdown(" ".join(chips))
        for line in found.signs:
            st.markdown(wording.plain(wording.sentence(line)))
        if found.short_of:
            st.caption(wording.plain(wording.sentence(found.short_of)))
        c.table(rows(found), key="oversight-table", alt="How people decide, together and each of them")
        st.caption(wording.plain(load(found)))
