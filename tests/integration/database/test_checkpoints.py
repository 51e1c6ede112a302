"""A superuser of the database alters the log in every way there is: the chain shows some, the checkpoints the rest."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from database.checkpoint_file import CheckpointPlace, add_checkpoint, read_checkpoints, signing_key
from database.checkpoints import Checkpoint, contradictions
from database.connection import read_scope, session_scope
from database.errors import IntegrityError, InvalidError, NotFoundError
from database.queries import audit
from database.queries.audit import SYSTEM
from database.signing_keys import public_key

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> CheckpointPlace:
    return CheckpointPlace(tmp_path / "home" / "audit.key", tmp_path / "home" / "checkpoints.jsonl")


def _write_events(engine: Engine, count: int, what: str = "done") -> None:
    for number in range(count):
        with session_scope(engine) as session:
            audit.append(session, SYSTEM, f"thing.{what}", "thing", number, {"number": number})


def _sign(engine: Engine, place: CheckpointPlace, now: datetime = NOON) -> Checkpoint | None:
    with read_scope(engine) as session:
        return add_checkpoint(session, place, now)


def _tamper(engine: Engine, *statements: str, **values: int) -> None:
    """As a superuser would, for whom no trigger fires."""
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement), values)


def _found(engine: Engine, place: CheckpointPlace) -> tuple[list[str], list[str]]:
    """What the chain shows by itself, and what the checkpoints show."""
    signed = read_checkpoints(place.file, place.public_key)
    with read_scope(engine) as session:
        report = audit.verify(session, [one.seq for one in signed.checkpoints])
    return list(report.faults), [*contradictions(signed.checkpoints, report), *signed.faults]


@pytest.fixture
def signed_twice(engine: Engine, place: CheckpointPlace) -> None:
    """Ten events: signed at the fourth and the eighth."""
    _write_events(engine, 4)
    _sign(engine, place, NOON)
    _write_events(engine, 4)
    _sign(engine, place, NOON + timedelta(minutes=5))
    _write_events(engine, 2)


@pytest.mark.usefixtures("signed_twice")
def test_a_log_nobody_touched_is_as_signed(engine: Engine, place: CheckpointPlace) -> None:
    assert _found(engine, place) == ([], [])


@pytest.mark.usefixtures("signed_twice")
def test_an_edited_event_shows_in_the_chain(engine: Engine, place: CheckpointPlace) -> None:
    _tamper(engine, "UPDATE audit_log SET actor = 'somebody else' WHERE seq = 3")
    assert _found(engine, place)[0] == ["event 3 was changed after it was written"]


@pytest.mark.usefixtures("signed_twice")
def test_a_deleted_event_shows_in_the_chain(engine: Engine, place: CheckpointPlace) -> None:
    _tamper(engine, "DELETE FROM audit_log WHERE seq = 3")
    assert _found(engine, place)[0] == ["event 3 is missing: it was deleted or moved"]


@pytest.mark.usefixtures("signed_twice")
def test_a_deleted_event_whose_gap_was_closed_shows_as_events_that_were_moved(
    engine: Engine, place: CheckpointPlace
) -> None:
    _tamper(
        engine,
        "DELETE FROM audit_log WHERE seq = 3",
        "UPDATE audit_log SET seq = -seq WHERE seq > 3",
        "UPDATE audit_log SET seq = -seq - 1 WHERE seq < 0",
    )
    chain, checkpoints = _found(engine, place)
    assert "event 3 was written as event 4: rows were put in another order" in chain
    assert checkpoints


@pytest.mark.usefixtures("signed_twice")
@pytest.mark.parametrize(("one", "other"), [(2, 3), (2, 9)])
def test_two_events_that_changed_places_show_in_the_chain(
    engine: Engine, place: CheckpointPlace, one: int, other: int
) -> None:
    _tamper(
        engine,
        "UPDATE audit_log SET seq = -1 WHERE seq = :one",
        "UPDATE audit_log SET seq = :one WHERE seq = :other",
        "UPDATE audit_log SET seq = :other WHERE seq = -1",
        one=one,
        other=other,
    )
    chain = _found(engine, place)[0]
    assert f"event {one} was written as event {other}: rows were put in another order" in chain
    assert f"event {other} was written as event {one}: rows were put in another order" in chain


@pytest.mark.usefixtures("signed_twice")
def test_an_end_that_was_cut_off_shows_in_the_checkpoints_alone(engine: Engine, place: CheckpointPlace) -> None:
    _tamper(engine, "DELETE FROM audit_log WHERE seq > 6")
    chain, checkpoints = _found(engine, place)
    assert chain == []
    assert checkpoints == [
        "the end was cut off: the chain ends with event 6, and event 8 was signed at 2026-11-21 12:05 UTC; "
        "at least 2 are missing"
    ]


@pytest.mark.usefixtures("signed_twice")
def test_an_end_that_was_cut_off_and_grew_again_shows_in_the_checkpoints_alone(
    engine: Engine, place: CheckpointPlace
) -> None:
    _tamper(engine, "DELETE FROM audit_log WHERE seq > 6")
    _write_events(engine, 5)
    chain, checkpoints = _found(engine, place)
    assert chain == []
    assert len(checkpoints) == 1
    assert checkpoints[0].startswith("the chain was rewritten after event 4, which is still as signed at")


@pytest.mark.usefixtures("signed_twice")
def test_a_log_that_was_emptied_shows_in_the_checkpoints_alone(engine: Engine, place: CheckpointPlace) -> None:
    _tamper(engine, "TRUNCATE audit_log")
    chain, checkpoints = _found(engine, place)
    assert chain == []
    assert "the chain ends with event 0, and event 8 was signed" in checkpoints[0]


@pytest.mark.usefixtures("signed_twice")
def test_a_chain_that_was_rewritten_with_hashes_that_fit_shows_in_the_checkpoints_alone(
    engine: Engine, place: CheckpointPlace
) -> None:
    _tamper(engine, "TRUNCATE audit_log")
    _write_events(engine, 10, "never")
    chain, checkpoints = _found(engine, place)
    assert chain == []
    assert checkpoints == [
        "the whole chain was rewritten, or its beginning: event 4 is another than what was signed at "
        "2026-11-21 12:00 UTC, though its hashes fit each other"
    ]


@pytest.mark.usefixtures("signed_twice")
def test_what_was_signed_cannot_be_signed_again_by_whoever_lacks_the_key(
    engine: Engine, place: CheckpointPlace, tmp_path: Path
) -> None:
    kept_elsewhere = place.public_key.read_bytes()
    _tamper(engine, "TRUNCATE audit_log")
    _write_events(engine, 10, "never")
    forged = CheckpointPlace(tmp_path / "forged.key", place.file)
    place.file.unlink()
    _sign(engine, forged)
    place.public_key.write_bytes(kept_elsewhere)
    _, checkpoints = _found(engine, place)
    assert "signed with another key" in checkpoints[0]


@pytest.mark.usefixtures("signed_twice")
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM audit_log WHERE seq > 6", "the end was cut off"),
        ("TRUNCATE audit_log", "the end was cut off"),
        ("UPDATE audit_log SET actor = 'x' WHERE seq = 9", "event 9 was changed"),
        ("DELETE FROM audit_log WHERE seq = 9", "event 9 is missing"),
        ("UPDATE audit_log SET hash = repeat('f', 64) WHERE seq = 8", "event 8 is another than what was signed"),
        ("DELETE FROM audit_log WHERE seq = 8", "event 8 is missing, which was signed"),
    ],
)
def test_nothing_is_signed_that_does_not_continue_what_was(
    engine: Engine, place: CheckpointPlace, statement: str, says: str
) -> None:
    before = place.file.read_bytes()
    _tamper(engine, statement)
    with pytest.raises(IntegrityError, match=says):
        _sign(engine, place)
    assert place.file.read_bytes() == before


def test_a_chain_that_is_broken_is_not_signed_for_the_first_time_either(engine: Engine, place: CheckpointPlace) -> None:
    _write_events(engine, 3)
    _tamper(engine, "UPDATE audit_log SET actor = 'x' WHERE seq = 2")
    with pytest.raises(IntegrityError, match="event 2 was changed"):
        _sign(engine, place)


def test_only_a_log_that_has_grown_is_signed_again(engine: Engine, place: CheckpointPlace) -> None:
    assert _sign(engine, place) is None
    _write_events(engine, 2)
    first = _sign(engine, place)
    assert first is not None
    assert (first.seq, first.after) == (2, 0)
    assert _sign(engine, place) is None
    _write_events(engine, 1)
    second = _sign(engine, place)
    assert second is not None
    assert (second.seq, second.after) == (3, 2)
    assert len(place.file.read_text().splitlines()) == 2


def test_a_torn_last_line_is_named_and_the_next_checkpoint_continues_the_one_before(
    engine: Engine, place: CheckpointPlace
) -> None:
    _write_events(engine, 2)
    _sign(engine, place)
    _write_events(engine, 2)
    _sign(engine, place)
    whole = place.file.read_bytes()
    place.file.write_bytes(whole[:-30])
    assert _found(engine, place) == ([], [])
    again = _sign(engine, place)
    assert again is not None
    assert (again.seq, again.after) == (4, 2)
    read = read_checkpoints(place.file, place.public_key)
    assert ([one.seq for one in read.checkpoints], read.faults) == ([2, 4], ())
    assert read.notes == ("checkpoints.jsonl, line 2 is torn, as a line is after a crash; it is left out",)


def test_an_edited_last_line_is_not_continued(engine: Engine, place: CheckpointPlace) -> None:
    _write_events(engine, 2)
    _sign(engine, place)
    place.file.write_text(place.file.read_text().replace('"seq":2', '"seq":1'))
    _write_events(engine, 1)
    with pytest.raises(IntegrityError, match="is not signed with"):
        _sign(engine, place)


def test_many_who_sign_while_others_write_make_one_file_in_order(engine: Engine, place: CheckpointPlace) -> None:
    def sign_often(_: int) -> None:
        for _ in range(6):
            _sign(engine, place)

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(_write_events, engine, 10) for _ in range(3)]
        jobs += [pool.submit(sign_often, number) for number in range(3)]
        for job in jobs:
            job.result()
    _sign(engine, place)
    assert _found(engine, place) == ([], [])
    assert read_checkpoints(place.file, place.public_key).checkpoints[-1].seq == 30


def test_the_key_is_made_once_and_only_its_owner_reads_it(place: CheckpointPlace) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {key.private_bytes_raw() for key in pool.map(lambda _: signing_key(place), range(8))}
    assert len(keys) == 1
    assert stat.S_IMODE(place.key.stat().st_mode) == 0o600
    assert public_key(place.public_key) == signing_key(place).public_key()
    assert sorted(path.name for path in place.key.parent.iterdir()) == ["audit.key", "audit.key.pub"]


def test_a_lost_public_key_is_written_again_from_the_private_one(place: CheckpointPlace) -> None:
    known = signing_key(place).public_key()
    place.public_key.unlink()
    signing_key(place)
    assert public_key(place.public_key) == known


def test_files_that_hold_no_key_are_named(place: CheckpointPlace) -> None:
    place.key.parent.mkdir()
    place.key.write_text("nothing")
    place.public_key.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    with pytest.raises(InvalidError, match=r"audit.key holds no private key"):
        signing_key(place)
    with pytest.raises(InvalidError, match=r"audit.key.pub holds no public key"):
        public_key(place.public_key)
    place.public_key.unlink()
    with pytest.raises(NotFoundError, match=r"no public key at .*audit.key.pub"):
        public_key(place.public_key)
