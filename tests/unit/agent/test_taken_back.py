"""After a change was taken back, the next of its kind needs more people: at once, and until one proved itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.core.choices import ActionProposal, PastAction
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import Diagnosis, diagnose
from agent.core.policy_replay import replay
from agent.core.proposals import MORE_PEOPLE
from agent.core.signals import Signals
from agent.core.track_record import Ended, Rule, distrusted
from config.agent_policy import AgentPolicy
from database.enums import ActionStatus, ActionType, Cause
from tests.unit.agent.signal_factory import NOW, POLICY, drifted, lost, signals, window
from tests.unit.agent.test_decision import LIVE, THIN
from tests.unit.agent.test_decision_properties import causes, concluded, histories, kinds, policies, quick, states
from tests.unit.agent.test_policy_replay import deed, look, now, record

A, S = ActionType, ActionStatus
HURT = window(5, lost(), **drifted(0.5))
SEEN = signals(HURT)
THIS: Rule = (A.RETRAIN_MODEL, Cause.COVARIATE_SHIFT_HARMFUL)
OTHER: Rule = (A.RETRAIN_MODEL, Cause.CONCEPT_DRIFT)


def page(more: int) -> AgentPolicy:
    return POLICY.model_copy(
        update={"escalation": POLICY.escalation.model_copy(update={"after_revert_approvers": more})}
    )


def retrain(
    *taken_back: Rule, more: int, history: tuple[PastAction, ...] = (), found: Signals = SEEN
) -> ActionProposal:
    choices = decide(diagnose(found), page(more), history, NOW, signals=found, taken_back=taken_back)
    return next(c for c in choices if isinstance(c, ActionProposal) and c.action_type is A.RETRAIN_MODEL)


def test_one_more_person_is_asked_and_told_why() -> None:
    asked = retrain(THIS, more=1)
    assert asked.approvers == 2
    assert asked.why[MORE_PEOPLE] == "the last such change was taken back, so 1 more person has to approve this one"
    assert "2 more people have" in retrain(THIS, more=2).why[MORE_PEOPLE]


def test_a_change_for_another_cause_is_asked_as_the_page_says() -> None:
    asked = retrain(OTHER, more=1)
    assert (asked.approvers, MORE_PEOPLE in asked.why) == (1, False)


def test_the_shipped_page_asks_no_more() -> None:
    assert POLICY.escalation.after_revert_approvers == 0
    asked = retrain(THIS, more=0)
    assert (asked.approvers, MORE_PEOPLE in asked.why) == (1, False)


def test_a_question_that_takes_over_an_older_one_does_not_repeat_its_reason() -> None:
    waits = replace(THIN, why={"says": "F1 fell", MORE_PEOPLE: "as it was then"})
    found = signals(window(1, lost()), window(2), incidents=LIVE)
    for more, people, told in ((1, 2, True), (0, 1, False)):
        asked = retrain(THIS, more=more, history=(waits,), found=found)
        assert (asked.supersedes, asked.why["says"]) == ((waits.action_id,), "F1 fell")
        assert (asked.approvers, MORE_PEOPLE in asked.why) == (people, told)
        assert asked.why.get(MORE_PEOPLE) != "as it was then"


def test_only_what_was_taken_back_last_is_distrusted() -> None:
    def ended(status: ActionStatus, days_ago: int, cause: Cause, **changes: Any) -> Ended:
        at = NOW - timedelta(days=days_ago)
        return replace(Ended(A.RETRAIN_MODEL, cause, status, True, False, 1, at), **changes)

    harmful, drift = THIS[1] or Cause.UNKNOWN, Cause.CONCEPT_DRIFT
    reverted = (ended(S.REVERTED, 400, harmful), ended(S.SUCCEEDED, 500, harmful))
    assert distrusted(reverted) == {THIS}
    assert distrusted((*reverted, ended(S.INCONCLUSIVE, 3, harmful))) == {THIS}
    assert distrusted((*reverted, ended(S.SUCCEEDED, 3, drift))) == {THIS}
    assert distrusted((*reverted, ended(S.SUCCEEDED, 3, harmful, dry_run=True))) == {THIS}
    assert distrusted((*reverted, ended(S.SUCCEEDED, 3, harmful))) == frozenset()


def test_a_replay_under_such_a_page_counts_what_had_been_taken_back_by_then() -> None:
    to_the_end = (S.GATHERING_EVIDENCE, S.PENDING_APPROVAL, S.APPROVED, S.EXECUTING, S.VERIFYING, S.REVERTED)
    before = deed(NOW - timedelta(days=2), "a", *to_the_end)
    after = deed(NOW + timedelta(days=2), "b", *to_the_end)
    kept = record(look(signals(HURT)), deeds=(before,))
    assert now(replay(kept, page(1)))[A.RETRAIN_MODEL] == "waits for 2 people"
    assert now(replay(kept, page(0)))[A.RETRAIN_MODEL] == "waits for 1 person"
    assert now(replay(replace(kept, deeds=(after,)), page(1)))[A.RETRAIN_MODEL] == "waits for 1 person"


@given(states, concluded, policies, histories, st.integers(0, 3), st.frozensets(st.tuples(kinds, causes)))
@quick
def test_the_record_only_ever_adds_people_and_changes_nothing_else(
    found: Signals,
    diagnoses: tuple[Diagnosis, ...],
    policy: AgentPolicy,
    history: tuple[PastAction, ...],
    more: int,
    taken_back: frozenset[Rule],
) -> None:
    strict = policy.model_copy(
        update={"escalation": policy.escalation.model_copy(update={"after_revert_approvers": more})}
    )
    trusted = decide(diagnoses, strict, history, NOW, signals=found)
    held = decide(diagnoses, strict, history, NOW, signals=found, taken_back=taken_back)
    for one, other in zip(trusted, held, strict=True):
        if not isinstance(one, ActionProposal) or not isinstance(other, ActionProposal):
            assert one == other
            continue
        asks_more = one.requires_approval and (one.action_type, one.cause) in taken_back
        assert other.approvers == one.approvers + (more if asks_more else 0)
        assert replace(other, approvers=one.approvers, why=one.why) == one
