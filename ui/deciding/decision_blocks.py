"""The middle of the decision page: before and after, why now, who would notice, and what happens."""

from datetime import datetime

import streamlit as st

from ui import charts, vocabulary, wording
from ui import components as c
from ui.answers.questions import ActionReach, SeenWindow
from ui.api_types import ActionDetail
from ui.deciding.decision_top import NO_EVIDENCE, measures
from ui.decision import consequences, evidence, question, radius, why
from ui.explain import track_record


def bullets(lines: list[str]) -> None:
    """Sentences from data, one below the other."""
    st.markdown("\n".join(f"- {wording.plain(line)}" for line in lines))


def _rows(rows: list[evidence.Comparison], first: str, pair: question.Versions) -> list[dict[str, str]]:
    return [
        {
            first: wording.plain(row.name),
            pair.old: wording.number(row.before),
            pair.new: wording.number(row.after),
            "Δ": wording.plain(wording.signed(row.difference)),
            "95 % interval of Δ": wording.plain(wording.interval(row.low, row.high, sign=True)),
            "n": wording.count(row.n),
            "verdict": c.chip_for(vocabulary.VERDICTS, row.verdict),
        }
        for row in rows
    ]


def draw_comparison(action: ActionDetail) -> None:
    """3: before and after on the same rows, as a table and as a picture of it."""
    pair = question.versions_of(action)
    metrics = evidence.comparisons(action.evidence, "metrics")
    segments = evidence.comparisons(action.evidence, "segments")
    with st.container(key="dec-3"):
        c.section("Before and after", " ".join(evidence.rested_on(action.evidence)))
        if not metrics:
            c.empty("Nothing compared yet", NO_EVIDENCE, key="comparison-empty")
            return
        c.table(_rows(metrics, "metric", pair), key="before-after", alt=f"Metrics of {pair.old} and {pair.new}")
        first = metrics[0]
        c.chart(
            charts.dot_and_whisker(evidence.differences(metrics), c.colours()),
            key="before-after-chart",
            summary=f"{first.name} changes by {wording.signed(first.difference)} "
            f"{wording.interval(first.low, first.high, sign=True)}: {first.verdict}. Right of the line is better; a "
            "whisker that crosses it is inconclusive.",
            nothing="No differences.",
        )
        if segments:
            worse = any(row.verdict == "worse" for row in segments)
            with st.expander(f"By segment ({len(segments)})", key="segments", expanded=worse):
                c.table(_rows(segments, "segment", pair), key="segments-table", alt="Segments before and after")


def draw_reasons(action: ActionDetail, reach: ActionReach | None) -> None:
    """4: why now, where to see it, which other explanations were looked at, and how the agent did before."""
    told = why.why(action)
    with st.container(key="dec-4"):
        c.section("Why now")
        left, right = st.columns([3, 2], gap="medium")
        with left:
            if told.cause:
                st.markdown(f"Diagnosis: **{wording.plain(told.cause)}**. {wording.plain(told.says)}")
            elif told.says:
                st.markdown(wording.plain(told.says))
            if told.facts_for:
                bullets(told.facts_for)
            if not (told.cause or told.says or told.facts_for):
                st.caption("No reasons were stored with this action.")
            _where_to_look(reach.windows[-1] if reach and reach.windows else None)
        with right, st.container(border=True, height="stretch", key="doubts"):
            st.markdown("**Speaks against this diagnosis**")
            if told.facts_against:
                bullets(told.facts_against)
            else:
                st.caption("Nothing that was measured.")
            _record(action)
        if told.rejected:
            with st.expander(f"Considered and rejected ({len(told.rejected)})", key="rejected"):
                bullets(told.rejected)


def _where_to_look(window: SeenWindow | None) -> None:
    """Links to the newest window in which it was seen."""
    query = {"window": str(window.seq)} if window else {}
    with st.container(horizontal=True, gap="medium"):
        for page, label, icon in (
            ("pages/1_Performance.py", "Performance", ":material/insights:"),
            ("pages/2_Drift_Detection.py", "Drift", ":material/waves:"),
            ("pages/8_Data_Quality.py", "Data quality", ":material/fact_check:"),
        ):
            words = f"{label}, window {window.seq}" if window else label
            st.page_link(page, label=words, icon=icon, query_params=query)
    if window:
        span = f"Window {window.seq}: {wording.moment(window.from_at)} to {wording.moment(window.to_at)}"
        st.caption(wording.plain(span))


def _record(action: ActionDetail) -> None:
    for what, says in track_record.told(action):
        st.markdown(f"**{wording.plain(what)}** {wording.plain(says)}")


def draw_radius(action: ActionDetail, reach: ActionReach | None) -> None:
    """5: how much would be different, and who would notice."""
    with st.container(key="dec-5"):
        c.section("Blast radius")
        found = action.evidence
        measures([radius.traffic(reach), radius.answers(found), radius.latency(found)], "radius")
        left, right = st.columns(2, gap="medium")
        with left:
            st.markdown("**Who asks this model**")
            if rows := radius.callers(reach):
                c.table(rows, key="callers", alt="Client programs and their share of the answers")
            st.caption(wording.plain(radius.others(reach)) or "Could not be asked.")
        with right:
            st.markdown("**Where it helps least**")
            st.markdown(wording.plain(radius.parts_looked_at(found)))
            if parts := radius.worst(found):
                bullets(parts)


def draw_outcomes(action: ActionDetail, now: datetime, reach: ActionReach | None) -> None:
    """6: what follows from approving, rejecting, waiting, and how it is undone."""
    follows = consequences.consequences(action, now, reach)
    with st.container(key="dec-6"):
        c.section("What happens")
        left, right = st.columns([3, 2], gap="medium")
        with left, st.container(border=True, height="stretch", key="if-approved"):
            st.markdown("**If you approve**")
            st.markdown("\n".join(_numbered(place, move) for place, move in enumerate(follows.approve, 1)))
            st.markdown("**It goes back by itself**")
            bullets(follows.triggers)
            st.markdown("**Undo**")
            bullets(follows.undo)
        with right, st.container(border=True, height="stretch", key="if-not"):
            st.markdown("**If you reject**")
            bullets(follows.reject)
            st.markdown("**If nobody decides**")
            bullets(follows.nobody)


def _numbered(place: int, move: consequences.Move) -> str:
    takes = f" {c.tag(move.takes)}" if move.takes else ""
    return f"{place}. {wording.plain(move.says)}{takes}"
