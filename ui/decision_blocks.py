"""The blocks of the decision page, top to bottom: what is asked, what speaks against and for it, what follows."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from ui import charts, decision, track_record, vocabulary, wording
from ui import components as c
from ui.api_types import ActionDetail, MetricPoint

NO_EVIDENCE = "The evidence is still being gathered: the new version is trained and compared before anybody is asked."


def _list(lines: list[str], *, ordered: bool = False) -> None:
    marks = (f"{place}." if ordered else "-" for place in range(1, len(lines) + 1))
    st.markdown("\n".join(f"{mark} {wording.plain(line)}" for mark, line in zip(marks, lines, strict=True)))


def question(action: ActionDetail, now: datetime) -> None:
    """1: the question as a sentence, its risk, who asks, until when, and the digest that a decision signs."""
    with st.container(key="dec-1"):
        with st.container(key="question", gap="small"):
            st.title(wording.plain(decision.headline(action)), anchor=False)
            if why := decision.in_two(action.question)[1]:
                st.markdown(wording.plain(wording.sentence(why)))
        people = f" · {wording.plural(action.approvers_needed, 'person', 'people')}" if action.approvers_needed else ""
        risk = vocabulary.RISKS.get(action.risk, vocabulary.UNKNOWN)
        chips = [
            c.chip(risk, f"{risk.word}{people}"),
            c.chip_for(vocabulary.ACTION_STATUSES, action.status),
            *(
                [c.tag(f"{action.approvals_given} of {action.approvers_needed} approved")]
                if action.approvals_given
                else []
            ),
            *([c.tag("Dry run: nothing will change")] if action.dry_run else []),
        ]
        st.markdown(" ".join(chips))
        if action.status in vocabulary.MOVING_ACTIONS:
            st.markdown(wording.plain(wording.sentence(decision.course(action))))
        proposed = f"Proposed by {decision.person(action.proposed_by)} {wording.when(action.created_at, now)}"
        expires = f"Expires {wording.when(action.expires_at, now)}" if action.expires_at else "No expiry yet"
        dates = f"{proposed} · {expires}" if action.status in vocabulary.OPEN_ACTIONS else proposed
        digest = wording.short_digest(action.evidence_digest)
        st.caption(f"{wording.plain(dates)} · Action `{wording.short_digest(action.action_id)}` · Evidence `{digest}`")


def verdicts(action: ActionDetail) -> None:
    """2: the checks, failed ones first, each with a word, a shape and its figures."""
    with st.container(key="dec-2", border=True):
        rows = decision.strip(action)
        if not rows:
            st.markdown("**No checks yet.**")
            st.caption(NO_EVIDENCE)
            _record(action)
            return
        failed = sum(row.ok is False for row in rows)
        unknown = sum(row.ok is None for row in rows)
        says = str((action.evidence or {}).get("says") or "")
        st.markdown(f"**{decision.in_short(action)}** {wording.plain(wording.sentence(says))}")
        if worse := decision.losses(action.evidence):
            mark = c.chip(vocabulary.VERDICTS["worse"])
            st.markdown("  \n".join(f"{mark} **{wording.plain(line)}**" for line in worse))
        st.caption(f"{failed} failed · {unknown} not known · {len(rows) - failed - unknown} passed")
        st.markdown(
            "  \n".join(
                f"{c.chip(vocabulary.CHECKS[row.ok])} **{wording.plain(row.name)}** "
                f"{wording.plain(wording.named(row.says))}"
                for row in rows
            )
        )
        _record(action)


def _record(action: ActionDetail) -> None:
    """How such actions went before: what stands in for a figure of confidence."""
    st.markdown(
        "  \n".join(f"**{wording.plain(what)}** {wording.plain(says)}" for what, says in track_record.told(action))
    )


def _rows(rows: list[decision.Comparison], first: str, pair: decision.Versions) -> list[dict[str, str]]:
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


def comparison(action: ActionDetail) -> None:
    """3: before and after on the same rows, as a table and as a picture of it."""
    pair = decision.versions_of(action)
    metrics = decision.comparisons(action.evidence, "metrics")
    segments = decision.comparisons(action.evidence, "segments")
    with st.container(key="dec-3"):
        c.section("Before and after", " ".join(decision.rested_on(action.evidence)))
        if not metrics:
            c.empty("Nothing compared yet", NO_EVIDENCE, key="comparison-empty")
            return
        c.table(_rows(metrics, "metric", pair), key="before-after", alt=f"Metrics of {pair.old} and {pair.new}")
        first = metrics[0]
        c.chart(
            charts.dot_and_whisker(decision.differences(metrics), c.colours()),
            key="before-after-chart",
            summary=f"{first.name} changes by {wording.signed(first.difference)} "
            f"{wording.interval(first.low, first.high, sign=True)}: {first.verdict}. Right of the line is better.",
            nothing="No differences.",
        )
        if segments:
            with st.expander(f"By segment ({len(segments)})", key="segments"):
                c.table(_rows(segments, "segment", pair), key="segments-table", alt="Segments before and after")


def reasons(action: ActionDetail) -> None:
    """4: why now, and which other explanations were looked at."""
    told = decision.why(action)
    with st.container(key="dec-4"):
        c.section("Why now")
        if told.cause:
            st.markdown(f"Diagnosis: **{wording.plain(told.cause)}**. {wording.plain(told.says)}")
        elif told.says:
            st.markdown(wording.plain(told.says))
        if told.facts_for:
            _list(told.facts_for)
        if told.facts_against:
            st.markdown("**Speaks against this diagnosis**")
            _list(told.facts_against)
        if told.rejected:
            st.markdown("**Considered and rejected**")
            _list(told.rejected)
        if not (told.cause or told.says or told.facts_for):
            st.caption("No reasons were stored with this action.")
        with st.container(horizontal=True, gap="medium"):
            st.page_link("pages/1_Performance.py", label="See performance", icon=":material/insights:")
            st.page_link("pages/2_Drift_Detection.py", label="See drift", icon=":material/waves:")
            st.page_link("pages/8_Data_Quality.py", label="See data quality", icon=":material/fact_check:")


def blast_radius(action: ActionDetail) -> None:
    """5: how much would be different."""
    with st.container(key="dec-5"):
        c.section("Blast radius")
        said = decision.radius(action.evidence)
        if said:
            _list(said)
        else:
            st.caption("Not measured yet: it comes with the evidence.")


def outcomes(action: ActionDetail, now: datetime) -> None:
    """6: what follows from approving, rejecting, waiting, and how it is undone."""
    follows = decision.consequences(action, now)
    with st.container(key="dec-6"):
        c.section("What happens")
        left, right = st.columns(2, gap="medium")
        with left, st.container(border=True, height="stretch"):
            st.markdown("**If you approve**")
            _list(follows.approve, ordered=True)
            st.markdown("**Undo**")
            _list(follows.undo)
        with right, st.container(border=True, height="stretch"):
            st.markdown("**If you reject**")
            _list(follows.reject)
            st.markdown("**If nobody decides**")
            _list(follows.nobody)


def exact_change(action: ActionDetail) -> None:
    """7: what is signed, to the letter."""
    with st.container(key="dec-7"), st.expander("The exact change", key="exact-change"):
        st.caption(f"An approval signs this evidence: `{action.evidence_digest or 'no evidence yet'}`")
        for title, part in (
            ("Parameters", action.params),
            ("Success test, written down before acting", action.success_test),
            ("Evidence", action.evidence),
            ("Diagnosis", action.why),
        ):
            if part:
                st.markdown(f"**{title}**")
                st.json(part, expanded=1)


def history(action: ActionDetail, now: datetime) -> None:
    """8: what people said and what happened to this action, from the audit log."""
    with st.container(key="dec-8"):
        c.section("History")
        rows = [
            {
                "when": wording.plain(wording.when(event.at, now)),
                "who": wording.plain(decision.person(event.actor)),
                "what": wording.plain(event.verb.removeprefix("action.").replace("_", " ")),
                "said": wording.plain(wording.named(event.details.get("comment") or event.details.get("says") or "")),
                "log no.": wording.count(event.seq),
            }
            for event in action.history
        ]
        if rows:
            c.table(rows, key="history-table", alt="What happened to this action")
        else:
            st.caption("Nothing is recorded about this action yet.")


def course(action: ActionDetail, figures: Sequence[MetricPoint]) -> None:
    """Who approved a change, and how many of the rows that must verify it are in."""
    if action.status != "verifying":
        st.markdown(wording.plain(wording.sentence(decision.course(action))))
        return
    seen = decision.watched(action, figures)
    st.progress(seen.share, text=wording.plain(seen.says))


def progress(action: ActionDetail, now: datetime) -> None:
    """Part of 10: the steps of carrying it out, as far as they are, and how it ended."""
    st.markdown(c.chip_for(vocabulary.ACTION_STATUSES, action.status))
    if action.outcome:
        st.markdown(wording.plain(wording.sentence(action.outcome)))
    if not action.steps:
        st.caption("No step has begun yet.")
        return
    rows = [
        {
            "step": wording.plain(step.step.replace("_", " ")),
            "state": "✓ done" if step.status == "done" else "◔ running",
            "began": wording.plain(wording.when(step.started_at, now)),
            "took": wording.span(step.finished_at - step.started_at) if step.finished_at else wording.NOTHING,
        }
        for step in action.steps
    ]
    c.table(rows, key="steps-table", alt="Steps of this action")
