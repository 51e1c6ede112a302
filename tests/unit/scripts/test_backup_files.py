"""The files of a backup: sealed so that nothing can be exchanged, named so that nothing leads out of it."""

import hashlib
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from database.errors import IntegrityError, InvalidError, NotFoundError
from scripts.backup import postgres_programs
from scripts.backup.making import artifact_files, clear_unfinished
from scripts.backup.manifest import Head, Manifest, parsed
from scripts.backup.place import Draft, newest, open_backup, rotate
from scripts.backup.sealing import Sealed, make_key, opened, read_key

KEY, OTHER = b"k" * 32, b"o" * 32
PIECE = 1024 * 1024 + 16


def sealed(content: bytes, key: bytes = KEY) -> bytes:
    file = io.BytesIO()
    writer = Sealed(file, key)
    for begin in range(0, len(content), 700_001):
        writer.write(content[begin : begin + 700_001])
    writer.close()
    return file.getvalue()


def plain(stored: bytes, key: bytes = KEY) -> bytes:
    return b"".join(opened(io.BytesIO(stored), key, "it"))


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000])
def test_what_was_sealed_opens_as_it_was_and_shows_nothing_of_it(size: int) -> None:
    content = os.urandom(size)
    stored = sealed(content)
    assert plain(stored) == content
    assert size < 16 or content[:16] not in stored
    assert stored != sealed(content)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda s: s[: 32 + PIECE], id="cut at the end of a piece"),
        pytest.param(lambda s: s[:-1], id="cut in a piece"),
        pytest.param(lambda s: s[:40], id="nearly nothing left"),
        pytest.param(lambda s: s[:32] + s[32 + PIECE : 32 + 2 * PIECE] + s[32 : 32 + PIECE] + s[32 + 2 * PIECE :],
                     id="pieces exchanged"),
        pytest.param(lambda s: s + s[-20:], id="something added"),
        pytest.param(lambda s: s[:50] + bytes([s[50] ^ 1]) + s[51:], id="one bit"),
        pytest.param(lambda s: b"another format.." + s[16:], id="another head"),
    ],
)  # fmt: skip
def test_what_was_altered_does_not_open(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(IntegrityError):
        plain(spoil(sealed(os.urandom(2_500_000))))


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(IntegrityError, match="sealed with another key"):
        plain(sealed(b"something"), OTHER)


def test_a_key_is_made_once_and_read_whole(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert len(read_key(tmp_path / "key")) == 32
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidError, match="is there already"):
        make_key(tmp_path / "key")
    (tmp_path / "short").write_text("c2hvcnQ=")
    with pytest.raises(InvalidError, match="holds no backup key"):
        read_key(tmp_path / "short")
    with pytest.raises(NotFoundError, match="steward backup key"):
        read_key(tmp_path / "none")


def written(directory: Path, name: str, *, key: bytes | None = None, installation: str | None = "one") -> Path:
    draft = Draft(directory / f".{name}.unfinished", key)
    draft.directory.mkdir()
    draft.add("database.dump", [b"rows ", b"of patients"])
    draft.add("keys/artifact-keys/a.pub", [b"public"])
    manifest = Manifest(
        name=name, installation=installation, made_at=datetime.now(UTC), steward_version="1", schema_revision="abc",
        server_version=180004, client_version=18, audit=Head(seq=0, hash="0" * 64), counts={}, serving=[],
        holds_keys=False, sealed="aes-256-gcm-stream-1" if key else None, missing=[], notes=[], files=draft.files,
    )  # fmt: skip
    draft.publish(manifest, directory / name)
    return directory / name


def name_of(day: int) -> str:
    return f"steward-202611{day:02d}T000000Z-0123abcd"


def test_every_kind_of_damage_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, name_of(1))
    assert [fault for _, fault in open_backup(path, None).faults() if fault] == []
    (path / "database.dump").write_bytes(b"rows of patientz")
    (path / "keys" / "artifact-keys" / "a.pub").unlink()
    found = [fault for _, fault in open_backup(path, None).faults() if fault]
    assert found == ["database.dump is not what the manifest says", "keys/artifact-keys/a.pub is missing"]
    (path / "database.dump").write_bytes(b"rows")
    assert "4 bytes, and the manifest says 16" in str(dict(open_backup(path, None).faults())["database.dump"])
    (path / "database.dump").unlink()
    (path / "database.dump").symlink_to("/etc/passwd")
    assert "cannot be read" in str(dict(open_backup(path, None).faults())["database.dump"])


def test_a_sealed_backup_tells_nothing_without_its_key_and_who_has_it_notices_an_altered_manifest(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, name_of(1), key=KEY)
    assert b"".join(open_backup(path, KEY).plain("database.dump")) == b"rows of patients"
    assert all(b"patients" not in file.read_bytes() for file in path.rglob("*") if file.is_file())
    with pytest.raises(IntegrityError, match="is sealed"):
        open_backup(path, None)
    with pytest.raises(IntegrityError, match="another key"):
        open_backup(path, OTHER)
    body = (path / "manifest.json").read_text()
    (path / "manifest.json").write_text(body.replace('"schema_revision": "abc"', '"schema_revision": "abd"'))
    with pytest.raises(IntegrityError, match="the manifest was altered"):
        open_backup(path, KEY)
    (path / "manifest.mac").unlink()
    with pytest.raises(IntegrityError, match="nobody vouches"):
        open_backup(path, KEY)


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a//b", "", ".", "a\\b"])
def test_a_manifest_that_names_what_is_outside_is_no_manifest(tmp_path: Path, name: str) -> None:
    body: dict[str, Any] = json.loads((written(tmp_path, name_of(1)) / "manifest.json").read_text())
    body["files"][name] = body["files"]["database.dump"]
    with pytest.raises(IntegrityError, match="not inside of the backup"):
        parsed(json.dumps(body).encode(), "it")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"nothing", b'{"format": 2}'])
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(IntegrityError):
        parsed(body, "it")


