"""What people in a hospital read: whole sentences, and no name that only this house uses."""

import json
import re
from datetime import timedelta

import pytest

from agent.core import wording
from agent.core.choices import ActionProposal, NoAction
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import diagnose
from agent.core.signals import Check, Replay, Signals
from config import vocabulary
from database.enums import ActionStatus, ActionType, Cause, MetricKind, Verdict
from tests.unit.agent.signal_factory import POLICY, drifted, failed, figure, label_figure, lost, past, signals, window
from training.evaluator import METRICS

CLEAN, ESTIMATED, PREDICTION = MetricKind.REALISED_CLEAN, MetricKind.ESTIMATED, MetricKind.PREDICTION
INTERNAL = re.compile(r"\w_\w|\bsupport\b|\b(?:f1|chol|thal)\b|[0-9a-f]{8}-[0-9a-f]{4}")
LOST_AUC = lost("roc_auc", 0.7, reference=0.9)
SITUATIONS: dict[str, Signals] = {
    "zeros": signals(
        window(1, lost(), lost(kind=CLEAN), LOST_AUC, suspect_n=48, n=50, labelled_n=50, **drifted(0.4),
               checks=(failed("sentinel", rows=48, n=50), failed("suspect_rows", "", 48, 50),
                       failed("expected", rows=48, n=50), failed("constant", rows=40, n=50),
                       Check("null_jump", "thal", Verdict.WARN, 20, 50, "Thallium scan"),
                       Check("duplicates", None, Verdict.WARN, 20, 50)))
    ),
    "harmful": signals(window(1, lost(), LOST_AUC, figure(value=0.63, kind=ESTIMATED), **drifted(0.5))),
    "concept": signals(window(1, lost(), LOST_AUC, figure(kind=ESTIMATED))),
    "prior": signals(
        window(1, lost(), figure("roc_auc", 0.9, reference=0.9)), reference_positive_share=0.2,
        recent_positive_share=(0.5, 0.42, 0.58, 100),
    ),
    "release": signals(window(1, lost()), previous_version_id=7, replay=Replay("f1", -0.2, -0.3, -0.1, 60, 7)),
    "harmless": signals(window(1, figure(), figure("roc_auc", 0.9, reference=0.9), **drifted(0.6))),
    "turned": signals(window(1, label_figure("labels_turned", Verdict.CRIT, 0.12, low=0.05, high=0.2))),
    "odd": signals(
        window(1, figure("positive_share", 0.95, reference=0.4, kind=PREDICTION, verdict=Verdict.CRIT), mature=False)
    ),
    "unsure": signals(
        window(1, figure("uncertain_share", 0.5, reference=0.1, kind=PREDICTION, verdict=Verdict.CRIT), mature=False)
    ),
    "calm": signals(window(1)),
}  # fmt: skip


def everything_said(found: Signals) -> list[str]:
    diagnoses = diagnose(found)
    history = (past(ActionType.RETRAIN_MODEL, ActionStatus.GATHERING_EVIDENCE),)
    said = [wording.headline(d.cause, found.serving) for d in diagnoses]
    for d in diagnoses:
        said += [d.says, *(f.says for f in (*d.facts_for, *d.facts_against)), *(r.why for r in d.rejected)]
    for past_actions in ((), history):
        for choice in decide(diagnoses, POLICY, past_actions, found.now, signals=found):
            said += [choice.why] if isinstance(choice, NoAction) else [choice.question]
    return said


@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_internal_name_is_read_by_anybody(situation: str) -> None:
    for sentence in everything_said(SITUATIONS[situation]):
        assert not INTERNAL.search(sentence), sentence


def test_a_column_of_zeros_is_told_as_a_person_would() -> None:
    (fault, *_) = diagnose(SITUATIONS["zeros"])
    assert fault.cause is Cause.DATA_FAULT
    assert fault.says == (
        "48 of 50 rows hold a value that no sound source sends; "
        "Serum cholesterol is outside 60 to 700 mg/dl in 48 of them"
    )


def test_quality_that_is_only_estimated_to_hold_is_called_estimated() -> None:
    guessed = window(1, figure(kind=ESTIMATED, trusted=True), mature=False, **drifted(0.5))
    (found,) = diagnose(signals(guessed))
    assert found.says.endswith("quality holds: estimated F1 0.820 [0.780, 0.860], n = 100")


def test_the_figure_of_a_loss_is_said_once() -> None:
    (found,) = diagnose(signals(window(1, LOST_AUC, figure("roc_auc", 0.71, kind=ESTIMATED), **drifted(0.5))))
    assert found.says.count("ROC-AUC 0.700") + found.says.count("fell to 0.700") == 1


def test_the_question_is_short_and_its_reason_keeps_interval_and_n() -> None:
    found = SITUATIONS["harmful"]
    asked = next(
        c for c in decide(diagnose(found), POLICY, (), found.now, signals=found)
        if isinstance(c, ActionProposal) and c.action_type is ActionType.RETRAIN_MODEL
    )  # fmt: skip
    assert asked.question == (
        "Replace v1 by a version that learned from recent rows? "
        "F1 fell to 0.620 [0.580, 0.660] from 0.820 in training, measured, n = 100."
    )


def test_an_explanation_that_was_rejected_gives_its_reason() -> None:
    (found,) = diagnose(SITUATIONS["prior"])
    why = {r.cause: r.why for r in found.rejected}
    assert why[Cause.DATA_FAULT] == "no check failed for certain on 100 rows"
    assert why[Cause.BAD_RELEASE] == "this is the first version that ever served"
    assert "changed share of positives explains more" in why[Cause.CONCEPT_DRIFT]


@pytest.mark.parametrize("name", ["suspect_rows", "expected", "sentinel", "constant", "null", "null_jump", "range",
                                  "categories", "column", "duplicates", "rows", "could_not_look", "unit",
                                  "swapped", "seen_differs"])  # fmt: skip
def test_every_check_is_a_sentence_about_a_column_with_its_rows(name: str) -> None:
    said = wording.check(failed(name, rows=3, n=50))
    assert not INTERNAL.search(said)
    assert name == "column" or "3 of 50 rows" in said


def test_everything_has_its_words() -> None:
    assert {str(c) for c in Cause} == set(vocabulary.CAUSES) == set(vocabulary.TITLES)
    assert {str(a) for a in ActionType} == set(vocabulary.ACTIONS)
    assert set(METRICS) <= set(vocabulary.METRICS)
    texts = json.dumps([vocabulary.CAUSES, vocabulary.TITLES, vocabulary.METRICS, vocabulary.ACTIONS])
    assert all("_" not in word for table in json.loads(texts) for word in table.values())


@pytest.mark.parametrize(
    ("length", "words"),
    [(timedelta(days=1), "1 day"), (timedelta(days=7), "7 days"), (timedelta(hours=2), "2 hours"),
     (timedelta(minutes=90), "90 min"), (timedelta(seconds=45), "45 s"), (timedelta(0), "0 s")],
)  # fmt: skip
def test_a_length_of_time_is_written_in_its_largest_whole_unit(length: timedelta, words: str) -> None:
    assert wording.span(length) == words
