"""`steward notifications`: what did not arrive is listed and tried again, and channels are tried from the desk."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import URL, Engine
from typer.testing import CliRunner

from database.connection import session_scope
from database.enums import Topic
from database.messages import Message
from database.queries import outbox
from scripts import admin
from scripts.cli import app
from tests.integration.agent.receiver import receiving


@pytest.fixture(autouse=True)
def terminal(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    url = database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url.replace("postgresql+psycopg2://", "postgresql://"))
    monkeypatch.setattr(admin.out, "width", 80)


def test_a_dead_letter_is_listed_with_its_reason_and_tried_again(engine: Engine) -> None:
    with session_scope(engine) as session:
        outbox.put(session, Message("x", Topic.ACTION_FAILED, "demo", "It failed", "", {}))
        outbox.route(session, lambda *_: ["on-call"])
        claimed = outbox.claim(session, "on-call", timedelta(seconds=60))
        assert claimed is not None
        outbox.failed(session, claimed, "the receiver answered 410", None)
    run = CliRunner()
    shown = run.invoke(app, ["notifications", "list"]).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "It failed: the receiver answered 410" in " ".join(shown.split())
    (row,) = json.loads(run.invoke(app, ["notifications", "list", "--json"]).stdout)
    assert (row["status"], row["tries"], row["channel"]) == ("dead", 1, "on-call")
    assert run.invoke(app, ["notifications", "retry", str(row["delivery"])]).exit_code == 0
    (row,) = json.loads(run.invoke(app, ["notifications", "list", "--json"]).stdout)
    assert (row["status"], row["tries"]) == ("pending", 0)
    assert run.invoke(app, ["notifications", "retry", "999"]).exit_code == 1


def test_channels_are_tried_from_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner()
    assert "no channel is set up" in run.invoke(app, ["notifications", "test"]).stderr
    with receiving() as receiver:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", receiver.url)
        target = {"url": f"{receiver.url}/secret", "secret": "not base64!"}
        monkeypatch.setenv("NOTIFY_WEBHOOKS", json.dumps({"ops": target}))
        tried = run.invoke(app, ["notifications", "test", "--json"])
        assert run.invoke(app, ["notifications", "test", "slack"]).exit_code == 0
        unknown = run.invoke(app, ["notifications", "test", "slak"])
        assert "there is no channel slak; there are ops, slack" in unknown.stderr
    assert tried.exit_code == 1
    assert json.loads(tried.stdout) == {
        "slack": {"ok": True, "why": None},
        "ops": {"ok": False, "why": "its secret is not whsec_ followed by base64"},
    }
    assert len(receiver.came) == 2
