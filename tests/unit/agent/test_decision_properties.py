"""Whatever is seen, concluded and remembered: nothing is ever done that the page does not allow."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.choices import ActionProposal, Choice, PastAction
from agent.core.cycle import choice_json
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import Diagnosis, diagnose
from agent.core.harm import Harm
from agent.core.observation import summary
from agent.core.recorded import Look, Record, diagnosis_of, signals_of
from agent.core.rules.finding import Fact
from agent.core.signals import Incident, Signals
from config.agent_policy import ActionRule, AgentPolicy, Escalation
from database.enums import CHANGING, ActionStatus, ActionType, Cause, IssueType, Risk, Severity, Verdict
from tests.unit.agent.signal_factory import NOW, drifted, lost, past, signals, window
from tests.unit.agent.test_decision import any_signals, windows

quick = settings(max_examples=40, deadline=None, derandomize=True)
kinds, causes = st.sampled_from(list(ActionType)), st.sampled_from(list(Cause))
spans = st.sampled_from(
    [timedelta(0), timedelta(minutes=10), timedelta(hours=3), timedelta(days=2), timedelta(days=20)]
)
levels = st.sampled_from(["observe", "suggest", "act"])


@st.composite
def rules(draw: st.DrawFn) -> ActionRule:
    risk = draw(st.sampled_from(["low", "low", "medium", "high"]))
    return ActionRule(
        risk=risk,
        decides=draw(st.sampled_from(["agent", "person"])) if risk == "low" else "person",
        approvers=draw(st.integers(1, 3)),
        cooldown=draw(spans),
        budget=draw(st.integers(0, 4)),
    )


policies = st.builds(
    AgentPolicy,
    actions=st.dictionaries(kinds, rules()),
    autonomy=st.dictionaries(st.sampled_from(["default", "heart_disease", "churn"]), levels),
    escalation=st.builds(Escalation, repeats=st.integers(1, 3), within=spans),
    stand_back=spans,
)


@st.composite
def deeds(draw: st.DrawFn) -> PastAction:
    made = NOW - draw(st.timedeltas(timedelta(0), timedelta(days=3)))
    return past(
        draw(kinds),
        draw(st.sampled_from(list(ActionStatus))),
        cause=draw(causes),
        created_at=made,
        ended_at=made + draw(st.floats(0, 1)) * (NOW - made),
        dry_run=draw(st.booleans()),
        evidence_seq=draw(st.none() | st.integers(0, 10)),
        recommended=draw(st.none() | st.booleans()),
        evidence_rows=draw(st.integers(0, 200)),
    )


histories = st.lists(deeds(), max_size=6).map(tuple)


@st.composite
def conclusions(draw: st.DrawFn) -> Diagnosis:
    """Any diagnosis, also such as no rule of today would make."""
    found = lost(value=draw(st.floats(0, 0.8)))
    loss = 0.82 - (found.value or 0.0)
    harmed = Harm(found, loss, loss - 0.04, loss + 0.04, 50, 5)
    return Diagnosis(
        draw(causes), draw(st.sampled_from(list(IssueType))), draw(st.sampled_from(list(Severity))), 0.9, "so it is",
        (Fact("seen"),), (), (), tuple(draw(st.lists(st.sampled_from([40, 50]), unique=True))),
        draw(st.none() | st.just(harmed)),
    )  # fmt: skip


incidents = st.lists(
    st.builds(Incident, st.integers(1, 9), causes, st.sampled_from(list(Severity)), st.none() | st.just(Severity.INFO)),
    max_size=2,
    unique_by=lambda one: one.cause,
).map(tuple)
states = st.builds(
    lambda told, older: signals(window(4, **older), window(5, lost(), **drifted(0.5)), incidents=told),
    incidents,
    st.sampled_from([{}, {"mature": False}, {"suspect_n": 40}]),
)
concluded = st.lists(conclusions(), max_size=4, unique_by=lambda one: one.cause).map(tuple)


def proposals(choices: tuple[Choice, ...]) -> list[ActionProposal]:
    return [choice for choice in choices if isinstance(choice, ActionProposal)]


@quick
@given(states, concluded, policies, histories, st.booleans())
def test_only_what_the_page_gives_to_the_agent_runs_by_itself_and_never_a_change_of_what_serves(
    found: Signals, diagnoses: tuple[Diagnosis, ...], policy: AgentPolicy, history: tuple[PastAction, ...], dry: bool
) -> None:
    level = policy.autonomy_of(found.model_name)
    for one in proposals(decide(diagnoses, policy, history, NOW, signals=found, dry_run=dry)):
        rule = policy.rule(one.action_type)
        assert one.risk is Risk[rule.risk.upper()]
        assert one.approvers == (rule.approvers if one.requires_approval else 0)
        assert one.dry_run == (dry or level == "observe")
        if not one.requires_approval:
            assert level != "suggest"
            assert one.action_type in policy.actions
            assert (rule.decides, rule.risk) == ("agent", "low")
            assert one.action_type not in CHANGING


@quick
@given(states, concluded, policies, histories, st.booleans())
def test_at_most_one_change_is_proposed_and_only_where_a_loss_was_shown_or_a_question_is_asked_anew(
    found: Signals, diagnoses: tuple[Diagnosis, ...], policy: AgentPolicy, history: tuple[PastAction, ...], dry: bool
) -> None:
    changing = [
        p for p in proposals(decide(diagnoses, policy, history, NOW, signals=found, dry_run=dry))
        if p.action_type in CHANGING
    ]  # fmt: skip
    anew = [p for p in changing if ":anew:" in p.dedupe_key]
    for one in (p for p in changing if p not in anew):
        assert any(d.cause is one.cause and d.harm is not None for d in diagnoses)
    assert len(changing) - len(anew) <= 1
    assert not anew or len(anew) == len(changing)
    asked = {p.action_id: p for p in history if p.open and not p.dry_run}
    for one in anew:
        (before,) = one.supersedes
        assert asked[before].status is ActionStatus.PENDING_APPROVAL
        assert asked[before].action_type is one.action_type


@quick
@given(states, concluded, policies, histories, st.booleans())
def test_the_budget_and_the_cool_down_of_the_page_hold(
    found: Signals, diagnoses: tuple[Diagnosis, ...], policy: AgentPolicy, history: tuple[PastAction, ...], dry: bool
) -> None:
    """But for a question in place of an open one, and for news that became graver, which no cool-down keeps back."""
    recorded = dry or policy.autonomy_of(found.model_name) == "observe"
    made = proposals(decide(diagnoses, policy, history, NOW, signals=found, dry_run=dry))
    for one in (p for p in made if not p.supersedes):
        rule = policy.rule(one.action_type)
        counted = [
            p for p in history
            if p.action_type is one.action_type and (p.dry_run or p.status is not ActionStatus.CANCELLED)
            and (recorded or not p.dry_run)
        ]  # fmt: skip
        assert sum(NOW - p.created_at < timedelta(days=1) for p in counted) < rule.budget
        graver = one.action_type is ActionType.SEND_ALERT and any(i.cause is one.cause for i in found.incidents)
        escalated = bool(one.params.get("escalation"))
        alike = [p for p in counted if one.action_type in CHANGING or p.cause is one.cause]
        if not graver and not escalated:
            assert all(NOW - p.created_at >= rule.cooldown for p in alike)


@quick
@given(states, concluded, policies, histories)
def test_what_was_proposed_once_is_not_proposed_again(
    found: Signals, diagnoses: tuple[Diagnosis, ...], policy: AgentPolicy, history: tuple[PastAction, ...]
) -> None:
    made = proposals(decide(diagnoses, policy, history, NOW, signals=found))
    keys = [p.dedupe_key for p in made]
    assert max(Counter(keys).values(), default=1) == 1
    done = tuple(
        past(
            p.action_type,
            ActionStatus.SUCCEEDED,
            cause=p.cause,
            dedupe_key=p.dedupe_key,
            created_at=NOW,
            dry_run=p.dry_run,
        )
        for p in made
    )
    again = proposals(decide(diagnoses, policy, (*history, *done), NOW, signals=found))
    assert not {p.dedupe_key for p in again} & set(keys)


@quick
@given(any_signals, policies, histories)
def test_a_blind_agent_concludes_and_does_nothing(
    found: Signals, policy: AgentPolicy, history: tuple[PastAction, ...]
) -> None:
    dark = replace(found, monitor_silent_s=None)
    assert diagnose(dark) == ()
    assert proposals(decide(diagnose(found), policy, history, NOW, signals=dark)) == []


@quick
@given(st.lists(windows(st.just(Verdict.INCONCLUSIVE)), min_size=1, max_size=3), policies)
def test_nothing_but_looking_follows_from_a_window_that_could_not_be_judged(
    found: list[object], policy: AgentPolicy
) -> None:
    """A stopped feed and rows that hold what no sound source sends are seen without any figure, and are told."""
    seen = signals(*found)  # type: ignore[arg-type]
    diagnoses = diagnose(seen)
    assert not {p.action_type for p in proposals(decide(diagnoses, policy, (), NOW, signals=seen))} & CHANGING
    assert all(d.harm is None for d in diagnoses)
    sound = signals(*(replace(w, suspect_n=0, labelled_n=w.n) for w in seen.windows))
    assert proposals(decide(diagnose(sound), policy, (), NOW, signals=sound)) == []


@quick
@given(any_signals, policies, st.booleans())
def test_what_is_decided_can_be_decided_again_from_what_was_recorded(
    found: Signals, policy: AgentPolicy, dry: bool
) -> None:
    """But for the words of a question. The order of windows in a record is that of their numbers."""
    whole = {w.seq: w for w in found.windows}
    found = replace(found, windows=tuple(whole[seq] for seq in sorted(whole)))
    diagnoses = diagnose(found)
    choices = decide(diagnoses, policy, (), found.now, signals=found, dry_run=dry)
    look = Look(found.now, summary(found), tuple(d.to_json() for d in diagnoses), tuple(map(choice_json, choices)), dry)
    record = Record(replace(found, windows=()), (look,), found.windows)
    seen = signals_of(record, look)
    again = decide(
        tuple(diagnosis_of(entry, seen) for entry in look.diagnoses), policy, (), look.at, signals=seen, dry_run=dry
    )

    def decided(made: tuple[Choice, ...]) -> list[dict[str, object]]:
        return [{name: part for name, part in choice_json(one).items() if name != "question"} for one in made]

    assert decided(again) == decided(choices)
