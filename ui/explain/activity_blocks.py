"""The blocks of the agent's page: where it stands, what it does now, one run of its timeline."""

from collections.abc import Mapping

import streamlit as st

from ui import clock, session, vocabulary, wording
from ui import components as c
from ui.answers.runs import AgentStanding, KindStanding
from ui.api_client import ApiError
from ui.api_types import AgentRecord
from ui.explain import activity, agent_standing, track_record
from ui.explain.activity import Deed, Entry

LIVE_S = 5


def standing(found: AgentStanding, record: AgentRecord | None) -> None:
    """Four figures, each with what it rests on, and the table behind them."""
    now = c.now()
    used, nearest = agent_standing.used_today(found)
    agents = [one for one in found.services if one.service == "agent"]
    newest = max((one.seen_at for one in agents), default=None)
    late = not agents or all(one.late for one in agents)
    state = vocabulary.AUTOMATION.get(found.automation.state, vocabulary.UNKNOWN)
    with st.container(key="standing"):
        columns = st.columns(4)
        with columns[0]:
            c.metric_card("By itself, last 24 h", wording.count(used), note=nearest, key="used-today")
        with columns[1]:
            rate = agent_standing.hit_rate(record) if record else agent_standing.Rate(0, 0)
            value = wording.percent(rate.right / rate.n, 0) if rate.n else wording.NOTHING
            c.metric_card("Changes that proved themselves", value, note=agent_standing.hit_note(rate), key="hit-rate")
        with columns[2]:
            said = f"{wording.actor(found.automation.changed_by)}: {wording.sentence(found.automation.reason)}"
            mode = "Only records what it would do. " if found.dry_run else ""
            c.metric_card(
                "Automation", f"{state.shape} {state.word}", note=f"{mode}{said}", key="automation-state-card"
            )
        with columns[3]:
            note = "The agent is silent: nothing is looked at and nothing is done." if late else "Its last sign of life"
            value = wording.relative(newest, now) if newest else "never"
            sign = vocabulary.Sign("Late", "▲", "orange") if late else None
            c.metric_card("Agent", value, note=note, key="heartbeat", sign=sign)
        with st.expander("Budgets, cool-downs and who is alive", key="budgets-all"):
            c.table(
                agent_standing.kinds(found, now), key="budgets", alt="What the agent may do, what is used and rests"
            )
            st.caption(f"Policy page `{found.policy[:8]}`, autonomy {wording.plain(found.autonomy)}.")
            if found.services:
                c.table(agent_standing.services(found.services, now), key="services", alt="Signs of life")
            else:
                c.empty("No process has reported", "Neither agent nor monitor has run.", key="services-empty")


@clock.fragment(run_every=LIVE_S)
def live(model: str) -> None:
    """What the agent does at this moment. Its place is held (style.css), whatever comes."""
    with st.container(key="live", border=True, gap="small"):
        try:
            found = session.client().runs.now(model)
        except ApiError as problem:
            c.show_problem(problem, key="live-problem")
            return
        st.markdown("**Now**")
        lines = agent_standing.doing(found)
        st.markdown("  \n".join(f"◔ {wording.plain(one)}" for one in lines) or "Nothing is being worked on.")
        told = agent_standing.log(found)
        st.caption("  \n".join(wording.plain(one) for one in told) or "The agent has not changed anything yet.")


def _deed(deed: Deed, entry: Entry, in_force: str, kinds: Mapping[str, KindStanding]) -> None:
    """What was put forward on one line; what came of it and who allowed it below."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{c.chip(deed.sign)} {wording.plain(deed.says)}", width="stretch")
        if deed.made is not None:
            link = {"id": deed.made.action_id}
            st.page_link("pages/6_Decision.py", label="Look at it", query_params=link, width="content")
    status = f"{c.chip_for(vocabulary.ACTION_STATUSES, deed.made.status)} " if deed.made else ""
    allowed = activity.allowed_by(deed, entry.policy, in_force, kinds)
    st.caption(f"{status}{wording.plain(activity.result(deed, c.now()))}  \n{wording.plain(allowed)}")


def _behind(place: int, found: Entry) -> None:
    """What the conclusion rests on, what else it could have been, and what was left alone: one click away."""
    rests_on = [fact for line in found.concluded for fact in line.details]
    parts = [
        ("What it rests on", rests_on),
        ("What else it could have been", list(found.rejected)),
        ("Left alone, and why", [line.says for line in found.left_alone]),
    ]
    told = [(title, lines) for title, lines in parts if lines]
    if not told:
        return
    label = ", ".join(f"{title.lower()} ({len(lines)})" for title, lines in told)
    with st.expander(label[0].upper() + label[1:], key=f"behind-{place}"):
        for title, lines in told:
            st.markdown(f"**{title}**\n" + "\n".join(f"- {wording.plain(line)}" for line in lines))


def entry(place: int, found: Entry, in_force: str, kinds: Mapping[str, KindStanding]) -> None:
    """One run: observed, concluded, did, with what came of it."""
    now = c.now()
    with st.container(key=f"cycle-{place}", border=True, gap="small"):
        st.caption(wording.plain(activity.passes(found, now)) + (f" {c.tag('dry run')}" if found.dry_run else ""))
        st.markdown(f"**Observed** {wording.plain(' '.join(found.observed))}")
        for line in found.concluded:
            st.markdown(f"**Concluded** {c.chip(line.sign)} {wording.plain(line.says)}")
        if not found.concluded:
            st.markdown("**Concluded** Nothing is wrong as far as can be seen.")
        for deed in found.did:
            _deed(deed, found, in_force, kinds)
        if not found.did:
            st.markdown(f"{c.chip(activity.LEFT)} {wording.plain(activity.why_nothing(found))}")
        _behind(place, found)
    if found.quiet_before is not None:
        st.caption(wording.plain(activity.quiet(found.quiet_before)))


def record(model: str) -> None:
    """How often it was right, by action and reason."""
    c.section("Record", track_record.MEANS)
    lately = st.toggle(f"Only the last {track_record.LATELY_DAYS} days", key="lately", bind="query-params")
    days = track_record.LATELY_DAYS if lately else None
    found = c.fetched(lambda: session.client().record(model, days), key="record")
    if found is None:
        return
    if rows := track_record.rows(found):
        c.table(rows, key="record-table", alt="How often the agent was right, by action and reason")
    else:
        c.empty("No record yet", "Nothing the agent did has come to an end here.", key="record-empty")
