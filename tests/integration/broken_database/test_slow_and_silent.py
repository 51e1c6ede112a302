"""PostgreSQL answers late, or not at all, or is gone and back: /predict answers, and nobody has to restart anything."""

import time

import pytest

from scripts.chaos.proxy import Mode, Proxy
from scripts.chaos.waiting import wait_until
from tests.integration.api.conftest import Api, Installation

ASKED = 60


def ask(api: Api, installed: Installation, times: int) -> list[str]:
    answers = [api.predict(installed.keys.everything) for _ in range(times)]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json()["prediction_id"] for answer in answers]


def stored(installed: Installation) -> set[str]:
    return {str(row[0]) for row in installed.rows("SELECT id FROM predictions")}


@pytest.mark.parametrize(("mode", "argument"), [(Mode.HANG, 0), (Mode.DELAY, 0.3), (Mode.REFUSE, 0), (Mode.CUT, 100)])
def test_predictions_are_answered_and_stored_once_the_database_is_well_again(
    api: Api, proxy: Proxy, installed: Installation, mode: Mode, argument: float
) -> None:
    told = ask(api, installed, 5)
    began = time.monotonic()
    proxy.switch(mode, argument)
    if mode is Mode.REFUSE:
        proxy.reset_all()
    told += ask(api, installed, ASKED)
    # An answer that waited for the database even once would cost more than all of them together.
    assert time.monotonic() - began < ASKED * 0.3 / 2
    assert api.get("/readyz").status_code == 200
    proxy.switch(Mode.OPEN)
    wait_until(lambda: stored(installed) == set(told), 20)
    assert len(told) == len(set(told)) == 5 + ASKED


def test_every_pool_finds_back_by_itself_after_its_connections_were_reset(
    api: Api, proxy: Proxy, installed: Installation
) -> None:
    headers = api.sign_in("viewer")
    for _ in range(3):
        proxy.reset_all()
        told = ask(api, installed, 1)
        wait_until(lambda: api.get("/overview", headers=headers).status_code == 200, 5)
        wait_until(lambda told=told: set(told) <= stored(installed), 5)
