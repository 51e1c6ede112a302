"""What stands around every page, asked again and again: who looks, what waits, how fresh it is, when to look anew."""

from typing import Any

import pytest

from api import habits
from tests.integration.api.conftest import Api, Installation, wait_until


def test_the_frame_says_who_looks_at_which_model_and_whether_anything_waits(api: Api) -> None:
    headers = api.sign_in("viewer")
    said = api.get("/frame", headers=headers).json()
    assert said["person"]["roles"] == ["viewer"]
    assert (said["model_name"], said["environment"], said["serving_version"]) == ("heart_disease", "development", 1)
    assert [model["name"] for model in said["models"] if model["default"]] == ["heart_disease"]
    assert said["pending"] == 0
    assert said["newest_prediction_at"] is None
    assert api.get("/frame?model=nothing", headers=headers).status_code == 404


def test_what_a_page_would_show_changes_the_mark_and_what_it_would_not_does_not(
    api: Api, installed: Installation
) -> None:
    headers = api.sign_in("operator")

    def mark() -> str:
        return str(api.get("/frame", headers=headers).json()["seen"])

    before = mark()
    api.predict(installed.keys.everything)
    wait_until(lambda: bool(installed.rows("SELECT 1 FROM predictions")), 5)
    assert mark() == before
    assert api.get("/frame", headers=headers).json()["newest_prediction_at"] is not None
    asked = api.post("/retrain", json={"reason": "because I want it"}, headers=headers)
    assert asked.status_code == 202
    assert (after := mark()) != before
    paused = api.post("/automation", json={"state": "paused", "reason": "the clinic asked"}, headers=headers)
    assert paused.status_code == 200
    assert mark() != after


def test_open_pages_do_not_have_a_quarter_of_decisions_read_every_few_seconds(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, real = api.sign_in("viewer"), habits.habits
    read: list[object] = []

    def counted(*given: Any) -> Any:
        read.append(given)
        return real(*given)

    monkeypatch.setattr(habits, "habits", counted)
    for path in ("/frame", "/frame", "/overview", "/frame"):
        assert api.get(path, headers=headers).status_code == 200
    assert len(read) == 1
    monkeypatch.setattr(habits, "REMEMBERED_S", -1.0)
    assert api.get("/frame", headers=headers).status_code == 200
    assert len(read) == 2, "and anew after a minute"
