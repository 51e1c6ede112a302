"""A small clinic's installation after six days: three versions served, a loss came, and people are asked.

`furnish` fills a migrated database and the artifact store of its home; `empty` leaves all but one administrator out.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.model_contract import ModelContract, load_contract
from config.settings import Settings
from database.artifact_store import ArtifactStore
from database.enums import (
    AlertStatus,
    Cause,
    DataSource,
    IssueType,
    Role,
    Severity,
    VersionStatus,
)
from database.models import AgentAction, AgentCycle, Alert, Deployment, ModelVersion, MonitoringWindow, User
from database.partitions import make_days
from database.queries import heartbeats, people
from database.queries.audit import SYSTEM
from scripts.chaos.small_model import put_model
from scripts.clinic import history
from scripts.clinic.chronicle import AGENT, Chronicle, written
from scripts.clinic.traffic import INFLUENCE, METRICS, WIDTH, WINDOWS, Served, answer, judge, patient, scored
from training.evaluator import Estimate, Scored
from training.reference_profile import build

MODEL = "heart_disease"
PASSWORD = "correct horse battery"  # noqa: S105  (nobody else can reach it)
PEOPLE: dict[str, list[str]] = {
    "vera": [Role.VIEWER],
    "otto": [Role.OPERATOR, Role.VIEWER],
    "ada": [Role.APPROVER, Role.OPERATOR, Role.VIEWER],
    "bob": [Role.APPROVER, Role.OPERATOR, Role.VIEWER],
    "root": [Role.ADMIN],
}
# What the processes of a test do not do themselves: they are not late while it runs.
LONG_S = 3600.0


@dataclass(frozen=True)
class World:
    """What stands in the database: the rows that tests ask about, by name."""

    now: datetime
    versions: dict[int, ModelVersion]
    actions: dict[str, AgentAction]
    users: dict[str, int]

    @property
    def serving(self) -> ModelVersion:
        return self.versions[2]

    def path(self, name: str) -> str:
        """The decision page of an action."""
        return f"/decision?id={self.actions[name].action_id}"


def empty(engine: Engine) -> None:
    """Nothing at all but somebody who may begin."""
    with Session(engine) as session, session.begin():
        people.create_user(session, SYSTEM, "root", PASSWORD, [Role.ADMIN])


def furnish(engine: Engine, settings: Settings, now: datetime | None = None) -> World:
    """Everything, as it would stand there at `now`."""
    now = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
    begin = now - timedelta(minutes=20) - WINDOWS * WIDTH
    contract = load_contract(MODEL, settings.platform.contracts_dir)
    dice = random.Random(20261130)  # noqa: S311
    with written(engine) as chronicle:
        users = _people(chronicle, begin - timedelta(days=1))
        versions = _versions(chronicle, settings, contract, begin)
        served = _deployments(chronicle, versions, begin)
        labelled = answer(chronicle.session, begin, served, dice)
        windows = judge(chronicle.session, contract, begin, served, labelled)
        alerts = _alerts(chronicle, windows)
        _cycles(chronicle.session, windows)
        actions = history.tell(chronicle, versions, users, alerts, now)
        for service in ("monitor", "agent"):
            facts: dict[str, Any] = {"models": [MODEL], "automation": "running"} if service == "agent" else {}
            heartbeats.beat(chronicle.session, service, "here:1", LONG_S, facts)
    make_days(engine, now.date())
    return World(now, versions, actions, users)


def _people(chronicle: Chronicle, at: datetime) -> dict[str, int]:
    made = {}
    for name, roles in PEOPLE.items():
        user = User(name=name, password_hash=people.hash_password(PASSWORD), roles=sorted(roles), created_at=at)
        chronicle.session.add(user)
        chronicle.session.flush()
        chronicle.note(at, SYSTEM, "user.created", "user", name, roles=user.roles)
        made[name] = user.id
    return made


def _profile(contract: ModelContract) -> dict[str, Any]:
    """The reference of a version, made by training's own code from patients like those that come."""
    dice = random.Random(1)  # noqa: S311
    rows = [patient(dice, 0.0) for _ in range(303)]
    truths, probabilities = zip(*(scored(dice, 0.5, 0.84) for _ in rows), strict=True)
    return build(
        contract,
        rows,
        np.array(truths),
        Scored.at(np.array(probabilities), 0.5),
        threshold=0.5,
        influence=INFLUENCE,
        metrics={name: Estimate(value, value - 0.05, value + 0.04, 303) for name, value in METRICS.items()},
        seed=1,
    )


