"""`steward bench serving` in small: our server and the echo, a moment each."""

import shutil

import pytest

from scripts.bench.serving import command
from scripts.bench.serving.figures import ECHO, OURS, PEERS
from scripts.bench.serving.load import BUNDLED
from scripts.bench.serving.rounds import Plan


@pytest.mark.slow
def test_ours_and_the_echo_are_compared_and_the_peers_are_named_as_left_out() -> None:
    said: list[str] = []
    plan = Plan(rounds=1, seconds=0.2, connections=(1, 16))
    report = command.run(
        command.Asked(with_peers=False, client=BUNDLED, plan=plan, params={"n_estimators": 5}), said.append
    )
    found = report.to_json()
    assert set(found["servers"]) == {OURS, ECHO}
    assert set(found["missing"]) == set(PEERS)
    for name in (OURS, ECHO):
        for pace in found["servers"][name]["connections"].values():
            assert pace["requests_per_s"] > 20
            assert pace["failed"] == 0
    assert 0 < found["figures"]["share_of_echo"]["value"] < 1.5
    assert found["figures"]["against_mlflow"]["ok"] is None
    assert found["setup"]["load"] == BUNDLED
    assert any("round 1 of 1" in line for line in said)


@pytest.mark.skipif(shutil.which("wrk") is not None, reason="wrk is here")
def test_a_client_that_is_not_here_is_refused() -> None:
    with pytest.raises(ValueError, match="wrk is not installed"):
        command.run(command.Asked(with_peers=False, client="wrk"), print)
