"""The steps of the weekly retrain, taken up again after one that failed."""

import json
from pathlib import Path

import pytest

from scripts.delivery import github, retrain
from scripts.delivery.retrain import STEPS, Retrain


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which steps are asked for; none of them does anything."""
    asked: list[str] = []

    def step(_: Retrain, name: str) -> int:
        asked.append(name)
        return 0

    monkeypatch.setattr(retrain, "_step", step)
    return asked


@pytest.mark.parametrize(
    ("found", "again"),
    [
        ({"validation.json": {"success": True}}, False),
        ({"validation.json": {"success": False}}, True),
        ({"gate.json": {"status": "passed"}}, False),
        ({"gate.json": {"status": "refused"}}, True),
    ],
)
def test_all_goes_on_after_what_was_done_and_never_past_what_was_refused(
    tmp_path: Path, ran: list[str], found: dict[str, object], again: bool
) -> None:
    ((file, said),) = found.items()
    (tmp_path / file).write_text(json.dumps(said))
    assert retrain.main(["all", "heart_disease", "--work", str(tmp_path)]) == 0
    step = next(name for name, (_, of) in STEPS.items() if of == file)
    assert (step in ran) == again
    assert ran == [name for name in STEPS if again or name != step]


def test_the_champion_is_of_this_model_and_not_of_one_whose_name_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = ["model-heart-0123456789ab", "model-heart-failure-0123456789ab"]
    said = json.dumps([{"tagName": tag, "publishedAt": f"2026-11-0{at}"} for at, tag in enumerate(tags, 1)])
    monkeypatch.setattr(github, "gh", lambda *_: said)
    found = github.newest_published("model-heart-")
    assert found is not None
    assert found.tag == tags[0]
