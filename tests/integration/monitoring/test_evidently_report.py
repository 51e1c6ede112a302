"""The page a person opens: made from whatever the rows hold, noted on the window, and never fatal."""

import importlib
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.model_contract import ModelContract
from database.artifact_store import ArtifactStore
from database.errors import NotFoundError
from database.models import DriftReport
from database.queries import windows
from tests.integration.monitoring.world import World
from training.synthetic import synthetic_rows


@pytest.fixture(scope="module")
def made() -> Any:
    """The module. It loads Evidently, which takes seconds: not while every process that runs tests collects them."""
    return importlib.import_module("monitoring.evidently_report")


def frame(contract: ModelContract, hospital: str = "cleveland", n: int = 100, seed: int = 3) -> pd.DataFrame:
    rows, _ = synthetic_rows(hospital, n, seed)
    return pd.DataFrame(list(rows), columns=list(contract.feature_names))


def test_columns_are_made_readable_or_left_out_with_the_reason(made: Any, contract: ModelContract) -> None:
    reference, current = frame(contract), frame(contract)
    current["age"] = current["age"].map(str)
    current.loc[0, "oldpeak"] = np.inf
    current["chol"] = None
    current["thal"] = None
    del current["trestbps"]
    ready = made.prepare(reference, current, ["age", "oldpeak", "chol", "trestbps"], ["thal", "cp"])
    assert (ready.numeric, ready.category) == (["age", "oldpeak"], ["thal", "cp"])
    assert ready.skipped == {
        "chol": "0 usable values in the window, at least 10 are needed",
        "trestbps": "missing in the window",
    }
    assert np.isfinite(ready.current["oldpeak"].dropna()).all()
    assert set(ready.current["thal"]) == {made.MISSING}


def test_a_page_is_made_from_odd_columns_and_evidently_agrees_on_what_is_plain(
    made: Any, contract: ModelContract
) -> None:
    current = frame(contract, seed=4)
    current["chol"] = 0.0
    current["ca"] = None
    current["sex"] = 1
    page = made.make_page(contract, frame(contract, n=303), current)
    assert page.html.lstrip()[:6].lower() in {b"<!doct", b"<html>"}
    assert page.opinions["chol"].drifted
    assert not page.opinions["age"].drifted
    assert "ca" in page.skipped


def test_a_column_that_makes_evidently_raise_is_left_out_and_the_page_is_made(
    made: Any, contract: ModelContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = vars(made)["DataDriftPreset"]

    def touchy(columns: list[str]) -> Any:
        if "cp" in columns:
            raise ValueError("cannot stand this column")
        return real(columns=columns)

    monkeypatch.setattr(made, "DataDriftPreset", touchy)
    page = made.make_page(contract, frame(contract, n=303), frame(contract))
    assert page.skipped["cp"] == "Evidently cannot compare this column"
    assert set(page.opinions) == set(contract.feature_names) - {"cp"}


def test_a_window_nothing_of_which_can_be_compared_is_refused_in_a_sentence(made: Any, contract: ModelContract) -> None:
    with pytest.raises(NotFoundError, match="no column of the window can be compared"):
        made.make_page(contract, frame(contract), frame(contract, n=1).head(0))


def test_the_page_and_the_second_opinion_are_kept_with_the_window(made: Any, world: World, session: Session) -> None:
    rows, _ = synthetic_rows("switzerland", 100, 5)
    world.serve(rows)
    world.look()
    report = session.scalars(select(DriftReport)).one()
    closed, second = report.created_at, timedelta(seconds=1)
    assert windows.without_page(session, closed - second, closed + second, 5) == [report.window_id]
    assert windows.without_page(session, closed - second, closed - second / 2, 5) == []
    key = made.make_report(world.engine, world.settings, report.window_id)
    session.refresh(report)
    assert report.report_path == key
    assert windows.without_page(session, closed - second, closed + second, 5) == []
    page = ArtifactStore(world.settings.artifacts_dir).read(key, made.KIND)
    assert 1_000_000 < len(page.files[made.FILE]) < 8_000_000
    chol = next(entry for entry in report.features if entry["feature"] == "chol")
    assert chol["drifted"] is True
    assert chol["evidently"]["drifted"] is True
    assert made.make_report(world.engine, world.settings, report.window_id) == key


def test_a_window_that_is_not_there_is_not_found(made: Any, world: World) -> None:
    with pytest.raises(NotFoundError, match="no monitoring window with id 77"):
        made.make_report(world.engine, world.settings, 77)
