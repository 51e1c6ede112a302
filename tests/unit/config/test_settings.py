"""Settings refuse what would be dangerous, and keep secrets to themselves."""

import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.settings import PlatformSettings, Settings


@pytest.mark.parametrize("secret", [None, "", "changeme", "password", "short"])
def test_production_refuses_a_missing_placeholder_or_short_secret(secret: str | None) -> None:
    with pytest.raises(ValidationError, match="STEWARD_SECRET_KEY"):
        PlatformSettings(env="production", secret_key=secret)


def test_production_accepts_a_long_secret_of_its_own() -> None:
    assert PlatformSettings(env="production", secret_key="k" * 48).hash_key == b"k" * 48


def test_a_secret_does_not_show_in_the_settings_text() -> None:
    settings = Settings(platform=PlatformSettings(secret_key="very-private-value"))
    assert "very-private-value" not in repr(settings)
    assert "very-private-value" not in settings.model_dump_json()


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first, second = PlatformSettings(home=tmp_path), PlatformSettings(home=tmp_path)
    assert first.hash_key == second.hash_key
    assert len(first.hash_key) >= 32
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_default_model_name_that_could_be_a_path_is_refused() -> None:
    with pytest.raises(ValidationError, match="default_model"):
        PlatformSettings(default_model="../etc/passwd")
