"""Evidence on a real database: traffic that changed, a challenger trained on what can be trusted, versions replayed."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from loguru import logger
from sqlalchemy import URL, Engine, select
from sqlalchemy.orm import Session

from config.model_contract import ModelContract, load_contract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.enums import ActionType, Cause, DataSource, IssueType, LabelFigure, MetricKind, Verdict, WindowStatus
from database.models import (
    AgentAction,
    Alert,
    Label,
    ModelVersion,
    MonitoringWindow,
    PerformanceMetric,
    Prediction,
    QuarantinedRow,
)
from database.queries import model_versions
from database.queries.audit import SYSTEM, digest_of
from tests.conftest import Prepare
from tests.integration.training.conftest import settings_at
from tests.serving_factories import PERSON
from training import challenger, dataset, evidence_command, recent, rollback_evidence, serving_artifact, train_pipeline
from training.feature_engineering import Row
from training.model_factory import load_candidates
from training.train_pipeline import train

Answer = dict[str, Any]


@pytest.fixture(autouse=True, scope="module")
def one_candidate() -> Iterator[None]:
    page = {"logistic_regression": load_candidates()["logistic_regression"]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train_pipeline, "load_candidates", lambda: page)
        yield


def patients(n: int, kind: str = "old", seed: int = 0) -> tuple[list[Row], list[int]]:
    """Whoever is sick is `old`, or `young`, or of middle age with a slow `heart`; one in nine against the rule."""
    rows: list[Row] = []
    labels = []
    for at in range(seed, n + seed):
        marked = at % 2 == 0
        middle = kind == "heart"
        rows.append(
            {
                "age": (46 if middle else 60 if marked else 35) + at % 7,
                "sex": at // 2 % 2,
                "cp": 1 + at // 4 % 4,
                "trestbps": 120,
                "chol": 200 + at % 50,
                "fbs": 0,
                "restecg": 0,
                "thalach": (90 if marked else 190) if middle else 150,
                "exang": 0,
                "oldpeak": 0.5,
                "slope": 1,
                "ca": 0,
                "thal": 3,
            }
        )
        labels.append(int((marked != (kind == "young")) != (at % 9 == 0)))
    return rows, labels


@dataclass
class World:
    """A served model and its traffic."""

    engine: Engine
    settings: Settings
    contract: ModelContract
    version: ModelVersion
    now: datetime

    def receive(self, rows: list[Row], labels: list[int | None], *, mature: bool = True) -> list[UUID]:
        """A window of answered rows, with labels where they are known."""
        ids = [uuid4() for _ in rows]
        begin = self.now
        with Session(self.engine) as session, session.begin():
            for key, row, label in zip(ids, rows, labels, strict=True):
                session.add(self._prediction(key, row))
                if label is not None:
                    session.add(Label(prediction_id=key, revision=1, value=label, key_id="k", observed_at=self.now))
                self.now += timedelta(milliseconds=1)
            window = MonitoringWindow(
                model_name=self.contract.name,
                model_id=self.version.id,
                seq=int(begin.timestamp() * 1000),
                from_at=begin,
                to_at=self.now,
                status=WindowStatus.MATURE if mature else WindowStatus.CLOSED,
                n=len(rows),
            )
            session.add(window)
        return ids

    def _prediction(self, key: UUID, row: Row) -> Prediction:
        return Prediction(
            id=key,
            model_id=self.version.id,
            model_name=self.contract.name,
            generation=1,
            key_id="k",
            request_id="r",
            features=row,
            prediction=0,
            probability=0.1,
            threshold=0.5,
            latency_ms=1.0,
            created_at=self.now,
        )

    def ask(
        self,
        kind: ActionType = ActionType.RETRAIN_MODEL,
        *,
        onset: datetime | None = None,
        harmed: str | None = None,
        harm: dict[str, Any] | None = None,
        told: dict[str, Any] | None = None,
        **params: Any,
    ) -> UUID:
        """An action; with `onset`, about an incident that the window beginning then showed first."""
        action_id = uuid4()
        with Session(self.engine) as session, session.begin():
            alert = None if onset is None else self._alert(session, onset)
            action = AgentAction(
                action_id=action_id, model_name=self.contract.name, action_type=kind, risk_level=3,
                requires_approval=True, approvers_needed=1, status="proposed", dedupe_key=str(action_id),
                cause=None, question="?", why={"harm": harm or {"metric": harmed}} if harm or harmed else {},
                params=params | (told or {}), proposed_by="agent:test", alert_id=alert.id if alert else None,
            )  # fmt: skip
            session.add(action)
        return action_id

    def ask_quietly(self, onset: datetime) -> UUID:
        """A try nobody is asked about unless it is surely better."""
        return self.ask(told={"onset": onset.isoformat()}, quiet=True)

    def _alert(self, session: Session, onset: datetime) -> Alert:
        window = session.scalars(select(MonitoringWindow).where(MonitoringWindow.from_at == onset)).one()
        alert = Alert(
            model_name=self.contract.name, alert_type=IssueType.PERFORMANCE_DEGRADATION,
            cause=Cause.COVARIATE_SHIFT_HARMFUL, severity="warning", title="?", message="?", evidence={},
            first_window_id=window.id, last_window_id=window.id,
        )  # fmt: skip
        session.add(alert)
        session.flush()
        return alert

    def serve(self, version_id: int) -> None:
        """That version serves from now on."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            version = model_versions.get(session, version_id)
            model_versions.activate(session, PERSON, version, expected_active_id=self.version.id, reason="test")
            session.refresh(version)
            self.version = version
        self.now = max(self.now, datetime.now(UTC) + timedelta(seconds=1))

    def activate(self, rows: list[Row], labels: list[int]) -> ModelVersion:
        """A new version trained on these rows serves from now on."""
        store = ArtifactStore(self.settings.artifacts_dir)
        made = dataset.store(
            store, self.contract, dataset.frame_of(self.contract, rows, labels, "made"), DataSource.FILE
        )
        version = train(self.engine, self.settings, self.contract, made, actor=SYSTEM, action_id=uuid4())
        self.serve(version.id)
        return self.version


