"""Where a version comes from, as a graph no text can break, as a table, as a card, and beside another version."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.dashboard.api import FakeApi
from tests.dashboard.period import HOSTILE
from ui.answers.lineage import Lineage, VersionRows
from ui.api_types import ModelDetail, VersionDetail
from ui.explain import lineage, model_card, version_compare, versions

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
WORLD = FakeApi(now=NOW)
MODEL = ModelDetail.model_validate(WORLD.answered("/models/heart_disease"))
ROWS = VersionRows.model_validate(WORLD.answered("/models/heart_disease/lineage"))
_LINE = re.compile(r'  \w+\["[A-Za-z0-9 #;<>/br]*"\]|  \w+( (-->|-\.->) \w+)+|flowchart LR')


def way(number: int = 2, **changes: Any) -> Lineage:
    found = WORLD.answered(f"/models/heart_disease/versions/{number}/lineage")
    for name, value in changes.items():
        found[name] = found[name] | value if isinstance(found[name], dict) else value
    return Lineage.model_validate(found)


def detail(number: int, **changes: Any) -> VersionDetail:
    return VersionDetail.model_validate(WORLD.answered(f"/models/heart_disease/versions/{number}") | changes)


def test_the_graph_goes_from_the_rows_over_the_decision_to_what_served() -> None:
    drawn = lineage.graph(way(1))
    assert "data --> run --> artifact" in drawn
    assert "SERVED" in drawn
    assert "grace approved" in lineage.graph(way(2))


def test_a_version_that_never_served_says_so() -> None:
    found = way(2, deployments=[], votes=[])
    assert "NEVER SERVED" in lineage.graph(found)
    assert lineage.summary(found).endswith("and never served.")


@pytest.mark.parametrize(
    "hostile", [HOSTILE, '"] --> evil["', "x\n  evil --> data", "```\n# no fence", "%%{init: {}}%%"]
)
def test_no_text_can_end_a_label_begin_a_line_or_close_the_fence(hostile: str) -> None:
    vote = WORLD.answered("/models/heart_disease/versions/2/lineage")["votes"][0] | {"person": hostile}
    found = way(2, votes=[vote], data={"source": hostile}, run={"mlflow_run_id": hostile, "algorithm": hostile},
                artifact={"digest": hostile, "signed_by": [hostile]})  # fmt: skip
    lines = lineage.graph(found).split("\n")
    assert all(_LINE.fullmatch(line) for line in lines), [line for line in lines if not _LINE.fullmatch(line)]
    assert len(lines) == len(lineage.graph(way(2)).split("\n"))


def test_many_deployments_are_all_in_the_table_and_the_newest_in_the_graph() -> None:
    one = WORLD.answered("/models/heart_disease/versions/1/lineage")["deployments"][0]
    found = way(1, deployments=[one | {"generation": number} for number in range(1, 30)])
    assert lineage.graph(found).count("SERVED") == lineage.MOST_SERVED
    assert sum(row["step"].startswith("Served") for row in lineage.table(found)) == 29


def test_the_table_names_every_step_with_its_digest_and_its_people() -> None:
    rows = lineage.table(way(2))
    assert [row["step"] for row in rows][:6] == ["Asked", "Data snapshot", "Contract", "Run", "Artifact", "Approved"]
    said = " ".join(row["what"] for row in rows).replace("\\", "")
    expected = (
        "303 of the first version, 198 of traffic, 48 suspect ones left out",
        "✓ signed by f9ac865cd3634dc5",
        "grace, 30 Nov 2026 12:00 UTC: Better on every slice.",
    )
    assert [one for one in expected if one not in said] == []


def test_files_that_are_not_to_be_believed_are_never_called_signed() -> None:
    found = way(1, artifact={"fault": "model.onnx is not what its manifest says"})
    assert lineage.signature(found) == "✕ not to be believed"
    assert "not what its manifest says" in " ".join(row["what"] for row in lineage.table(found)).replace("\\", "")
    assert lineage.signature(way(1, artifact={"signed_by": []})) == "? nobody signed it"


def test_two_versions_are_not_said_to_differ_where_their_intervals_overlap() -> None:
    def with_f1(number: int, value: float) -> VersionDetail:
        return detail(
            number, metrics={"cv": {"f1": {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 9}}}
        )

    assert version_compare.metrics(with_f1(1, 0.80), with_f1(2, 0.84))[0]["both"] == "intervals overlap"
    assert version_compare.metrics(with_f1(1, 0.70), with_f1(2, 0.84))[0]["both"] == "intervals are apart"
    assert version_compare.metrics(with_f1(1, 0.70), detail(2, metrics={}))[0]["both"] == "–"


def test_what_differs_stands_before_what_is_the_same() -> None:
    rows = version_compare.settings(
        detail(1), detail(2, hyperparameters={"C": 1.5, "depth": 3}, threshold=0.4), way(1), way(2)
    )
    kinds = [row["same"] for row in rows]
    assert kinds == sorted(kinds, key=lambda kind: kind == "✓ same")
    by_name = {row["what"].replace("\\", ""): row for row in rows}
    assert (by_name["Parameter C"]["v1"], by_name["Parameter C"]["v2"]) == ("0\\.5", "1\\.5")
    assert by_name["Parameter depth"]["v1"] == "–"
    assert by_name["Contract"]["same"] == "✓ same"


def test_influences_stand_side_by_side_and_one_that_is_new_has_no_change() -> None:
    rows = version_compare.influence(
        detail(1, influence={"age": 0.3}), detail(2, influence={"age": 0.1, "sex": 0.4}), {"age": "Age"}
    )
    assert [row["input"] for row in rows] == ["sex", "Age"]
    assert rows[0]["v2 − v1"] == "–"
    assert rows[1]["v2 − v1"].replace("\\", "") == "−20.0 points"


def test_the_card_says_what_the_version_must_not_be_taken_for() -> None:
    row = ROWS.versions[0]
    limits = model_card.limits(MODEL, detail(2), row)
    assert any("no certainty" in one for one in limits)
    assert not any("made-up" in one for one in limits)
    synthetic = row.model_copy(update={"synthetic": True})
    assert model_card.limits(MODEL, detail(2), synthetic)[0].startswith("It learned from made-up rows")
    weak = row.model_copy(update={"primary": row.primary.model_copy(update={"low": 0.7}) if row.primary else None})
    assert any("may lie below the 0.750" in one for one in model_card.limits(MODEL, detail(2), weak))


def test_the_card_is_a_file_to_keep_and_the_same_for_programs() -> None:
    given = (MODEL, ROWS, ROWS.versions[0], detail(2), way(2), NOW)
    text = model_card.markdown(*given)
    assert text.startswith("# Heart disease, version 2\n")
    assert "signed by f9ac865cd3634dc5" in text
    found = json.loads(model_card.as_json(*given))
    assert found["version"]["version"] == 2
    assert found["lineage"]["votes"][0]["person"] == "grace"


def test_words_of_data_format_nothing_in_the_card() -> None:
    hostile = MODEL.model_copy(update={"title": "# [x](http://evil) *b*", "description": "`code` <b>"})
    text = model_card.markdown(hostile, ROWS, ROWS.versions[0], detail(2), way(2), NOW)
    assert "[x](http" not in text
    assert "<b>" not in text


def test_the_list_says_why_there_is_no_way_back_and_when_files_were_hashed() -> None:
    previous, serving = versions.rows(ROWS, NOW)
    assert previous["restorable"] == "✓ Yes, files hashed now"
    assert serving["restorable"] == "● Serves now"
    damaged = ROWS.versions[0].model_copy(update={"why_not_restorable": "Its files are damaged: a byte."})
    assert versions.restorable(damaged, NOW).replace("\\", "") == "✕ No. Its files are damaged: a byte."
