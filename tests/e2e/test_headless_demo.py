"""`steward demo --headless --json` closes the loop by itself and says so in figures."""

import json
import subprocess
import sys

import psutil
import pytest

from tests.e2e.commands import ROOT


def _processes_of(home: str) -> list[str]:
    """The command lines of the processes that belong to this home."""
    found = [
        (process.info, " ".join(process.info["cmdline"] or []))
        for process in psutil.process_iter(["environ", "cmdline"])
    ]
    return [line for info, line in found if (info["environ"] or {}).get("STEWARD_HOME") == home or home in line]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_whole_loop_closes_by_itself(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "demo", "--headless", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout)
    assert report["closed"] is True
    assert [hospital["name"] for hospital in report["hospitals"]] == ["hungarian", "va", "switzerland"]
    for hospital in report["hospitals"]:
        assert hospital["rows"] > 50
        assert hospital["versions"] == [1]
        f1 = hospital["metrics"]["f1"]
        assert f1["low"] <= f1["value"] <= f1["high"]
    zurich = report["hospitals"][2]
    assert "data_fault" in {diagnosis["cause"] for diagnosis in zurich["diagnoses"]}
    assert "retrain_model" not in {action["action"] for action in zurich["actions"] if action["cause"] == "data_fault"}
    decision = report["decision"]
    primary = decision["evidence"]["metrics"][0]
    assert primary["metric"] == "f1"
    assert primary["difference"] == pytest.approx(primary["after"] - primary["before"], abs=1e-6)
    assert primary["low"] <= primary["difference"] <= primary["high"]
    assert primary["n"] >= 30
    assert decision["status"] == "succeeded"
    assert decision["reviewed_by"] == "anna"
    assert report["serving"]["version"] == decision["to_version"] != decision["from_version"]
    assert report["figures"]["loop_closed"]["ok"] is True
    assert _processes_of(environment["STEWARD_HOME"]) == []