@pytest.fixture(scope="module")
def first(prepared: Prepare, one_candidate: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:  # noqa: ARG001
    """A first version, trained once: the database and the home to copy."""
    settings = settings_at(tmp_path_factory.mktemp("first"))
    contract = load_contract("heart_disease", settings.platform.contracts_dir)
    frame = dataset.frame_of(contract, *patients(120), "first")
    made = dataset.store(ArtifactStore(settings.artifacts_dir), contract, frame, DataSource.FILE)
    name = prepared(lambda engine: train(engine, settings, contract, made, actor=SYSTEM, activate=True))
    return name, settings.platform.home


@pytest.fixture(scope="module")
def template(first: tuple[str, Path]) -> str:
    return first[0]


@pytest.fixture
def world(engine: Engine, settings: Settings, contract: ModelContract, first: tuple[str, Path]) -> World:
    """The first version serves."""
    shutil.copytree(first[1], settings.platform.home)
    with Session(engine, expire_on_commit=False) as session:
        version = model_versions.active(session, contract.name)
    assert version is not None
    return World(engine, settings, contract, version, datetime.now(UTC) + timedelta(seconds=1))


@pytest.fixture
def run(world: World, database_url: URL, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run an evidence command as the agent does and read its last line."""
    monkeypatch.setattr(evidence_command, "Settings", lambda: world.settings)
    monkeypatch.setattr(evidence_command, "agent_database_url", lambda _settings: database_url)

    def asked(module: Any, action_id: UUID, code: int = 0) -> Answer:
        try:
            assert module.main(["--action-id", str(action_id)]) == code
        finally:
            logger.remove()
        answer: Answer = json.loads(capsys.readouterr().out.splitlines()[-1])
        return answer

    return asked


def known(labels: list[int]) -> list[int | None]:
    return list(labels)


def _known(given: tuple[list[Row], list[int]]) -> tuple[list[Row], list[int | None]]:
    return given[0], known(given[1])


def test_a_challenger_that_learnt_the_new_world_is_shown_to_be_better(
    world: World, run: Any, copies: list[int]
) -> None:
    rows, labels = patients(240, "heart")
    zeros: list[Row] = [{**row, "chol": 0} for row in rows[:20]]
    world.receive(zeros, known(labels[:20]))
    world.receive(rows, known(labels))
    action_id = world.ask()
    answer = run(challenger, action_id)
    assert answer["ok"] is True
    assert copies
    evidence = answer["evidence"]
    primary = evidence["metrics"][0]
    assert (primary["metric"], primary["verdict"], primary["n"]) == ("f1", "better", 240)
    assert primary["after"] > 0.8 > 0.65 > primary["before"]
    assert evidence["recommendation"] == "approve"
    assert answer["recommended"] is True
    assert (evidence["holdout"]["method"], evidence["holdout"]["n"]) == ("cross_fitted", 240)
    assert "since_onset" not in evidence
    assert evidence["training"].pop("labels_read_at") <= datetime.now(UTC).isoformat()
    assert evidence["training"] == {
        "rows": 360, "original_rows": 120, "traffic_rows": 240, "quarantined_rows": 0, "suspect_rows_left_out": 20,
        "equal_rows_left_out": 0,
    }  # fmt: skip
    assert evidence["champion"]["version"] == 1
    assert answer["to_version_id"] == evidence["challenger"]["version_id"]
    assert digest_of(evidence)
    again = run(challenger, action_id)
    assert again["to_version_id"] == answer["to_version_id"]
    assert again["evidence"]["holdout"] == evidence["holdout"]
    assert again["evidence"]["metrics"] == evidence["metrics"]


def test_a_flood_of_one_row_is_thinned_out_and_the_evidence_says_so(world: World, run: Any) -> None:
    """Six hundred of one healthy-looking row, all labelled sick, after what people sent."""
    rows, labels = patients(240, "heart")
    world.receive(rows, known(labels))
    poison: Row = {**rows[1], "age": 61.5}
    world.receive([dict(poison) for _ in range(600)], [1] * 600)
    evidence = run(challenger, world.ask())["evidence"]
    assert (evidence["training"]["traffic_rows"], evidence["training"]["equal_rows_left_out"]) == (244, 596)
    assert evidence["metrics"][0]["verdict"] == "better"
    (check,) = (one for one in evidence["checks"] if one["name"] == "equal_rows")
    assert check["ok"] is None
    assert check["says"].startswith("596 rows equal to others")


def test_many_rows_are_split_by_time_and_the_later_ones_judge(
    world: World, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "CROSS_FITTED_BELOW", 240)
    rows, labels = patients(240, "heart")
    world.receive(rows, known(labels))
    action_id = world.ask()
    evidence = run(challenger, action_id)["evidence"]
    assert (evidence["holdout"]["method"], evidence["holdout"]["n"]) == ("later_rows", 120)
    assert (evidence["metrics"][0]["verdict"], evidence["training"]["traffic_rows"]) == ("better", 120)
    assert run(challenger, action_id)["evidence"]["holdout"] == evidence["holdout"]


def test_an_incident_shows_the_figures_since_it_began(world: World, run: Any) -> None:
    world.receive(*_known(patients(100)))
    onset = world.now
    world.receive(*_known(patients(120, "heart")))
    evidence = run(challenger, world.ask(onset=onset, harmed="accuracy"))["evidence"]
    assert (evidence["holdout"]["n"], evidence["since_onset"]["n"]) == (120, 120), "the newer rows taught alone"
    assert (evidence["training"]["since_onset_only"], evidence["training"]["original_rows"]) == (True, 0)
    assert [one["metric"] for one in evidence["since_onset"]["metrics"]] == [
        one["metric"] for one in evidence["metrics"]
    ]
    assert evidence["since_onset"]["metrics"][0]["verdict"] == "better"
    assert evidence["recommendation"] == "approve"
    assert "accuracy" in evidence["says"]
    assert "On the 120 rows since the incident began" in evidence["says"]
    assert digest_of(evidence)


def test_what_taught_the_serving_version_does_not_judge_it(world: World, run: Any) -> None:
    """A second retrain, soon after the first: most recent rows are known to the champion by heart."""
    world.receive(*_known(patients(160, "heart")))
    first = run(challenger, world.ask())
    world.serve(first["to_version_id"])
    world.receive(*_known(patients(20, seed=3)))
    assert "only 20 labelled rows that can be trusted are left to judge with" in run(challenger, world.ask())["says"]
    world.receive(*_known(patients(40, seed=40)))
    evidence = run(challenger, world.ask())["evidence"]
    assert (evidence["champion"]["version"], evidence["holdout"]["n"]) == (2, 60)
    assert evidence["training"]["traffic_rows"] == 220


@pytest.mark.parametrize("cross_fitted_below", [1, 1000])
def test_what_taught_a_champion_made_in_an_incident_does_not_judge_a_retrain_a_person_asks_for(
    world: World, run: Any, monkeypatch: pytest.MonkeyPatch, cross_fitted_below: int
) -> None:
    """Without an incident more rows would judge than did when the champion was made, among them some it learnt."""
    monkeypatch.setattr(recent, "CROSS_FITTED_BELOW", cross_fitted_below)
    world.receive(*_known(patients(200)))
    onset = world.now
    world.receive(*_known(patients(80, "heart")))
    made = run(challenger, world.ask(onset=onset))["to_version_id"]
    with Session(world.engine) as session:
        digest = model_versions.get(session, made).dataset_digest
    store = ArtifactStore(world.settings.artifacts_dir)
    until = store.read(digest, dataset.KIND).meta["trained_until"]
    world.serve(made)
    world.receive(*_known(patients(40, seed=5)))
    holdout = run(challenger, world.ask())["evidence"]["holdout"]
    assert datetime.fromisoformat(holdout["from"]) > datetime.fromisoformat(until)


def test_a_challenger_whose_rows_taught_the_champion_meanwhile_is_judged_by_later_ones(world: World, run: Any) -> None:
    world.receive(*_known(patients(120, "heart")))
    waits, overtakes = world.ask(), world.ask()
    challenger_id = run(challenger, waits)["to_version_id"]
    world.serve(run(challenger, overtakes)["to_version_id"])
    assert "only 0 labelled rows" in run(challenger, waits)["says"]
    world.receive(*_known(patients(50, seed=3)))
    answer = run(challenger, waits)
    assert answer["to_version_id"] == challenger_id
    assert answer["evidence"]["holdout"]["method"] == "later_rows"
    assert answer["evidence"]["holdout"]["n"] == 50


def test_a_row_quarantined_after_it_taught_no_longer_judges(world: World, run: Any) -> None:
    ids = world.receive(*_known(patients(120, "heart")))
    action_id = world.ask()
    assert run(challenger, action_id)["evidence"]["holdout"]["n"] == 120
    with Session(world.engine) as session, session.begin():
        window = session.query(MonitoringWindow).first()
        assert window is not None
        for key in ids[:7]:
            session.add(QuarantinedRow(prediction_id=key, window_id=window.id, action_id=uuid4(), reason="suspect"))
    evidence = run(challenger, action_id)["evidence"]
    assert (evidence["holdout"]["method"], evidence["holdout"]["n"]) == ("cross_fitted", 113)


def test_only_labelled_rows_of_mature_windows_outside_quarantine_are_learnt_from(world: World, run: Any) -> None:
    rows, labels = patients(100)
    world.receive(rows, known(labels), mature=False)
    world.receive(rows, [None] * 100)
    quarantined = world.receive(rows[:40], known(labels[:40]))
    with Session(world.engine) as session, session.begin():
        window = session.query(MonitoringWindow).first()
        assert window is not None
        for key in quarantined:
            session.add(QuarantinedRow(prediction_id=key, window_id=window.id, action_id=uuid4(), reason="suspect"))
    answer = run(challenger, world.ask())
    assert answer["ok"] is False
    assert "only 0 labelled rows that can be trusted" in answer["says"]
    assert "at least 30 are needed" in answer["says"]


def test_a_window_whose_labels_were_turned_round_teaches_nothing(world: World, run: Any) -> None:
    rows, labels = patients(40)
    world.receive(rows, known([1 - label for label in labels]))
    with Session(world.engine) as session, session.begin():
        window = session.query(MonitoringWindow).one()
        for verdict in (Verdict.OK, Verdict.CRIT):  # judged again when more labels came: the newest figure counts
            session.add(
                PerformanceMetric(
                    model_id=world.version.id, window_id=window.id, kind=MetricKind.LABELS,
                    metric_name=LabelFigure.TURNED, metric_value=0.1, n=40, verdict=verdict,
                )
            )  # fmt: skip
            session.flush()
    world.receive(*_known(patients(120, "heart")))
    evidence = run(challenger, world.ask())["evidence"]
    assert (evidence["training"]["traffic_rows"], evidence["holdout"]["n"]) == (120, 120)


def test_labels_of_one_kind_only_are_not_enough(world: World, run: Any) -> None:
    rows, labels = patients(120)
    world.receive(rows, known([1] * len(labels)))
    assert "same label" in run(challenger, world.ask())["says"]


def test_a_world_that_did_not_change_gives_no_recommendation(world: World, run: Any) -> None:
    rows, labels = patients(160, seed=5)
    world.receive(rows, known(labels))
    answer = run(challenger, world.ask())
    assert answer["ok"] is True
    assert answer["recommended"] is False
    assert "includes zero" in answer["says"]


def test_an_unknown_action_is_an_error_with_a_sentence(run: Any) -> None:
    assert "there is no action" in run(challenger, uuid4(), code=1)["says"]


def test_the_version_before_a_bad_release_is_found_and_shown_to_be_better(world: World, run: Any) -> None:
    good = world.version
    world.activate(*patients(120, "young"))
    rows, labels = patients(100)
    world.receive(rows, known(labels))
    answer = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL))
    evidence = answer["evidence"]
    assert evidence["kind"] == "rollback"
    assert evidence["challenger"]["version_id"] == good.id == answer["to_version_id"]
    assert evidence["metrics"][0]["verdict"] == "better"
    assert answer["recommended"] is True
    asked_for = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL, to_version_id=good.id))
    assert asked_for["to_version_id"] == good.id


def test_a_version_that_never_served_is_not_gone_back_to(world: World, run: Any) -> None:
    world.receive(*_known(patients(120, "heart")))
    made = run(challenger, world.ask())["to_version_id"]
    answer = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL, to_version_id=made))
    assert answer["ok"] is False
    assert "never served" in answer["says"]


def test_a_rollback_is_not_judged_by_rows_that_taught_the_version_gone_back_to(world: World, run: Any) -> None:
    first = world.version.id
    world.now += timedelta(hours=1)  # the clock of the API is ahead of the one activations are dated by
    world.receive(*_known(patients(120, "heart")))
    taught = run(challenger, world.ask())["to_version_id"]
    with Session(world.engine) as session, session.begin():  # it served, and the first one again, since those rows
        for version_id, before in ((taught, first), (first, taught)):
            version = model_versions.get(session, version_id)
            model_versions.activate(session, PERSON, version, expected_active_id=before, reason="test")
            session.flush()
    back = world.ask(ActionType.ROLLBACK_MODEL, to_version_id=taught)
    assert "only 0 labelled rows" in run(rollback_evidence, back)["says"]
    world.receive(*_known(patients(60, "heart", seed=7)))
    assert run(rollback_evidence, back)["evidence"]["holdout"]["n"] == 60


def test_of_several_earlier_versions_the_best_is_chosen_on_rows_that_do_not_compare_it(world: World, run: Any) -> None:
    good = world.version
    world.activate(*patients(90, "young"))
    world.activate(*patients(100, "young"))
    rows, labels = patients(120)
    world.receive(rows, known(labels))
    answer = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL))
    assert answer["to_version_id"] == good.id
    assert [item["version"] for item in answer["evidence"]["considered"]] == [2, 1]
    assert answer["evidence"]["holdout"]["n"] == 60


def test_without_an_earlier_version_or_with_a_damaged_one_there_is_nothing_to_go_back_to(
    world: World, run: Any, store: ArtifactStore
) -> None:
    rows, labels = patients(100)
    world.receive(rows, known(labels))
    assert "there is none" in run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL))["says"]
    good = world.version
    world.activate(*patients(90, "young"))
    world.receive(rows, known(labels))
    (store._objects / good.artifact_digest / "model.onnx").write_bytes(b"damaged")
    says = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL))["says"]
    assert "no earlier version can be gone back to (version 1: artifact" in says


def test_because_of_slow_answers_one_goes_back_to_the_faster_version_with_rows_from_before_it_too(
    world: World, run: Any
) -> None:
    world.activate(*patients(90, "young"))
    fast = world.version
    world.receive(*_known(patients(100, "young")))
    world.activate(*patients(100, "young"))  # answers alike; of speed only the windows know
    harm = {"metric": "latency_p95_ms", "value": 400.0, "reference": 20.0, "against_version_id": fast.id}
    answer = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL, harm=harm))
    assert answer["to_version_id"] == fast.id
    assert answer["recommended"] is True, answer["says"]
    assert "latency p95 400 ms, 20 ms in the windows of the version before" in answer["says"]
    assert answer["evidence"]["holdout"]["n"] == 100
    assert [item["version"] for item in answer["evidence"]["considered"]] == [2]


def test_a_faster_version_that_answers_worse_is_not_recommended(world: World, run: Any) -> None:
    fast = world.version
    world.activate(*patients(120, "young"))
    world.receive(*_known(patients(100, "young")))
    harm = {"metric": "latency_p95_ms", "value": 400.0, "reference": 20.0, "against_version_id": fast.id}
    answer = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL, harm=harm))
    assert answer["recommended"] is False
    assert "is not ruled out" in answer["says"]


def test_a_version_made_for_another_target_is_never_gone_back_to(
    world: World, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.version
    world.activate(*patients(90, "young"))
    world.activate(*patients(100, "young"))
    rows, labels = patients(100)
    world.receive(rows, known(labels))
    loaded = serving_artifact.load

    def made_for(others: ArtifactStore, digest: str) -> Any:
        model = loaded(others, digest)
        if digest != first.artifact_digest:
            return model
        other = world.contract.target.model_copy(update={"column": "relapse"})
        return replace(model, contract=world.contract.model_copy(update={"target": other}))

    monkeypatch.setattr(serving_artifact, "load", made_for)
    answer = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL))
    assert answer["to_version_id"] != first.id
    assert answer["evidence"]["refused"] == [{"version": 1, "says": "predicts another target (relapse)"}]
    asked_for = run(rollback_evidence, world.ask(ActionType.ROLLBACK_MODEL, to_version_id=first.id))
    assert asked_for["ok"] is False
    assert "version 1: predicts another target" in asked_for["says"]


def test_a_try_that_is_not_surely_better_asks_nobody(world: World, run: Any) -> None:
    begin = world.now
    world.receive(*_known(patients(150)))
    answer = run(challenger, world.ask_quietly(begin))
    assert answer["ok"] is False
    assert "not surely better" in answer["says"]
