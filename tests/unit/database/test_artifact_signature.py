"""A version is vouched for by a key: whoever may write files and rows, and lacks it, gets nothing served."""

import hashlib
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from database.artifact_signature import SIGNED_KINDS, Trust, signature_line
from database.artifact_store import MANIFEST, SIGNATURES, ArtifactStore
from database.errors import IntegrityError
from database.signing_keys import key_id
from training.serving_artifact import KIND

FILES = {"model.onnx": b"weights" * 100, "golden.json": b"[]"}
OURS, ANOTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def trust(*keys: Ed25519PrivateKey, unsigned: bool = False) -> Trust:
    public = [key.public_key() for key in keys]
    return Trust({key_id(key): key for key in public}, unsigned)


def signing(root: Path, key: Ed25519PrivateKey, believed: Trust) -> ArtifactStore:
    return ArtifactStore(root, trust=lambda: believed, signer=lambda: key)


def reading(root: Path, believed: Trust) -> ArtifactStore:
    return ArtifactStore(root, trust=lambda: believed)


def test_what_serves_is_a_kind_that_must_be_signed() -> None:
    assert KIND in SIGNED_KINDS


def test_what_the_trainer_signed_is_read_by_who_knows_the_public_key_alone(tmp_path: Path) -> None:
    digest = signing(tmp_path, OURS, trust(OURS)).put(KIND, FILES, {})
    assert reading(tmp_path, trust(OURS)).read(digest, KIND).files == FILES


def test_what_nobody_signed_is_read_only_where_the_settings_say_so(tmp_path: Path) -> None:
    digest = ArtifactStore(tmp_path).put(KIND, FILES, {})
    assert reading(tmp_path, trust(OURS, unsigned=True)).read(digest, KIND).files == FILES
    with pytest.raises(IntegrityError, match="nobody signed it"):
        reading(tmp_path, trust(OURS)).read(digest, KIND)


@pytest.mark.parametrize("unsigned", [True, False])
def test_another_key_an_edited_line_and_the_line_of_another_artifact_are_refused_everywhere(
    tmp_path: Path, unsigned: bool
) -> None:
    digest = signing(tmp_path, ANOTHER, trust(ANOTHER)).put(KIND, FILES, {})
    store, line = reading(tmp_path, trust(OURS, unsigned=unsigned)), tmp_path / "sha256" / digest / SIGNATURES
    with pytest.raises(IntegrityError, match=f"signed by {key_id(ANOTHER.public_key())}"):
        store.read(digest, KIND)
    line.write_bytes(signature_line("0" * 64, OURS))
    with pytest.raises(IntegrityError, match="does not fit"):
        store.read(digest, KIND)
    line.write_bytes(b"{}\nnonsense\n")
    with pytest.raises(IntegrityError, match="signed by nobody"):
        store.read(digest, KIND)


def test_a_key_is_changed_while_the_old_one_is_still_in_use(tmp_path: Path) -> None:
    """First both are trusted, then everything is signed with the new one, then the old one is no longer trusted."""
    digest = signing(tmp_path, OURS, trust(OURS)).put(KIND, FILES, {})
    both = trust(OURS, ANOTHER)
    signing(tmp_path, ANOTHER, both).sign(digest, KIND)
    signing(tmp_path, ANOTHER, both).sign(digest, KIND)
    assert len((tmp_path / "sha256" / digest / SIGNATURES).read_bytes().splitlines()) == 2
    for believed in (trust(OURS), trust(ANOTHER), both):
        assert reading(tmp_path, believed).read(digest, KIND).files == FILES


def test_what_is_stored_again_is_signed_though_it_was_there_unsigned(tmp_path: Path) -> None:
    digest = ArtifactStore(tmp_path).put(KIND, FILES, {})
    assert signing(tmp_path, OURS, trust(OURS)).put(KIND, FILES, {}) == digest
    assert reading(tmp_path, trust(OURS)).read(digest, KIND).files == FILES
    assert list((tmp_path / "tmp").iterdir()) == []


def test_nothing_is_signed_that_is_not_believed(tmp_path: Path) -> None:
    digest = signing(tmp_path, ANOTHER, trust(ANOTHER)).put(KIND, FILES, {})
    with pytest.raises(IntegrityError):
        signing(tmp_path, OURS, trust(OURS)).sign(digest, KIND)


def test_a_thousand_changes_of_any_file_are_refused_or_change_nothing(tmp_path: Path) -> None:
    """A signature says who vouches, not what is served: a line end more or less there harms nobody."""
    chance = random.Random(7)  # noqa: S311
    digest = signing(tmp_path, OURS, trust(OURS)).put(KIND, FILES, {"threshold": 0.5})
    store, home = reading(tmp_path, trust(OURS)), tmp_path / "sha256" / digest
    refused = 0
    for _ in range(1000):
        path = home / chance.choice([*FILES, MANIFEST, SIGNATURES])
        whole = path.read_bytes()
        at = chance.randrange(len(whole))
        path.write_bytes(
            chance.choice([
                whole[:at],
                whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :],
                whole[:at] + chance.randbytes(3) + whole[at:],
                whole[at:] + whole[:at],
                b"\x80\x04" + whole,
            ])
        )  # fmt: skip
        if path.read_bytes() != whole:
            try:
                assert store.read(digest, KIND).files == FILES
                assert path.name == SIGNATURES, path.name
            except IntegrityError:
                refused += 1
        path.write_bytes(whole)
    assert refused > 950
    assert store.read(digest, KIND).files == FILES


