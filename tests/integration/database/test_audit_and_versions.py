"""The hash chain notices every change, and activation is one step that only one rival can make."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from database.connection import read_scope, session_scope
from database.enums import ActorKind, DataSource, VersionStatus
from database.errors import ConflictError, NotFoundError
from database.models import AuditEvent, Deployment, ModelVersion
from database.queries import audit, model_versions
from database.queries.audit import Actor

TRAINER = Actor(ActorKind.SYSTEM, "trainer")
PERSON = Actor(ActorKind.PERSON, "ann")


def _columns(**other: Any) -> dict[str, Any]:
    return {
        "model_name": "churn",
        "algorithm": "logistic_regression",
        "accuracy": 0.8,
        "f1_score": 0.8,
        "precision": 0.8,
        "recall": 0.8,
        "roc_auc": 0.9,
        "metrics": {},
        "hyperparameters": {},
        "feature_names": ["tenure"],
        "threshold": 0.5,
        "training_rows": 300,
        "data_source": DataSource.FILE,
        "contract_digest": "c",
        "dataset_digest": "d",
        "artifact_digest": "a",
        "reference_profile": {},
        **other,
    }


def _write_events(engine: Engine, count: int) -> None:
    for number in range(count):
        with session_scope(engine) as session:
            audit.append(session, TRAINER, "thing.done", "thing", number, {"number": number})


def _tamper(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))  # what a superuser would do
        connection.execute(text(statement))


def _faults(engine: Engine) -> tuple[str, ...]:
    with read_scope(engine) as session:
        return audit.verify(session).faults


def test_an_untouched_chain_verifies(engine: Engine) -> None:
    _write_events(engine, 5)
    with read_scope(engine) as session:
        report = audit.verify(session)
    assert (report.ok, report.events) == (True, 5)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE audit_log SET details = '{\"number\": 99}' WHERE seq = 3", "event 3 was changed"),
        ("UPDATE audit_log SET actor = 'someone' WHERE seq = 2", "event 2 was changed"),
        ("DELETE FROM audit_log WHERE seq = 3", "event 3 is missing: it was deleted"),
        ("DELETE FROM audit_log WHERE seq IN (2, 3)", "events 2 to 3 are missing: they were deleted"),
        ("UPDATE audit_log SET seq = CASE seq WHEN 2 THEN -3 ELSE 2 END WHERE seq IN (2, 3)", "was written as event 3"),
        ("UPDATE audit_log SET seq = 0 WHERE seq = 1", "event 0 stands where 1 should"),
    ],
)
def test_what_a_superuser_changes_is_noticed(engine: Engine, statement: str, says: str) -> None:
    _write_events(engine, 5)
    _tamper(engine, statement)
    assert says in " ".join(_faults(engine))


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
def test_the_database_refuses_to_alter_the_log(engine: Engine, statement: str) -> None:
    _write_events(engine, 1)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))


def test_a_change_that_is_rolled_back_leaves_no_event(engine: Engine) -> None:
    def fail() -> None:
        with session_scope(engine) as session:
            audit.append(session, TRAINER, "thing.done", "thing", 1)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with read_scope(engine) as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0


def test_many_writers_at_once_make_one_chain_without_gaps(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _write_events(engine, 5), range(4)))
    with read_scope(engine) as session:
        report = audit.verify(session)
    assert (report.ok, report.events) == (True, 20)


def test_versions_count_within_their_model_even_for_rivals(engine: Engine) -> None:
    def register(_: int) -> int:
        with session_scope(engine) as session:
            return model_versions.register(session, TRAINER, **_columns()).version

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(register, range(8))) == list(range(1, 9))


def _two_versions(engine: Engine) -> tuple[int, int]:
    with session_scope(engine) as session:
        first = model_versions.register(session, TRAINER, **_columns())
        second = model_versions.register(session, TRAINER, **_columns())
        model_versions.activate(session, TRAINER, first, expected_active_id=None, reason="first")
        return first.id, second.id


def test_activation_moves_status_generation_and_audit_together(engine: Engine) -> None:
    first, second = _two_versions(engine)
    with session_scope(engine) as session:
        version = model_versions.get(session, second)
        model_versions.activate(session, PERSON, version, expected_active_id=first, reason="better")
    with read_scope(engine) as session:
        active = model_versions.active(session, "churn")
        deployment = model_versions.current_generation(session, "churn")
        assert active is not None
        assert deployment is not None
        assert (active.id, active.status) == (second, VersionStatus.PRODUCTION)
        assert (deployment.generation, deployment.previous_version_id) == (2, first)
        assert model_versions.get(session, first).status == VersionStatus.ARCHIVED


def test_of_two_rival_activations_one_wins(engine: Engine) -> None:
    first, second = _two_versions(engine)

    def activate(_: int) -> bool:
        try:
            with session_scope(engine) as session:
                version = model_versions.get(session, second)
                model_versions.activate(session, PERSON, version, expected_active_id=first, reason="race")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(activate, range(4))) == 1
    with read_scope(engine) as session:
        assert session.scalar(select(func.count()).select_from(Deployment)) == 2


def test_activating_on_a_world_that_moved_is_refused(engine: Engine) -> None:
    _first, second = _two_versions(engine)
    with pytest.raises(ConflictError, match="version 1 serves now"), session_scope(engine) as session:
        version = model_versions.get(session, second)
        model_versions.activate(session, TRAINER, version, expected_active_id=None, reason="late")


def test_the_database_itself_allows_one_active_version(engine: Engine) -> None:
    _two_versions(engine)
    with pytest.raises(DBAPIError, match="uq_model_versions_active"), engine.begin() as connection:
        connection.execute(text("UPDATE model_versions SET is_active = true, status = 'production'"))


def test_a_version_that_is_not_there_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFoundError, match="no version 7"), read_scope(engine) as session:
        model_versions.by_number(session, "churn", 7)


def test_a_list_of_versions_leaves_the_profiles_where_they_are_and_says_so_when_one_is_read(engine: Engine) -> None:
    with session_scope(engine) as session:
        version = model_versions.register(session, TRAINER, **_columns(reference_profile={"n": 303}))
        model_versions.activate(session, TRAINER, version, expected_active_id=None, reason="first")
    with read_scope(engine) as session:
        (listed,) = model_versions.all_of(session, "churn")
        with pytest.raises(InvalidRequestError, match="raiseload"):
            _ = listed.reference_profile
        found = model_versions.active(session, "churn")
        assert found is listed
        assert found.reference_profile == {"n": 303}


def test_a_read_only_scope_refuses_to_write(engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"), read_scope(engine) as session:
        session.add(ModelVersion(version=1, created_by="x", **_columns()))
        session.flush()
