"""What a change touches and what follows, as figures: nothing is said that was not measured."""

from typing import Any

import pytest

from tests.dashboard.api import RETRAIN, FakeApi, evidence
from tests.unit.ui.test_decision import NOW, action
from ui.answers.questions import ActionReach
from ui.api_types import VersionDetail
from ui.decision import change, checks, consequences, glance, radius


def reach(**changes: Any) -> ActionReach:
    fake = FakeApi(now=NOW)
    for name, value in changes.items():
        setattr(fake.discussion, name, value)
    found = fake.discussion.get(f"/actions/{RETRAIN}/reach", fake)
    assert found is not None
    return ActionReach.model_validate(found[1])


def test_answers_that_change_have_a_share_an_interval_and_the_rows_they_rest_on() -> None:
    found = radius.answers(evidence())
    assert (found.value, found.note) == ("15.7 %", "[11.3, 21.4] %, 31 of 198 recent rows answered by both")


def test_traffic_and_callers_come_with_what_they_rest_on() -> None:
    assert radius.traffic(reach()).value == "759"
    assert radius.traffic(reach()).note == "18\u202f220 in the last 24 h, on 1 replica"
    assert [row["share"] for row in radius.callers(reach())] == ["90.0 %", "10.0 %"]
    assert "rows of the last 7 days (UTC) over all models" in radius.others(reach())


def test_without_traffic_or_callers_it_says_so() -> None:
    assert radius.traffic(reach(requests=0)).note == "nothing was answered in the last 24 h"
    assert radius.others(reach(callers=())) == "No API key was used in the last 7 days."
    assert (radius.traffic(None).value, radius.callers(None), radius.others(None)) == ("–", [], "")


def test_the_worst_parts_come_first_and_are_judged_by_their_interval() -> None:
    first, second = radius.worst(evidence())
    assert first == "sex = female: +0.050 [−0.040, +0.130], n = 41, inconclusive"
    assert second.endswith("better")
    assert radius.parts_looked_at(evidence()).startswith("Of 2 parts no one is worse for certain")
    bad = evidence()
    bad["segments"][1] |= {"difference": -0.2, "low": -0.3, "high": -0.1}
    assert radius.parts_looked_at(bad) == "1 of 2 parts would be worse for certain."
    assert radius.worst(bad)[0].startswith("age ≥ 60: −0.200")


def test_how_long_it_takes_is_said_only_where_it_was_measured() -> None:
    known = consequences.consequences(action(), NOW, reach())
    takes = {move.says: move.takes for move in known.approve}
    assert takes["v2 takes the place of v1."] == "6 s, median of 3 earlier changes"
    assert "It took effect in 6 s" in known.undo[0]
    unknown = consequences.consequences(action(), NOW, reach(took_s=None))
    assert [move.takes for move in unknown.approve] == ["", "", "", "at most 7 d"]
    assert "took effect" not in unknown.undo[0]
    assert consequences.took(None) == ""


def test_what_speaks_against_comes_surest_first_and_names_what_is_open() -> None:
    found = checks.against(action())
    assert [one.ok for one in found] == sorted((one.ok for one in found), key=lambda ok: ok is None)
    assert found[0].ok is False
    assert any(one.name == "Accuracy" and "includes zero" in one.says for one in found)


def test_four_figures_are_enough_to_begin_with() -> None:
    better, answers, waiting, record = glance.glance(action())
    assert (better.label, better.value) == ("F1, v1 → v2", "0.712 → 0.789")
    assert better.note == "+0.077 [+0.034, +0.121], n = 198: better"
    assert answers.value == "15.7 %"
    assert (waiting.value, waiting.note) == ("4.2 wrong answers", "[1.9, 6.8]")
    assert (record.value, record.note.partition(",")[0]) == ("Right 14 of 16", "2 taken back")
    cheap = evidence() | {"inaction": {"per_day": 1.0, "low": -2.0, "high": 4.0, "currency": "euros"}}
    assert glance.glance(action(evidence=cheap))[2].note == "[−2.0, 4.0]; it may cost nothing"


def test_the_exact_change_names_what_stays_too() -> None:
    fake = FakeApi(now=NOW)
    old, new = (VersionDetail.model_validate(fake.version_detail(number)) for number in (1, 2))
    new = new.model_copy(update={"hyperparameters": {"depth": 4}})
    lines = {line.what: line for line in change.lines(old, new)}
    assert lines["Algorithm"].differs
    assert not lines["Threshold"].differs
    assert (lines["Parameter C"].old, lines["Parameter C"].new) == ("0.5", "–")
    assert (lines["Parameter depth"].old, lines["Parameter depth"].new) == ("–", "4")
    assert lines["Artifact"].old == "abababab"
    assert all(line.old == "–" for line in change.lines(None, new) if line.what != "Parameter C")


@pytest.mark.parametrize("part", ["training", "holdout"])
def test_the_data_snapshot_is_told_with_rows_and_dates(part: str) -> None:
    said = change.snapshot(evidence() | ({"holdout": None} if part == "training" else {"training": None}))
    wanted = {
        "training": ["Learned from 501 rows: 303 original and 198 from traffic."],
        "holdout": ["Compared on 198 labelled rows, 2026-11-20T09:00 to 2026-11-21T09:00 UTC."],
    }
    assert said == wanted[part]
