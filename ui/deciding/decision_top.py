"""The first two blocks of the decision page: what is asked, and what speaks against and for it."""

from datetime import datetime

import streamlit as st

from ui import components as c
from ui import vocabulary, wording
from ui.api_types import ActionDetail
from ui.decision import checks, consequences, course, evidence, question
from ui.decision.glance import glance
from ui.decision.radius import Measure
from ui.vocabulary import Sign

NO_EVIDENCE = "The evidence is still being gathered: the new version is trained and compared before anybody is asked."
_VERDICTS = {
    True: Sign("Supported", "●", "green"),
    False: Sign("Spoken against", "▼", "red"),
    None: Sign("Undecided", "○", "gray"),
}


def draw_question(action: ActionDetail, now: datetime) -> None:
    """1: the question as a sentence, its risk, who asks and who decides, until when, and what a decision signs."""
    with st.container(key="dec-1", gap="small"):
        with st.container(key="question", gap="small"):
            st.title(wording.plain(question.headline(action)), anchor=False)
            if why := question.in_two(action.question)[1]:
                st.markdown(wording.plain(wording.sentence(why)))
        st.markdown(" ".join(_chips(action)))
        if action.status in vocabulary.MOVING_ACTIONS:
            st.markdown(wording.plain(wording.sentence(course.course(action))))
        with st.container(key="grid-facts", horizontal=True, gap="medium"):
            _fact("Proposed by", question.asked(action, now))
            _fact(*question.deadline(action, now))
            _fact("Who decides", question.quorum(action))
            _digest(action)
        if asleep := question.asleep(action, now):
            st.info(wording.plain(asleep))


def _chips(action: ActionDetail) -> list[str]:
    people = f" · {wording.plural(action.approvers_needed, 'person', 'people')}" if action.approvers_needed else ""
    risk = vocabulary.RISKS.get(action.risk, vocabulary.UNKNOWN)
    return [
        c.chip(risk, f"{risk.word}{people}"),
        c.chip_for(vocabulary.ACTION_STATUSES, action.status),
        *([c.tag(f"{action.approvals_given} of {action.approvers_needed} approved")] if action.approvals_given else []),
        *([c.tag("Dry run: nothing will change")] if action.dry_run else []),
    ]


def _fact(name: str, says: str) -> None:
    with st.container(gap=None):
        st.caption(name)
        st.markdown(wording.plain(says))


def _digest(action: ActionDetail) -> None:
    """The digest that an approval signs, whole and ready to be copied."""
    with st.container(gap=None):
        st.caption("What is signed")
        with st.popover(f"Evidence {wording.short_digest(action.evidence_digest)}", key="digest", type="tertiary"):
            st.caption("sha256 of the evidence, which an approval signs")
            st.code(action.evidence_digest or "no evidence yet", language=None, wrap_lines=True)
            st.caption("Number of this action")
            st.code(action.action_id, language=None, wrap_lines=True)


def draw_verdict(action: ActionDetail) -> None:
    """2: one sentence, what speaks against it, four figures, and every check folded behind them."""
    with st.container(key="dec-2"):
        rows = checks.strip(action)
        if not rows:
            with st.container(border=True):
                st.markdown("**No checks yet.**")
                st.caption(NO_EVIDENCE)
            return
        stands = action.recommended or (False if any(row.ok is False for row in rows) else None)
        with st.container(key=f"verdict-{_VERDICTS[stands].word.split()[0].lower()}", border=True):
            says = str((action.evidence or {}).get("says") or "")
            st.markdown(f"#### {_VERDICTS[stands].shape} {wording.plain(checks.in_short(action))}")
            st.markdown(wording.plain(wording.sentence(says)))
            _against(action)
            measures(glance(action), "glance")
            if wrong := consequences.if_wrong(action):
                st.markdown(f"**If it is wrong:** {wording.plain(wrong)}")
            _passed(action, rows)


def _against(action: ActionDetail) -> None:
    found = checks.against(action)
    with st.container(key="against", gap="small"):
        st.markdown("**What speaks against it**")
        if not found:
            st.caption("No check failed, and every one of them could be judged.")
            return
        if worse := evidence.losses(action.evidence):
            mark = c.chip(vocabulary.VERDICTS["worse"])
            st.markdown("  \n".join(f"{mark} **{wording.plain(line)}**" for line in worse))
        st.markdown("  \n".join(_line(one) for one in found))


def _line(one: checks.Against | checks.Check) -> str:
    name = wording.named(one.name)
    still_open = isinstance(one, checks.Against) and one.open
    sign = vocabulary.VERDICTS["inconclusive"] if still_open else vocabulary.CHECKS[one.ok]
    return f"{c.chip(sign)} **{wording.plain(name[:1].upper() + name[1:])}** {wording.plain(wording.named(one.says))}"


def measures(found: list[Measure], key: str) -> None:
    """Figures side by side, each with what it rests on."""
    with st.container(key=f"grid-{key}", horizontal=True, gap="medium"):
        for one in found:
            with st.container(gap=None):
                st.metric(wording.plain(one.label), wording.plain(one.value))
                st.caption(wording.plain(one.note))


def _passed(action: ActionDetail, rows: list[checks.Check]) -> None:
    names = [c.chip(vocabulary.CHECKS[True], check.name) for check in checks.passed(action)]
    failed, unknown = sum(row.ok is False for row in rows), sum(row.ok is None for row in rows)
    if names:
        st.markdown(" ".join(names))
    counted = f"{failed} failed · {unknown} not known · {len(rows) - failed - unknown} passed"
    with st.expander(f"All {len(rows)} checks with their figures: {counted}", key="all-checks"):
        st.markdown("  \n".join(_line(row) for row in rows))
