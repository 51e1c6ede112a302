"""The queue: what waits for a person, and what became of what was asked before."""

from collections.abc import Sequence

import streamlit as st

from ui import components as c
from ui import session
from ui.api_types import ActionCard
from ui.deciding import action_cards, queue
from ui.vocabulary import ACTIONS, RISKS

PICKED = "queue_picked"


def _filters() -> tuple[list[str], list[str], list[str]]:
    """Model, risk and type, as chips; what is chosen stands in the address."""
    frame = session.visit().frame
    names = {model.name: model.title for model in frame.models}
    with st.container(key="filters", horizontal=True, gap="medium"):
        models = [frame.model_name]
        if len(names) > 1:
            models = st.pills(
                "Model", list(names), selection_mode="multi", default=models, key="of-model", bind="query-params",
                format_func=lambda name: names.get(name, name),
            )  # fmt: skip
        risks = st.pills(
            "Risk", list(RISKS), selection_mode="multi", key="risk", bind="query-params",
            format_func=lambda name: RISKS[name].word,
        )  # fmt: skip
        kinds = st.pills(
            "Type", list(queue.KINDS), selection_mode="multi", key="type", bind="query-params",
            format_func=lambda name: ACTIONS[name],
        )  # fmt: skip
    return list(models), list(risks), list(kinds)


def _keys(shown: Sequence[ActionCard]) -> str:
    """Walking the list by keys: the action that is picked, or nothing."""
    ids = [action.action_id for action in shown]
    picked = st.session_state.get(PICKED)
    place = ids.index(picked) if picked in ids else -1
    with st.container(key="keys", horizontal=True, gap="small"):
        if st.button("Next", key="next", shortcut="J", type="tertiary"):
            place = min(place + 1, len(ids) - 1)
        if st.button("Previous", key="previous", shortcut="K", type="tertiary"):
            place = max(place - 1, 0)
        opened = st.button("Open", key="open-picked", shortcut="Enter", type="tertiary", disabled=place < 0)
    st.session_state[PICKED] = ids[place] if place >= 0 else None
    if opened:
        st.switch_page("pages/6_Decision.py", query_params={"id": ids[place]})
    return st.session_state[PICKED] or ""


def page() -> None:
    c.heading(
        "Approvals", key="headline", note="Consequential changes wait here until a person decides on the evidence."
    )
    tab = st.segmented_control(
        "Show",
        list(queue.TABS),
        default="waiting",
        required=True,
        key="show",
        bind="query-params",
        format_func=lambda name: queue.TABS[name],
    )
    models, risks, kinds = _filters()
    asked = tab != "all"
    found = c.fetched(lambda: session.client().actions(asked=asked, limit=500 if asked else 100), key="approvals")
    if found is None:
        return
    of_tab = queue.chosen(
        tab, queue.filtered(found.actions, models=models, risks=(), kinds=()), session.visit().me.name
    )
    shown = queue.filtered(of_tab, models=(), risks=risks, kinds=kinds)
    if not shown:
        title, why = queue.NOTHING[tab]
        hidden = len(of_tab)
        c.empty(title, why if not hidden else f"The filters hide {hidden}.", key="approvals-empty")
        return
    now = c.now()
    first, later = queue.now_and_later(shown, now) if tab == "waiting" else (shown, [])
    picked = _keys([*first, *later])
    for action in first:
        action_cards.line(action, now, picked=action.action_id == picked)
    if later:
        with st.container(key="later", gap="small"):
            c.section("Later", queue.snoozed(later, now))
            for action in later:
                action_cards.line(action, now, picked=action.action_id == picked)


page()
