"""The decision page leads with what speaks against, never calls a coin-flip better, and closes the door in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.dashboard.api import NEWER_DIGEST, RETRAIN, FakeApi
from ui.api_types import ActionDetail, MetricPoint
from ui.decision import (
    change,
    checks,
    consequences,
    course,
    evidence,
    glance,
    question,
    radius,
    standing,
    why,
)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def action(**changes: Any) -> ActionDetail:
    fake = FakeApi(now=NOW)
    for name in ("status", "risk", "interval", "why_not", "digest", "reviewed_by", "rows_seen"):
        if name in changes:
            setattr(fake, name, changes.pop(name))
    return ActionDetail.model_validate(fake.detail(RETRAIN) | changes)


def test_failed_checks_come_first_then_unknown_then_passed() -> None:
    order = [check.ok for check in checks.strip(action())]
    assert order == sorted(order, key=lambda ok: {False: 0, None: 1, True: 2}[ok])
    assert order[0] is False
    assert None in order


@given(low=some.floats(-1, 1), high=some.floats(-1, 1), said=some.sampled_from(["better", "worse", "inconclusive", ""]))
def test_an_interval_that_includes_zero_is_inconclusive_whatever_was_said(low: float, high: float, said: str) -> None:
    low, high = sorted((low, high))
    verdict = evidence.verdict_of(low, high, said)
    if low <= 0 <= high:
        assert verdict == "inconclusive"
    if high < 0:
        assert verdict == "worse"
    assert verdict in {"better", "worse", "inconclusive"}


def test_the_table_overrules_a_verdict_that_its_interval_does_not_bear() -> None:
    rows = {row.name: row.verdict for row in evidence.comparisons(action().evidence, "metrics")}
    assert rows == {"F1": "better", "ROC-AUC": "better", "Accuracy": "inconclusive", "Recall": "worse"}


@pytest.mark.parametrize(
    "odd_one",
    [None, {}, {"metrics": None}, {"metrics": ["x", 3]}, {"metrics": [{"metric": "f1"}]}, {"checks": [{}]},
     {"metrics": [{"metric": "f1", "low": "0", "high": True, "difference": "a"}], "holdout": [], "inaction": 3}],
)  # fmt: skip
def test_evidence_with_holes_is_read_without_a_crash_and_without_a_verdict(odd_one: Any) -> None:
    odd = action(evidence=odd_one, why={}, success_test=None)
    assert all(row.verdict == "inconclusive" for row in evidence.comparisons(odd_one, "metrics"))
    checks.strip(odd)
    assert radius.answers(odd_one).value == "–"
    assert radius.worst(odd_one) == []
    assert checks.against(odd) == [one for one in checks.against(odd) if one.ok is not True]
    assert len(glance.glance(odd)) == 4
    assert change.snapshot(odd_one) == []
    evidence.rested_on(odd_one)
    assert consequences.consequences(odd, NOW).approve
    assert why.why(odd).facts_for == []


def test_the_headline_names_both_versions_once_there_are_two() -> None:
    assert question.headline(action()) == "Replace v1 by v2 for Heart disease (development)?"
    assert (
        question.headline(action(action_type="rollback_model"))
        == "Go back from v1 to v2 for Heart disease (development)?"
    )
    early = action(to_version=None, evidence=None)
    assert question.headline(early) == "Replace heart_disease v1 by a version that learned from recent data?"


def test_why_now_keeps_the_explanations_that_were_rejected() -> None:
    told = why.why(action())
    assert told.cause == "harmful change of the inputs"
    assert told.facts_for[0] == "5 of 10 features moved, with 71 % of the influence (n = 100)."
    assert told.facts_against
    assert told.rejected[0] == "Faulty data from the source: The loss stays on rows without a failed check."


def test_doing_nothing_is_priced_with_its_interval() -> None:
    assert evidence.inaction(action()).startswith("4.2 [1.9, 6.8] wrong answers per day.")
    assert evidence.inaction(action(evidence=None)).startswith("4.0 [1.0, 7.0]")
    assert evidence.inaction(action(evidence=None, why={})) == ""


def test_what_happens_names_versions_undo_and_the_hour_of_expiry() -> None:
    follows = consequences.consequences(action(), NOW)
    assert any("v2 takes the place of v1" in move.says for move in follows.approve)
    assert "goes back to v1 by itself, once" in follows.triggers[0]
    assert "Models → v1 → Propose rollback" in follows.undo[0]
    assert "21 Nov 2026 14:12 UTC (in 5 h 12 min)" in follows.nobody[0]
    assert any("What goes on" in line for line in follows.reject)


def test_a_second_person_is_announced_when_one_is_needed() -> None:
    assert "1 other person must approve too" in consequences.consequences(action(risk="high"), NOW).approve[0].says
    assert not any("other person" in move.says for move in consequences.consequences(action(), NOW).approve)


def test_what_is_not_shown_to_be_better_is_not_called_worse() -> None:
    assert checks.in_short(action()) == "The evidence supports this, but not in everything."
    calm = action().model_copy(update={"evidence": {"metrics": [], "checks": [{"name": "a", "ok": True}]}})
    assert checks.in_short(calm) == "The evidence supports this."
    assert checks.in_short(action(recommended=False)) == "The evidence speaks against this."
    thin = action(recommended=False, evidence={"metrics": [], "checks": [{"name": "latency", "ok": True}]})
    assert checks.in_short(thin) == "The evidence does not decide this."


def row(name: str, difference: float, *, of: str = "metric") -> dict[str, Any]:
    low, high = difference - 0.05, difference + 0.05
    verdict = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
    return {of: name, "difference": difference, "low": low, "high": high, "n": 90, "verdict": verdict}


def states(odd: ActionDetail) -> dict[str, bool | None]:
    return {check.name: check.ok for check in checks.strip(odd)}


def test_whatever_is_surely_worse_is_said_in_words_and_is_a_failed_check() -> None:
    assert evidence.losses(action().evidence) == ["Recall falls by 0.058 [0.011, 0.102]."]
    assert states(action())["Recall"] is False
    hurt = {
        "metrics": [row("f1", 0.08), row("roc_auc", -0.02)],
        "segments": [row("Sex: female", -0.09, of="segment") | {"metric": "f1"}, row("Sex: male", 0.01, of="segment")],
        "since_onset": {"n": 40, "metrics": [row("f1", 0.01), row("accuracy", -0.07)]},
    }
    assert evidence.losses(hurt) == [
        "F1 falls by 0.090 [0.040, 0.140] for Sex: female.",
        "Accuracy falls by 0.070 [0.020, 0.120] on the rows since the incident began.",
    ]
    found = states(action(evidence=hurt))
    assert found == {"segments": False, "Accuracy since the incident began": False, "F1": True}
    assert checks.in_short(action(evidence=hurt, recommended=False)) == "The evidence speaks against this."


def test_what_the_rows_since_the_incident_began_support_is_not_failed_by_older_ones() -> None:
    since = {"n": 90, "metrics": [row("f1", 0.2), row("accuracy", 0.01)]}
    step = {"name": "no_step_back", "ok": False, "says": "f1 0.61, 0.70 before; 0.03 less will do"}
    turned = {"metrics": [row("f1", -0.09), row("accuracy", -0.07)], "since_onset": since, "checks": [step]}
    approved = action(evidence=turned | {"rests_on": "since_onset"}, recommended=True)
    unknown = {"F1": None, "Accuracy": None, "no step back": None}
    assert states(approved) == unknown | {"F1 since the incident began": True}
    assert not checks.speaks_against(approved)
    assert checks.in_short(approved) == "The evidence supports this, but not in everything."
    others = action(evidence=turned, recommended=True)
    assert states(others) == {"F1": False, "Accuracy": False, "no step back": False}
    assert checks.speaks_against(others)


def test_nothing_passes_on_a_figure_that_does_not_decide() -> None:
    step = {"name": "no_step_back", "ok": True, "says": "f1 0.70, 0.71 before; 0.03 less will do"}
    thin = {"metrics": [row("f1", -0.01)], "checks": [step, {"name": "latency", "ok": True}]}
    assert states(action(evidence=thin)) == {"F1": None, "no step back": None, "latency": True}
    sure = {"metrics": [row("f1", 0.08)], "checks": [step]}
    assert states(action(evidence=sure)) == {"F1": True, "no step back": True}
    assert states(action(evidence=sure, recommended=False)) == {"F1": None, "no step back": None}
    assert checks.in_short(action(evidence=sure, recommended=False)) == "The evidence does not decide this."
    failed = {"metrics": [row("f1", -0.01)], "checks": [step | {"ok": False}]}
    assert states(action(evidence=failed)) == {"F1": None, "no step back": False}


def test_while_it_is_verified_it_says_who_approved_and_how_many_rows_are_in() -> None:
    test = {"min_rows": 60, "max_rows": 240}
    moving = action(status="verifying", reviewed_by="person:anna", success_test=test)
    figures = [MetricPoint.model_validate(point) for point in FakeApi(now=NOW, status="verifying").verification()]
    seen = course.watched(moving, figures)
    assert seen.says == "Approved by anna, being verified: 62 of 60–240 labelled rows so far."
    assert seen.share == pytest.approx(62 / 240)
    nothing = course.watched(moving.model_copy(update={"success_test": None}), [])
    assert (nothing.says, nothing.share) == ("Approved by anna, being verified: 0 labelled rows so far.", 0.0)


def test_everybody_whose_approval_counted_is_named() -> None:
    vote: dict[str, Any] = {
        "decision": "approve",
        "comment": "",
        "reason_code": None,
        "evidence_digest": "x",
        "current": True,
    }
    vote |= {"decided_at": NOW}
    votes = [vote | {"user": "ada"}, vote | {"user": "eve", "current": False}, vote | {"user": "grace"}]
    both = action(status="executing", reviewed_by="person:grace", approvals=votes)
    assert course.course(both) == "approved by ada and grace, being carried out"


def test_only_the_highest_risk_asks_to_type_the_version() -> None:
    assert standing.asks_for_typed_version(action(risk="high"))
    assert not standing.asks_for_typed_version(action(risk="medium"))


def test_an_open_question_says_at_once_what_happens_if_it_is_wrong() -> None:
    assert consequences.if_wrong(action()).startswith("If v")
    assert "goes back to v" in consequences.if_wrong(action())
    assert consequences.if_wrong(action(status="approved")) == ""


def test_approving_against_a_failed_check_or_the_recommendation_needs_a_reason() -> None:
    assert checks.speaks_against(action())
    calm = action().model_copy(update={"evidence": {"metrics": [], "checks": [{"name": "a", "ok": True}]}})
    assert not checks.speaks_against(calm)
    assert checks.speaks_against(calm.model_copy(update={"recommended": False}))


@pytest.mark.parametrize(
    ("newest", "words"),
    [
        ({"status": "stale"}, "changed"),
        ({"status": "gathering_evidence"}, "still being gathered"),
        ({"status": "rejected", "reviewed_by": "person:grace"}, "rejected by grace"),
        ({"status": "verifying", "reviewed_by": "person:grace"}, "approved by grace, being verified"),
        ({"status": "expired"}, "no longer open: expired"),
        ({"status": "succeeded"}, "no longer open"),
        ({"expires_at": NOW - timedelta(seconds=1)}, "expired"),
        ({"evidence_digest": NEWER_DIGEST}, "newer evidence"),
        ({"version": 4}, "newer evidence"),
        ({"why_not": "you proposed it, so somebody else decides"}, "You proposed it"),
    ],
)
def test_the_buttons_are_closed_with_a_sentence(newest: dict[str, Any], words: str) -> None:
    found = standing.standing(action(), action(**newest), NOW)
    assert not found.open
    assert words in found.says


def test_the_buttons_are_open_when_nothing_stands_against_it() -> None:
    assert standing.standing(action(), action(), NOW).open


def test_people_are_shown_by_name_and_the_agent_as_the_agent() -> None:
    assert question.person("person:ada") == "ada"
    assert question.person("agent:agent-1") == "the agent"
    assert question.person("ada") == "ada"


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("cross_fitted", "answered by a model that had not learnt from it"),
        ("later_rows", "Neither version was trained"),
    ],
)
def test_it_says_truly_what_the_rows_were_to_each_version(method: str, says: str) -> None:
    told = " ".join(evidence.rested_on({"holdout": {"n": 400, "positives": 183, "method": method}}))
    assert says in told
    assert "400 recent labelled rows, 183 of them positive." in told


def test_the_rows_since_the_incident_speak_for_themselves() -> None:
    first = {"metric": "f1", "difference": 0.074, "low": -0.003, "high": 0.161, "verdict": "inconclusive"}
    told = evidence.since_onset({"since_onset": {"n": 76, "metrics": [first]}})
    assert told == "On the 76 rows since the incident began: F1 +0.074 [−0.003, +0.161], inconclusive."
    assert evidence.since_onset({}) is None


def test_what_becomes_of_the_part_that_lost_is_said_beside_the_rows() -> None:
    figures = [
        {"metric": "f1", "difference": 0.3, "low": 0.1, "high": 0.5, "verdict": "better"},
        {"metric": "accuracy", "difference": 0.21, "low": 0.1, "high": 0.32, "verdict": "better"},
    ]
    told = evidence.rested_on({"segment": {"of": "Site: B", "n": 60, "metrics": figures}})
    assert told == ["On the 60 rows of Site: B, which lost: Accuracy +0.210 [+0.100, +0.320], better."]
    assert evidence.mended({}) is None


def test_a_question_is_told_apart_from_its_reason() -> None:
    assert question.in_two("Replace v1? F1 fell.") == ("Replace v1?", "F1 fell.")
    assert question.in_two("ann asks to roll back (v1 serves)") == ("ann asks to roll back (v1 serves)", "")
    assert question.in_two("Replace v1?") == ("Replace v1?", "")
