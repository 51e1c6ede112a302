"""A real Prometheus scrapes the real processes with our files, and answers every question of every page and rule."""

import os
import shutil

import pytest

from scripts.proofs.prometheus.__main__ import prove


@pytest.mark.lane
@pytest.mark.timeout(300)
def test_every_panel_and_rule_has_an_answer_and_a_killed_agent_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("prometheus") is None and not os.environ.get("CI"):
        pytest.skip("prometheus is not installed: apt install prometheus")
    faults = prove(print)
    assert faults == [], capsys.readouterr().out
