"""Telling people in Slack: what is said, and that it never fails what it is about."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.delivery import notice
from scripts.proofs.slack import Slack, webhook


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    with webhook() as found:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", found.url)
        monkeypatch.setenv("GITHUB_ACTOR", "ann")
        monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
        monkeypatch.setenv("GITHUB_REPOSITORY", "example/steward")
        monkeypatch.setenv("GITHUB_RUN_ID", "7")
        yield found


def test_what_who_how_long_and_where_to_look(slack: Slack, tmp_path: Path) -> None:
    report = {"status": "failure", "seconds": 61.2, "steps": ["api: healthy", "failed: <b>smoke</b> & more"]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    given = ["--what", "deploy abc", "--status", "success", "--report", str(tmp_path / "report.json")]
    assert notice.main(given) == 0
    assert slack.texts == [
        "❌ *deploy abc*: failure after 61 s\n"
        "by ann, <https://github.com/example/steward/actions/runs/7|open the run>\n"
        "• api: healthy\n"
        "• failed: &lt;b&gt;smoke&lt;/b&gt; &amp; more"
    ]


@pytest.mark.parametrize(("job", "icon"), [("failure", "❌"), ("cancelled", "⚪"), ("success", "✅")])
def test_a_job_that_failed_after_its_report_was_written_is_no_success(
    slack: Slack, tmp_path: Path, job: str, icon: str
) -> None:
    (tmp_path / "report.json").write_text('{"status": "success"}')
    notice.main(["--what", "retrain", "--status", job, "--report", str(tmp_path / "report.json")])
    assert slack.texts[-1].startswith(f"{icon} *retrain*: {job}")


def test_a_bad_moment_of_slack_passes(slack: Slack) -> None:
    slack.statuses.extend([503, 429])
    assert notice.main(["--what", "retrain", "--status", "success"]) == 0
    assert len(slack.texts) == 1


def test_a_webhook_that_was_taken_away_fails_nothing_and_its_address_is_not_printed(
    slack: Slack, capsys: pytest.CaptureFixture[str]
) -> None:
    slack.statuses.extend([404, 404])
    assert notice.main(["--what", "retrain", "--status", "success"]) == 0
    said = capsys.readouterr()
    assert "nobody was told: Slack answered 404" in said.err
    assert "a-secret" not in said.err + said.out
    assert slack.statuses == [404], "what is refused for good is not repeated"


def test_what_the_platform_answered_is_told_and_half_a_report_is_none(slack: Slack, tmp_path: Path) -> None:
    report = tmp_path / "asked.json"
    report.write_text('{"asked": true, "action_id": "a-1", "status": "pending_approval", "outcome": null}')
    given = ["--what", "retrain", "--status", "success", "--report", str(report), "--line", "decide at x", "--line", ""]
    assert notice.main(given) == 0
    assert slack.texts[-1].startswith("🟡 *retrain*: pending_approval\n")
    assert slack.texts[-1].endswith("• action id: a-1\n• decide at x")
    report.write_text("")
    assert notice.main(given) == 0
    assert slack.texts[-1].startswith("✅ *retrain*: success\n")


def test_without_an_address_it_is_said_that_nobody_was_told(
    slack: Slack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("SLACK_WEBHOOK_URL")
    missing = str(tmp_path / "never-written.json")
    assert notice.main(["--what", "retrain", "--status", "failure", "--report", missing]) == 0
    assert "SLACK_WEBHOOK_URL is not set" in capsys.readouterr().out
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "http://slack.example.org/hook")
    assert notice.main(["--what", "retrain", "--status", "failure"]) == 0
    assert "is no https address" in capsys.readouterr().err
    assert slack.texts == []
