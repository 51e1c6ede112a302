"""What a digest names can never change; what was changed is never read."""

import errno
import os
import time
from pathlib import Path

import pytest

from config.fault_points import InjectedFaultError, arm
from database.artifact_store import ArtifactStore
from database.errors import IntegrityError, InvalidError, NotFoundError

FILES = {"model.onnx": b"weights" * 100, "golden.json": b"[]"}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path)


def _home(root: Path, digest: str) -> Path:
    return root / "sha256" / digest


def test_what_was_put_is_read_back(store: ArtifactStore) -> None:
    digest = store.put("model", FILES, {"threshold": 0.5})
    artifact = store.read(digest, "model")
    assert dict(artifact.files) == FILES
    assert artifact.meta == {"threshold": 0.5}


def test_the_same_content_is_one_artifact(store: ArtifactStore, tmp_path: Path) -> None:
    assert store.put("model", FILES, {}) == store.put("model", dict(reversed(FILES.items())), {})
    assert len(list((tmp_path / "sha256").iterdir())) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_missing_file_a_link_and_another_kind_are_refused(store: ArtifactStore, tmp_path: Path) -> None:
    digest = store.put("model", FILES, {})
    with pytest.raises(IntegrityError, match="expected a dataset"):
        store.read(digest, "dataset")
    path = _home(tmp_path, digest) / "golden.json"
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=r"golden\.json cannot be read"):
        store.read(digest, "model")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=r"golden\.json cannot be read"):
        store.read(digest, "model")


def test_an_unknown_artifact_is_not_found(store: ArtifactStore) -> None:
    with pytest.raises(NotFoundError):
        store.read("0" * 64, "model")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 63, "A" * 64, "", "0" * 64 + "\n"])
def test_a_name_that_is_no_digest_is_refused(store: ArtifactStore, name: str) -> None:
    with pytest.raises((InvalidError, NotFoundError)):
        store.read(name, "model")


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "manifest.json", "x\0y"])
def test_a_file_name_that_could_leave_the_directory_is_refused(store: ArtifactStore, name: str) -> None:
    with pytest.raises(InvalidError):
        store.put("model", {name: b""}, {})


def test_a_full_disk_leaves_nothing_behind(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("database.artifact_store._write_synced", full)
    with pytest.raises(OSError, match="No space left"):
        store.put("model", FILES, {})
    assert list((tmp_path / "sha256").iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_dead_writer_published_is_made_lasting_by_whoever_stores_it_again(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have died between the rename and the sync of the directory."""
    arm("artifact.after_rename=raise")
    try:
        with pytest.raises(InjectedFaultError):
            store.put("model", FILES, {})
    finally:
        arm("")
    synced: list[Path] = []
    monkeypatch.setattr("database.artifact_store.sync_directory", synced.append)
    assert store.has(store.put("model", FILES, {}))
    assert synced == [tmp_path / "sha256"]


def test_only_what_was_left_behind_more_than_a_day_ago_is_swept(store: ArtifactStore, tmp_path: Path) -> None:
    assert store.sweep() == 0
    kept = store.put("model", FILES, {})
    for name, hours in (("dead", 25), ("alive", 23)):
        draft = tmp_path / "tmp" / name
        draft.mkdir()
        (draft / "model.onnx").write_bytes(b"half")
        os.utime(draft, (time.time() - hours * 3600,) * 2)
    os.utime(_home(tmp_path, kept), (0, 0))
    assert store.sweep() == 1
    assert [left.name for left in (tmp_path / "tmp").iterdir()] == ["alive"]
    assert store.read(kept, "model").files == FILES


def test_a_machine_that_has_no_file_left_to_open_says_nothing_about_the_artifact(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = store.put("k", {"a": b"1"}, {})

    def short(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", short)
        with pytest.raises(OSError, match="Too many open files"):
            store.read(digest, "k")
    assert store.read(digest, "k").files == {"a": b"1"}