@contextmanager
def swapping(path: Path, *contents: Path) -> Iterator[None]:
    """Somebody who puts one content after the other in the place of a file, as fast as can be."""
    stopped = threading.Event()

    def swap() -> None:
        number = 0
        while not stopped.is_set():
            link = path.with_name(f".{number}")
            os.link(contents[number % len(contents)], link)
            link.rename(path)
            number += 1

    thread = threading.Thread(target=swap, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(5)


@pytest.mark.parametrize(("name", "loads"), [("model.onnx", 1000), (MANIFEST, 200)])
def test_a_file_that_is_swapped_during_a_thousand_loads_is_the_right_one_or_refused(
    tmp_path: Path, name: str, loads: int
) -> None:
    digest = signing(tmp_path, OURS, trust(OURS)).put(KIND, FILES, {})
    store, path = reading(tmp_path, trust(OURS)), tmp_path / "sha256" / digest / name
    sound, evil = tmp_path / "sound", tmp_path / "evil"
    sound.write_bytes(path.read_bytes())
    evil.write_bytes(path.read_bytes().replace(b"e", b"E"))
    outcomes = {True: 0, False: 0}
    with swapping(path, sound, evil):
        for _ in range(loads):
            try:
                assert store.read(digest, KIND).files == FILES
                outcomes[True] += 1
            except IntegrityError:
                outcomes[False] += 1
    assert min(outcomes.values()) > 0, f"nothing was swapped: {outcomes}"


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe would be waited for; a device never ends."""
    digest = signing(tmp_path, OURS, trust(OURS)).put(KIND, FILES, {})
    store, home = reading(tmp_path, trust(OURS)), tmp_path / "sha256" / digest
    for name in ("golden.json", SIGNATURES, MANIFEST):
        whole = (home / name).read_bytes()
        (home / name).unlink()
        os.mkfifo(home / name)
        with pytest.raises(IntegrityError, match="no plain file"):
            store.read(digest, KIND)
        (home / name).unlink()
        (home / name).symlink_to("/dev/zero")
        with pytest.raises(IntegrityError, match="cannot be read"):
            store.read(digest, KIND)
        (home / name).unlink()
        (home / name).write_bytes(whole)
    assert store.read(digest, KIND).files == FILES


@pytest.mark.parametrize(
    "manifest",
    [
        b"{",
        b"[" * 100_000,
        b"null",
        b'{"kind": "serving_artifact"}',
        b'{"kind": "serving_artifact", "meta": {}, "files": {"a": {"size": 1e400, "sha256": ""}}}',
        b'{"kind": "serving_artifact", "meta": {}, "files": {"a": {"size": -1, "sha256": ""}}}',
        b'{"kind": "serving_artifact", "meta": {}, "files": {"a": {"size": 99999999999, "sha256": ""}}}',
        b'{"kind": "serving_artifact", "meta": {}, "files": {"../a": {"size": 1, "sha256": ""}}}',
        b'{"kind": "serving_artifact", "meta": {}, "files": {"manifest.sig": {"size": 1, "sha256": ""}}}',
        b'{"kind": "serving_artifact", "meta": {}, "files": {%s}}'
        % b", ".join(b'"f%d": {"size": 536870912, "sha256": ""}' % n for n in range(1000)),
    ],
    ids=range(10),
)
def test_a_manifest_that_is_nonsense_or_promises_too_much_is_refused_even_if_its_digest_and_signature_fit(
    tmp_path: Path, manifest: bytes
) -> None:
    digest = hashlib.sha256(manifest).hexdigest()
    home = tmp_path / "sha256" / digest
    home.mkdir(parents=True)
    (home / MANIFEST).write_bytes(manifest)
    (home / SIGNATURES).write_bytes(signature_line(digest, OURS))
    with pytest.raises(IntegrityError):
        reading(tmp_path, trust(OURS)).read(digest, KIND)


def test_a_file_larger_than_its_manifest_says_is_not_read(tmp_path: Path) -> None:
    digest = signing(tmp_path, OURS, trust(OURS)).put(KIND, FILES, {})
    with (tmp_path / "sha256" / digest / "model.onnx").open("r+b") as file:
        file.truncate(40 * 1024**3)  # a hole: it takes no room on the disk, and would take all of the memory
    with pytest.raises(IntegrityError, match="has 42949672960 bytes"):
        reading(tmp_path, trust(OURS)).read(digest, KIND)
