"""Somebody who may write the rows and the files puts a version in place that the trainer never vouched for, or one that
is broken: it never answers a request, the last good one does, and why is said."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session

from api.main import create_app
from config.settings import ArtifactSettings
from database.artifact_keys import artifact_signer
from database.artifact_signature import signature_line
from database.artifact_store import MANIFEST, SIGNATURES, ArtifactStore
from tests.integration.api.conftest import Api, Installation, install, serve, settings_for, wait_until
from tests.serving_factories import activate, register
from training.serving_artifact import KIND


@pytest.fixture
def vouched(home: Path, database_url: URL, engine: Engine) -> Installation:
    """An installation that serves only what the trainer signed."""
    settings = settings_for(home, database_url).model_copy(update={"artifact": ArtifactSettings(unsigned="refuse")})
    installed = install(settings, engine)
    vouch(installed, installed.version.artifact_digest)
    return installed


def vouch(installed: Installation, digest: str) -> None:
    settings = installed.settings
    ArtifactStore(settings.artifacts_dir, signer=lambda: artifact_signer(settings)).sign(digest, KIND)


@pytest.fixture
def api(vouched: Installation) -> Iterator[Api]:
    yield from serve(create_app(vouched.settings))


@dataclass(frozen=True)
class Case:
    """What is done to the directory of a sound, signed version, and what the replica says of it."""

    spoil: Callable[[Path], None]
    says: str


def _flip(home: Path) -> None:
    data = bytearray((home / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (home / "model.onnx").write_bytes(bytes(data))


def _cut(home: Path) -> None:
    os.truncate(home / "golden.json", 10)


def _grow(home: Path) -> None:
    os.truncate(home / "model.onnx", 40 * 1024**3)


def _link(home: Path) -> None:
    moved = home.parent.parent / "model.onnx"
    (home / "model.onnx").rename(moved)
    (home / "model.onnx").symlink_to(moved)


def _pipe(home: Path) -> None:
    (home / SIGNATURES).unlink()
    os.mkfifo(home / SIGNATURES)


def _other_key(home: Path) -> None:
    (home / SIGNATURES).write_bytes(signature_line(home.name, Ed25519PrivateKey.generate()))


CASES = {
    "a changed byte": Case(_flip, "model.onnx is not what its manifest says"),
    "half a file": Case(_cut, "golden.json has 10 bytes"),
    "no manifest yet": Case(lambda home: (home / MANIFEST).unlink(), "manifest.json cannot be read"),
    "a file is missing": Case(lambda home: (home / "encoding.json").unlink(), "encoding.json cannot be read"),
    "forty gigabytes": Case(_grow, "model.onnx has 42949672960 bytes"),
    "a link": Case(_link, "model.onnx cannot be read"),
    "a pipe": Case(_pipe, "manifest.sig cannot be read"),
    "signed by nobody": Case(lambda home: (home / SIGNATURES).unlink(), "nobody signed it"),
    "signed by somebody else": Case(_other_key, "it is signed by"),
    "gone": Case(shutil.rmtree, "is not in the store"),
}


def test_no_hostile_version_is_ever_served_and_the_last_good_one_goes_on(
    api: Api, vouched: Installation, tmp_path: Path
) -> None:
    for number, (name, case) in enumerate(CASES.items(), start=1):
        version = vouched.new_version(bias=float(number), serve=False)
        vouch(vouched, version.artifact_digest)
        case.spoil(vouched.settings.artifacts_dir / "sha256" / version.artifact_digest)
        _make_it_serve(vouched, version.id)
        _refused(api, vouched, version.version, case.says, name)
    for number, (name, files) in enumerate(_poisoned(vouched, tmp_path / "opened").items(), start=1):
        digest = vouched.store.put(KIND, files, vouched.store.read(vouched.version.artifact_digest, KIND).meta)
        vouch(vouched, digest)
        with Session(vouched.engine, expire_on_commit=False) as session, session.begin():
            version = register(session, vouched.contract, digest)
        _make_it_serve(vouched, version.id)
        _refused(api, vouched, version.version, "cannot be loaded", f"{number} {name}")
    assert not (tmp_path / "opened").exists(), "a model ran code of its own"
    good = vouched.new_version(bias=0.9, serve=False)
    vouch(vouched, good.artifact_digest)
    _make_it_serve(vouched, good.id)
    wait_until(lambda: api.predict(vouched.keys.everything).json()["model_version"] == good.version, 5)
    assert api.get("/readyz").json()["status"] == "ok"


def _poisoned(installed: Installation, target: Path) -> dict[str, dict[str, bytes]]:
    """Files that even the trainer signed: a pickle in the place of each that is parsed, which would make `target`."""
    evil = b"cposix\nsystem\n(S'touch " + str(target).encode() + b"'\ntR."
    sound = dict(installed.store.read(installed.version.artifact_digest, KIND).files)
    return {name: sound | {name: evil} for name in sorted(sound)}


def _make_it_serve(installed: Installation, version_id: int) -> None:
    with Session(installed.engine) as session, session.begin():
        activate(session, session.get_one(type(installed.version), version_id))


def _refused(api: Api, installed: Installation, version: int, says: str, name: str) -> None:
    def told() -> str:
        (slots,) = api.runtime.predictor.slots()
        return slots.error or "" if slots.desired.version == version else ""

    wait_until(lambda: bool(told()), 5)
    assert says in told(), name
    answer = api.predict(installed.keys.everything)
    assert (answer.status_code, answer.json()["model_version"]) == (200, installed.version.version), name
    assert f"version {version} could not be loaded" in api.get("/readyz").json()["why"][0]


def test_a_key_that_is_trusted_no_more_vouches_for_nothing_from_the_next_load_on(
    api: Api, vouched: Installation
) -> None:
    version = vouched.new_version(bias=0.7, serve=False)
    vouch(vouched, version.artifact_digest)
    for public in vouched.settings.artifact_trusted_dir.iterdir():
        public.unlink()
    _make_it_serve(vouched, version.id)
    _refused(api, vouched, version.version, "trusted here is nobody", "no key")
