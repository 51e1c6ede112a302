"""Settings refuse what would be dangerous, and keep secrets to themselves."""

import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.settings import DatabaseSettings, PlatformSettings, Settings, default_home


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


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_an_empty_variable_is_not_set(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("STEWARD_HOME", "STEWARD_CONTRACTS_DIR", "STEWARD_SECRET_KEY", "DATABASE_URL", "API_PORT")
    monkeypatch.chdir(tmp_path)
    for name in names:
        monkeypatch.delenv(name, raising=False)
        if where == "environment":
            monkeypatch.setenv(name, "")
    if where == ".env":
        (tmp_path / ".env").write_text("".join(f"{name}=\n" for name in names))
    settings = Settings()
    assert settings.platform.home == default_home()
    assert settings.platform.contracts_dir == PlatformSettings.model_fields["contracts_dir"].default
    assert settings.platform.secret_key is None
    assert settings.database == DatabaseSettings(_env_file=None)
    assert settings.api.port == 8000


def test_an_empty_secret_is_a_missing_one_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEWARD_ENV", "production")
    monkeypatch.setenv("STEWARD_SECRET_KEY", "")
    with pytest.raises(ValidationError, match="STEWARD_SECRET_KEY"):
        PlatformSettings()