def test_rotation_removes_the_oldest_whole_ones_of_this_installation_and_nothing_else(tmp_path: Path) -> None:
    for day in (1, 2, 3, 4):
        written(tmp_path, name_of(day))
    stranger = written(tmp_path, name_of(5), installation="another")
    half = tmp_path / name_of(6)
    half.mkdir()
    (half / "database.dump").write_bytes(b"x")
    lying = tmp_path / name_of(7)
    lying.mkdir()
    (lying / "manifest.json").write_bytes((tmp_path / name_of(1) / "manifest.json").read_bytes())
    (tmp_path / "notes.txt").write_text("mine")
    new = open_backup(tmp_path / name_of(4), None).manifest
    assert [path.name for path in rotate(tmp_path, 2, new)] == [name_of(1), name_of(2)]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {name_of(3), name_of(4), stranger.name, half.name, lying.name, "notes.txt"}
    assert newest(tmp_path) == stranger
    assert rotate(tmp_path, 2, new) == []


def test_rotation_keeps_what_was_just_made_though_the_clock_went_back(tmp_path: Path) -> None:
    new = open_backup(written(tmp_path, name_of(1)), None).manifest
    written(tmp_path, name_of(2))
    assert [path.name for path in rotate(tmp_path, 1, new)] == [name_of(2)]


def test_rotation_removes_nothing_for_an_installation_that_has_no_name_yet(tmp_path: Path) -> None:
    stranger = written(tmp_path, name_of(1), installation=None)
    new = open_backup(written(tmp_path, name_of(2), installation=None), None).manifest
    assert rotate(tmp_path, 1, new) == []
    assert stranger.is_dir()


def test_a_rotation_that_is_killed_leaves_what_the_next_backup_clears_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, name_of(1))
    new = open_backup(written(tmp_path, name_of(2)), None).manifest

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("scripts.backup.place.shutil.rmtree", killed)
        rotate(tmp_path, 1, new)
    assert newest(tmp_path) == tmp_path / name_of(2)
    assert clear_unfinished(tmp_path, older_than_s=-1) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name_of(2)]


def test_where_a_key_is_given_a_backup_that_nobody_sealed_is_not_believed(tmp_path: Path) -> None:
    """Whoever may write beside sealed backups could put one of their own making there."""
    path = written(tmp_path, name_of(1))
    with pytest.raises(IntegrityError, match="not sealed, so nobody vouches"):
        open_backup(path, KEY)
    assert open_backup(path, None).manifest.sealed is None


@pytest.mark.parametrize("files", ['{"../../../../out": {"sha256": "x"}}', '{"manifest.json": {"sha256": "x"}}', "[]"])
def test_an_artifact_that_names_what_is_none_of_its_files_is_unsound_and_leads_nowhere(
    tmp_path: Path, files: str
) -> None:
    body = b'{"files": %b}' % files.encode()
    home = tmp_path / hashlib.sha256(body).hexdigest()
    home.mkdir()
    (home / "manifest.json").write_bytes(body)
    with pytest.raises(IntegrityError, match="its manifest names"):
        list(artifact_files(home))


def test_what_dies_in_the_middle_is_no_backup(tmp_path: Path) -> None:
    draft = Draft(tmp_path / f".{name_of(1)}.unfinished", None)
    draft.directory.mkdir()

    def broken() -> Any:
        yield b"half of it"
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        draft.add("database.dump", broken())
    assert newest(tmp_path) is None
    with pytest.raises(NotFoundError, match="is no backup"):
        open_backup(draft.directory, None)


def program(directory: Path, name: str, version: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
    path.chmod(0o755)


def test_the_oldest_program_that_is_new_enough_is_taken_and_too_old_ones_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, version in (("old", "15.18 (Debian)"), ("new", "18.4")):
        (tmp_path / place).mkdir()
        program(tmp_path / place, "pg_dump", version)
    monkeypatch.setattr(postgres_programs, "bin_dir", lambda: tmp_path / "new")
    monkeypatch.setenv("PATH", f"{tmp_path / 'old'}:{os.environ['PATH']}")
    assert postgres_programs.program("pg_dump", at_least=14, because="it") == (tmp_path / "old" / "pg_dump", 15)
    assert postgres_programs.program("pg_dump", at_least=17, because="it") == (tmp_path / "new" / "pg_dump", 18)
    with pytest.raises(InvalidError, match=r"this server needs pg_dump of PostgreSQL 19 or newer; .*is of version 15"):
        postgres_programs.program("pg_dump", at_least=19, because="this server")
