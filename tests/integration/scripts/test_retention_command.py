"""`steward retention`: what is old goes by hand, too."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from typer.testing import CliRunner

from api.prediction_ids import new_ids
from database import unclaimed_labels
from database.connection import session_scope
from database.models import DeadLetter
from scripts.cli import app
from tests.integration.database.test_partitions import NOW, label


def test_labels_whose_prediction_never_came_go_by_hand_too(
    monkeypatch: pytest.MonkeyPatch, database_url: URL, engine: Engine, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("STEWARD_HOME", str(tmp_path))
    label(engine, new_ids(2, 0), NOW - timedelta(days=500))
    unclaimed_labels.find(engine, NOW)
    with session_scope(engine) as session:
        for name, days in (("old", 500), ("young", 300)):
            age = NOW - timedelta(days=days)
            session.add(DeadLetter(prediction_id=name, payload="{}", reason="refused", created_at=age))
    for option, dropped in ((), 0), (("--drop",), 2), (("--drop",), 0):
        done = CliRunner().invoke(app, ["retention", *option, "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["unclaimed_labels_dropped"] == dropped
        assert json.loads(done.stdout)["dead_letters_dropped"] == (1 if dropped else 0)
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT prediction_id FROM dead_letters")).all() == ["young"]