def _versions(
    chronicle: Chronicle, settings: Settings, contract: ModelContract, begin: datetime
) -> dict[int, ModelVersion]:
    """v1 and v3 served before, v2 serves, v4 to v6 are candidates. Their files can be loaded."""
    store, profile = ArtifactStore(settings.artifacts_dir), _profile(contract)
    made = {}
    for number in range(1, 7):
        status = {1: VersionStatus.ARCHIVED, 2: VersionStatus.PRODUCTION, 3: VersionStatus.ARCHIVED}.get(number)
        at = begin + timedelta(days=number - 1.5)
        gain = {1: 0.0, 2: 0.006, 3: -0.004}.get(number, 0.01 * number)
        figures = {name: value + gain for name, value in METRICS.items()}
        version = ModelVersion(
            model_name=MODEL, version=number, algorithm="random_forest" if number % 2 else "logistic_regression",
            accuracy=figures["accuracy"], f1_score=figures["f1"], precision=figures["precision"],
            recall=figures["recall"], roc_auc=figures["roc_auc"],
            metrics={"cv": {name: {"value": value, "low": value - 0.05, "high": value + 0.04, "n": 303}
                            for name, value in figures.items()}, "why": "it has the best f1 of four"},
            hyperparameters={"C": 1.0} if number % 2 == 0 else {"n_estimators": 200, "max_depth": 6},
            feature_names=list(contract.feature_names), threshold=0.5, training_rows=303 + 60 * (number - 1),
            data_source=DataSource.DIRECTORY if number == 1 else DataSource.TRAFFIC,
            contract_digest=contract.digest, dataset_digest=f"{number:064x}",
            artifact_digest=put_model(store, contract, bias=0.1 * number), reference_profile=profile,
            status=status or VersionStatus.STAGING, is_active=number == 2, created_by="training", created_at=at,
        )  # fmt: skip
        chronicle.session.add(version)
        chronicle.session.flush()
        chronicle.note(at, AGENT, "version.registered", "model_version", version.id, model=MODEL, version=number,
                       artifact=version.artifact_digest, algorithm=version.algorithm)  # fmt: skip
        made[number] = version
    return made


def _deployments(chronicle: Chronicle, versions: dict[int, ModelVersion], begin: datetime) -> list[Served]:
    """v1, then v2; v3 for some hours, until it was taken back."""
    course = (
        (1, -timedelta(hours=1), "system:steward", "the first version"),
        (2, timedelta(days=2), "person:ada", "approved: better on the newest labelled rows"),
        (3, timedelta(days=3, hours=12), "person:bob", "approved: better on the newest labelled rows"),
        (2, timedelta(days=4), "agent:agent", "taken back: F1 fell by 0.081 [0.022, 0.140] on 120 rows"),
    )
    served: list[Served] = []
    for generation, (number, after, actor, reason) in enumerate(course, start=1):
        at = begin + after
        before = served[-1].version.id if served else None
        chronicle.session.add(
            Deployment(model_name=MODEL, generation=generation, version_id=versions[number].id,
                       previous_version_id=before, actor=actor, reason=reason, created_at=at)
        )  # fmt: skip
        chronicle.note(at, SYSTEM if generation == 1 else AGENT, "version.activated", "model_version",
                       versions[number].id, model=MODEL, version=number, generation=generation, reason=reason,
                       previous_version_id=before)  # fmt: skip
        served.append(Served(at, versions[number], generation))
    return served


def _alerts(chronicle: Chronicle, windows: list[MonitoringWindow]) -> dict[str, int]:
    facts = {"says": "", "for": [], "against": [], "rejected": [], "windows": [9, 10, 11]}
    told = (
        ("loss", Cause.CONCEPT_DRIFT, IssueType.PERFORMANCE_DEGRADATION, Severity.CRITICAL, AlertStatus.ACTIVE,
         "The same inputs lead to other outcomes than before", "F1 fell to 0.712 [0.641, 0.783] from 0.822, n = 152"),
        ("fault", Cause.DATA_FAULT, IssueType.DATA_QUALITY, Severity.WARNING, AlertStatus.ACKNOWLEDGED,
         "A source sends faulty data", "12 of 50 rows hold the value 0 for Serum cholesterol"),
        ("moved", Cause.COVARIATE_SHIFT_HARMLESS, IssueType.DATA_DRIFT, Severity.INFO, AlertStatus.RESOLVED,
         "The inputs changed, the answers are as good as before", "Quality holds: F1 0.815 [0.740, 0.881], n = 100"),
    )  # fmt: skip
    made = {}
    for name, cause, issue, severity, status, title, message in told:
        at, over = windows[8].to_at, status is AlertStatus.RESOLVED
        alert = Alert(
            model_name=MODEL, alert_type=issue, cause=cause, severity=severity, status=status, message=message,
            title=f"{title} (Heart disease v2)", evidence=facts | {"says": message, "cause": cause}, occurrences=3,
            first_window_id=windows[8].id, last_window_id=windows[10].id, created_at=at,
            updated_at=windows[10].to_at, acknowledged_by="otto" if status is AlertStatus.ACKNOWLEDGED else None,
            resolved_by="agent" if over else None, resolution_notes="not seen in 2 windows" if over else None,
            resolved_at=windows[10].to_at if over else None,
        )  # fmt: skip
        chronicle.session.add(alert)
        chronicle.session.flush()
        chronicle.note(at, AGENT, "alert.opened", "alert", alert.id, cause=cause, model=MODEL, severity=severity)
        made[name] = alert.id
    return made


def _cycles(session: Session, windows: list[MonitoringWindow]) -> None:
    """A pass after each window: nothing at first, then two diagnoses with what was done and left alone."""
    for at, window in enumerate(windows):
        found = history.concluded(window.seq) if at >= 8 else []
        chosen = history.chosen(window.seq) if at >= 8 else []
        session.add(
            AgentCycle(
                model_name=MODEL, agent="here:1", window_id=window.id, diagnoses=found, decisions=chosen,
                observed={"blind": None, "latest": {"seq": window.seq, "n": window.n, "drift": "ok", "figures": []}},
                dry_run=False, seconds=0.08, created_at=window.to_at + timedelta(minutes=2),
            )
        )  # fmt: skip
