"""The release is known in a checkout, in an image and where the package is installed."""

from importlib import metadata
from pathlib import Path

import pytest

from config.release import release


def test_in_an_image_no_package_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    known = release()
    monkeypatch.setattr("importlib.metadata.distribution", unknown)
    assert release() == known


def test_where_a_wheel_is_installed_there_is_no_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = release()
    monkeypatch.setattr("config.release.ROOT", tmp_path)
    assert release() == known
