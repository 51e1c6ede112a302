"""Each kind of fault in rules, tests, runbooks and pages of Grafana is found in a copy that has it."""

import os
import shutil
from pathlib import Path

import pytest

from scripts.foreign_tools import MissingToolError, program
from scripts.proofs.configuration import dashboards, rules

ROOT = Path(__file__).resolve().parents[3]
SERVING = "docker/prometheus/rules/serving.yml"
PAGE = "docker/grafana/dashboards/serving.json"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files, without the tests of rules: they take ten seconds, and the proof of this tree runs them."""
    try:
        program("promtool", ""), program("amtool", "")
    except MissingToolError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    for part in ("docker/prometheus", "docker/alertmanager", "docker/grafana"):
        shutil.copytree(ROOT / part, tmp_path / part)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / rules.RUNBOOKS, tmp_path / rules.RUNBOOKS)
    for part in ("api", "agent", "monitoring", "config"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new, 1))


def without_tests(root: Path) -> list[str]:
    """The faults, but for those of tests that are not there."""
    shutil.rmtree(root / rules.TESTS)
    return [fault for fault in rules.faults(root) if not fault.startswith(rules.TESTS)]


RULES = [
    (
        SERVING,
        "expr: steward:predict_seconds:p99_rate5m > 0.25",
        "expr: steward:predict_seconds:p99_rate5m >",
        "parse error",
    ),
    (SERVING, "for: 10m", "four: 10m", "field four not found"),
    (
        SERVING,
        "max(steward_dead_letter_rows)",
        "max(steward_dead_leters)",
        "asks for steward_dead_leters, which nobody",
    ),
    (
        SERVING,
        "steward:spool_rows:ratio > 0.2",
        "steward:spool:ratio > 0.2",
        "asks for steward:spool:ratio, which nobody",
    ),
    (SERVING, "{severity: critical}", "{severity: urgent}", "the severity is one of critical, warning"),
    (SERVING, 'summary: "No API replica answers"', 'summary: ""', "ApiUnreachable has no summary"),
    (SERVING, "#deadletters", "#dead-letters", "DeadLetters: its runbook_url does not lead"),
    (rules.RUNBOOKS, "#### DeadLetters", "#### LettersDead", "DeadLetters has no paragraph"),
    (rules.RUNBOOKS, "#### DeadLetters", "#### LettersDead", "there is no alert LettersDead"),
    (rules.RUNBOOKS, "#### DeadLetters", "#### DeadLetters\n\n#### DeadLetters", "DeadLetters has 2 paragraphs"),
    (rules.PROMETHEUS, "scrape_interval", "scrape_intervall", "field scrape_intervall not found"),
    (rules.ALERTMANAGER, "receiver: team", "receiver: tema", "undefined receiver"),
    (rules.ALERTMANAGER, "alertname = ApiUnreachable", "alertname = ApiGone", "there is no alert ApiGone"),
]


@pytest.mark.parametrize(("path", "old", "new", "said"), RULES, ids=[one[3] for one in RULES])
def test_a_fault_in_the_rules_is_named_with_its_place(copy: Path, path: str, old: str, new: str, said: str) -> None:
    edit(copy, path, old, new)
    found = without_tests(copy)
    assert any(said in fault for fault in found), found
    assert all(fault.startswith(("docker/", "docs/")) for fault in found)


def test_an_alert_without_a_test_of_each_kind_and_a_test_that_fails_are_found(copy: Path) -> None:
    for path in (copy / rules.TESTS).glob("*.yml"):
        if path.name != "models.yml":
            path.unlink()
    edit(copy, "docker/prometheus/tests/models.yml", "name: MonitorBlind fires", "name: x")
    edit(copy, "docker/prometheus/tests/models.yml", "5000 rows behind", "4000 rows behind")
    found = list(rules.faults(copy))
    assert [fault for fault in found if fault.startswith("docker/prometheus/tests/models.yml: ")]
    assert f"{rules.TESTS}: no test shows that DeadLetters fires" in found
    assert f"{rules.TESTS}: no test shows when DeadLetters is quiet" in found
    assert f"{rules.TESTS}: no test shows that MonitorBlind fires" not in found


PAGES = [
    ('"title": "Dead letters"', '"titel": "Dead letters"', "Grafana does not know panels."),
    ("max(steward_dead_letter_rows)", "max(steward_dead_leters)", "asks for steward_dead_leters, which nobody tells"),
    ("max(steward_dead_letter_rows)", "max(steward_dead_letter_rows", "is no question Prometheus can read"),
    ('"title": "Dead letters"', '"title": "Letters"', "is not what the code builds"),
]


@pytest.mark.parametrize(("old", "new", "said"), PAGES, ids=[one[2] for one in PAGES])
def test_a_fault_in_a_page_of_grafana_is_named_with_its_place(copy: Path, old: str, new: str, said: str) -> None:
    edit(copy, PAGE, old, new)
    found = list(dashboards.faults(copy))
    assert any(said in fault and "serving.json" in fault for fault in found), found


def test_a_provisioning_file_of_another_form_is_found(copy: Path) -> None:
    edit(copy, "docker/grafana/provisioning/dashboards/steward.yml", "apiVersion: 1", "apiVersion: 2")
    assert list(dashboards.faults(copy)) == ["docker/grafana/provisioning/dashboards/steward.yml: apiVersion is 1"]
