"""A checker that cannot fail is worse than none: each violation is planted behind the database's back, and named."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from config.settings import AgentSettings, DatabaseSettings, PlatformSettings, Settings
from database.artifact_store import ArtifactStore
from scripts.crash import lives
from scripts.crash.checker import INVARIANTS, violations
from tests.conftest import Prepare

LEASE = timedelta(seconds=10)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture(scope="module")
def life(prepared: Prepare, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A whole life that went well, lived once: the database and the home to copy."""
    home = tmp_path_factory.mktemp("life")
    settings = Settings(
        platform=PlatformSettings(home=home), database=DatabaseSettings(), agent=AgentSettings(lease_s=10)
    )

    def live(engine: Engine) -> None:
        lives.prepare(engine, settings, "threshold")
        worker = lives.Worker.of(engine, settings, "threshold")
        for _ in range(3):
            for part in worker.parts():
                part()
        assert worker.over()

    return prepared(live), home


@pytest.fixture(scope="module")
def template(life: tuple[str, Path]) -> str:
    return life[0]


@pytest.fixture
def lived(engine: Engine, life: tuple[str, Path], tmp_path: Path) -> Engine:
    """A database in which that life went well."""
    shutil.copytree(life[1], tmp_path, dirs_exist_ok=True)
    return engine


def plant(session: Session, *statements: str) -> None:
    """Change rows as nobody can, in a transaction that is not committed: no trigger fires, nothing is refused."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    for statement in statements:
        session.execute(text(statement))


LOG = """INSERT INTO audit_log (seq, at, actor_kind, actor, verb, object_type, object_id, details, prev_hash, hash)
         SELECT (SELECT max(seq) FROM audit_log) + 1, now(), actor_kind, actor, '{verb}', object_type, object_id,
                details, prev_hash, md5(random()::text) FROM audit_log WHERE verb = 'action.succeeded'"""
DEPLOY = """INSERT INTO deployments (model_name, generation, version_id, previous_version_id, action_id, actor, reason)
            SELECT model_name, {generation}, {version}, {before}, {action}, 'x', 'x' FROM deployments
            WHERE generation = 2"""
BY_THE_CALENDAR = """UPDATE agent_actions SET why = '{"schedule": "weekly", "scheduled_for": "2026-11-22"}'"""
SLOT = """INSERT INTO schedule_slots (schedule, model_name, scheduled_for, status, why, action_id)
          SELECT 'weekly', model_name, '2026-11-{day}', 'claimed', 'due', action_id FROM agent_actions"""
AGAIN = """INSERT INTO agent_actions (action_id, model_name, action_type, risk_level, requires_approval,
               approvers_needed, status, version, dry_run, dedupe_key, question, why, params, proposed_by, attempts,
               max_attempts, lease_epoch)
           SELECT gen_random_uuid(), model_name, action_type, risk_level, requires_approval, approvers_needed,
               'proposed', 1, false, 'again', question, why, params, proposed_by, 0, 1, 0 FROM agent_actions"""
TOLD_AGAIN = """INSERT INTO outbox (message_id, about, topic, model_name, payload)
                SELECT 'again', 'again', topic, model_name, jsonb_set(payload, '{{facts,generation}}', '{generation}')
                FROM outbox WHERE topic = 'version.activated' LIMIT 1"""
PLANTED = {
    "it ended twice": ("I1", [LOG.format(verb="action.succeeded")], "ended 2 times"),
    "it ended in two ways": ("I1", [LOG.format(verb="action.failed")], "action.succeeded, action.failed"),
    "it took effect twice": (
        "I2",
        [DEPLOY.format(generation=3, version="previous_version_id", before="version_id", action="action_id")],
        "changed what serves 2 times, not 1",
    ),
    "it took no effect": ("I2", ["UPDATE deployments SET action_id = NULL"], "changed what serves 0 times, not 1"),
    "what failed took effect": (
        "I2",
        ["UPDATE agent_actions SET status = 'failed'"],
        "changed what serves 1 times, not 0",
    ),
    "a change of nobody": (
        "I2",
        [DEPLOY.format(generation=3, version="version_id", before="version_id", action="gen_random_uuid()")],
        "which does not exist",
    ),
    "another version is active": (
        "I2",
        [
            "UPDATE model_versions SET is_active = false, status = 'archived' WHERE version = 2",
            "UPDATE model_versions SET is_active = true, status = 'production' WHERE version = 1",
        ],
        "active are the versions",
    ),
    "nobody approved": ("I3", ["DELETE FROM approvals"], "0 of 1 people"),
    "something else was approved": ("I3", ["UPDATE approvals SET evidence_digest = 'other'"], "0 of 1 people"),
    "it was approved too late": ("I3", ["UPDATE approvals SET decided_at = now() + interval '9 d'"], "0 of 1 people"),
    "who asked approved": ("I3", ["UPDATE agent_actions SET proposed_by = 'person:ann'"], "0 of 1 people"),
    "it was rejected": ("I3", ["UPDATE approvals SET decision = 'reject'"], "0 of 1 people"),
    "one person counted as two": ("I3", ["UPDATE agent_actions SET approvers_needed = 2"], "1 of 2 people"),
    "nobody noticed a dead worker": (
        "I4",
        ["UPDATE agent_actions SET status = 'executing', lease_owner = 'w', lease_until = now() - interval '25 s'"],
        "is executing and its lease ran out 25",
    ),
    "a generation is missing": ("I5", ["UPDATE deployments SET generation = 4 WHERE generation = 2"], "[1, 4], not"),
    "a generation follows another one": (
        "I5",
        ["UPDATE deployments SET previous_version_id = NULL WHERE generation = 2"],
        "generation 2 does not take over from generation 1",
    ),
    "a move is not in the log": (
        "I7",
        ["UPDATE agent_actions SET status = 'verifying', version = version - 1"],
        "is verifying after",
    ),
    "the log leaves out a move": (
        "I7",
        ["DELETE FROM audit_log WHERE verb = 'action.executing'"],
        "the log moves it from executing to verifying, and it was approved",
    ),
    "the log tells of an action that is not there": (
        "I7",
        ["UPDATE audit_log SET object_id = gen_random_uuid() WHERE verb = 'action.succeeded'"],
        "which does not exist",
    ),
    "a slot ran twice": ("I9", [BY_THE_CALENDAR, AGAIN], "ran 2 times"),
    "one action for two slots": (
        "I9",
        [BY_THE_CALENDAR, SLOT.format(day=22), SLOT.format(day=29)],
        "has 2 slots",
    ),
    "a scheduled action without a slot": ("I9", [BY_THE_CALENDAR], "has 0 slots"),
    "a slot for what a person asked": ("I9", [SLOT.format(day=22)], "which no schedule asked for"),
    "the log was changed": ("I8", ["UPDATE audit_log SET actor = 'mallory' WHERE seq = 3"], "event 3 was changed"),
    "a row of the log is gone": ("I8", ["DELETE FROM audit_log WHERE seq = 3"], " 3 "),
    "a step of nobody": (
        "I12",
        ["UPDATE action_steps SET lease_epoch = 99"],
        "has epoch 99, nobody held it so far",
    ),
    "a step of a worker that was replaced": (
        "I12",
        [
            "UPDATE agent_actions SET lease_epoch = 9",
            "UPDATE action_steps SET lease_epoch = 5",
            "INSERT INTO action_steps (action_id, step, status, lease_epoch, result, started_at)"
            " SELECT action_id, 'late', 'done', 4, '{}', now() + interval '1 s' FROM action_steps",
        ],
        "step late began under epoch 4, after 5",
    ),
    "an activation nobody is told of": (
        "I13",
        ["DELETE FROM deliveries", "DELETE FROM outbox WHERE topic = 'version.activated'"],
        "generation 2 has 0 messages",
    ),
    "an activation that is told of twice": ("I13", [TOLD_AGAIN.format(generation=2)], "generation 2 has 2 messages"),
    "an activation that never was": ("I13", [TOLD_AGAIN.format(generation=7)], "generation 7, which does not exist"),
    "a message that goes to a channel twice": (
        "I14",
        [
            "ALTER TABLE deliveries DROP CONSTRAINT uq_deliveries_message_id_channel",
            "INSERT INTO deliveries (message_id, channel, status, attempts)"
            " SELECT message_id, channel, 'pending', 0 FROM deliveries LIMIT 1",
        ],
        "on its way to paper 2 times",
    ),
}


def test_a_life_that_went_well_violates_nothing(lived: Engine, store: ArtifactStore) -> None:
    with Session(lived) as session:
        assert violations(session, store, lease=LEASE) == []
        assert lives.deviations(session, "threshold") == []


def test_what_is_planted_is_named(lived: Engine, store: ArtifactStore, subtests: pytest.Subtests) -> None:
    for what, (name, statements, says) in PLANTED.items():
        with subtests.test(what), Session(lived) as session:
            plant(session, *statements)
            found = violations(session, store, lease=LEASE)
            assert [one for one in found if one.startswith(f"{name}: ") and says in one]


@pytest.mark.parametrize("version", [1, 2])
def test_a_changed_file_of_what_serves_or_served_before_is_named(
    lived: Engine, store: ArtifactStore, tmp_path: Path, version: int
) -> None:
    with lived.connect() as connection:
        digest = connection.execute(
            text("SELECT artifact_digest FROM model_versions WHERE version = :version"), {"version": version}
        ).scalar_one()
    (tmp_path / "artifacts" / "sha256" / digest / "model.onnx").write_bytes(b"the model that swindles")
    with Session(lived) as session:
        (said,) = violations(session, store, lease=LEASE)
    assert said.startswith(f"I10: artifact {digest[:12]}")


def test_every_invariant_was_planted() -> None:
    assert {name for name, *_ in PLANTED.values()} | {"I10"} == set(INVARIANTS)


def test_what_differs_from_a_life_in_which_nothing_went_wrong_is_told(lived: Engine) -> None:
    with Session(lived) as session:
        plant(session, "DELETE FROM deployments WHERE generation = 2", "UPDATE agent_actions SET status = 'failed'")
        said = lives.deviations(session, "threshold")
    assert [one for one in said if "failed" in one]
    assert "deployments: 1, not 2" in said


def test_a_fault_that_never_went_away_has_to_end_as_failed(lived: Engine) -> None:
    with Session(lived) as session:
        said = lives.failed_properly(session)
    assert [one for one in said if "is succeeded" in one]
    assert "deployments: 2, not 1" in said
