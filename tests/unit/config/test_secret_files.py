"""Secrets from files: read whole, never shown, and every fault named by its variable and file."""

import os
import traceback
from pathlib import Path

import pytest
import typer
from pydantic_settings import BaseSettings

from config import settings
from config.secret_files import MAX_BYTES, SecretFileError, _is_secret
from config.settings import AgentSettings, DatabaseSettings, NotifySettings, OidcSettings, PlatformSettings
from scripts.plain_speech import said_plainly

CANARY = "canary-7c1b"
GROUPS: list[type[BaseSettings]] = [type(value) for _, value in settings.Settings()]


def _file(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.fixture(autouse=True)
def _nothing_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("DATABASE_URL", "STEWARD_SECRET_KEY", "AGENT_DATABASE_URL", "NOTIFY_", "SLACK_", "OIDC_")):
            monkeypatch.delenv(name)


def test_every_secret_can_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STEWARD_SECRET_KEY", "DATABASE_URL", "AGENT_DATABASE_URL", "OIDC_CLIENT_SECRET", "SLACK_WEBHOOK_URL"):
        monkeypatch.setenv(f"{name}_FILE", _file(tmp_path / name, f"{CANARY} of {name}\n"))
    monkeypatch.setenv("NOTIFY_URLS_FILE", _file(tmp_path / "urls", f'{{"team": "{CANARY}"}}'))
    hook = f'{{"ops": {{"url": "https://a", "secret": "{CANARY}"}}}}'
    monkeypatch.setenv("NOTIFY_WEBHOOKS_FILE", _file(tmp_path / "hooks", hook))
    read = [PlatformSettings().secret_key, DatabaseSettings().url, AgentSettings().database_url]
    read += [OidcSettings().client_secret, NotifySettings().slack_webhook_url]
    assert [one.get_secret_value() for one in read if one] == [
        f"{CANARY} of {name}"
        for name in (
            "STEWARD_SECRET_KEY",
            "DATABASE_URL",
            "AGENT_DATABASE_URL",
            "OIDC_CLIENT_SECRET",
            "SLACK_WEBHOOK_URL",
        )
    ]
    assert NotifySettings().notify_urls["team"].get_secret_value() == CANARY
    assert NotifySettings().notify_webhooks["ops"].secret.get_secret_value() == CANARY
    assert CANARY not in repr(settings.Settings())


def test_no_secret_was_forgotten_here() -> None:
    """A new secret setting is in the test above, and in the list at the head of `.env.example`."""
    secret = {
        f"{group.model_config.get('env_prefix', '')}{name}".upper()
        for group in GROUPS
        for name, field in group.model_fields.items()
        if _is_secret(field.annotation)
    }
    head = (settings.ROOT / ".env.example").read_text().split("# ---")[0]
    assert {name for name in secret if name not in head} == set()


def test_the_env_file_may_name_the_file(tmp_path: Path) -> None:
    _file(tmp_path / ".env", f"DATABASE_URL_FILE={_file(tmp_path / 'url', CANARY)}\n")
    url = DatabaseSettings().url
    assert url
    assert url.get_secret_value() == CANARY


def test_an_empty_variable_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", "")
    assert DatabaseSettings().url is None


def test_a_setting_that_is_no_secret_reads_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT_FILE", _file(tmp_path / "port", "1"))
    assert settings.ApiSettings().port == 8000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (b"\xff" + CANARY.encode(), "is not UTF-8 text"),
        (CANARY * (MAX_BYTES // len(CANARY) + 1), "is larger than 65536 bytes"),
    ],
)
def test_a_file_that_cannot_hold_a_secret_is_named_and_not_shown(
    content: str | bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path / "url", content)
    monkeypatch.setenv("DATABASE_URL_FILE", path)
    with pytest.raises(SecretFileError) as fault:
        DatabaseSettings()
    assert f"DATABASE_URL_FILE: {path} {says}" in str(fault.value)
    assert CANARY not in "".join(traceback.format_exception(fault.value))


def test_a_file_that_is_not_there_a_directory_and_a_pipe_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, says in (
        (tmp_path / "gone", "cannot be read"),
        (tmp_path, "is not a file"),
        (tmp_path / "pipe", "is not"),
    ):
        monkeypatch.setenv("DATABASE_URL_FILE", str(path))
        with pytest.raises(SecretFileError, match=f"DATABASE_URL_FILE: {path} {says}"):
            DatabaseSettings()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_one_may_not_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "url"
    _file(path, CANARY)
    path.chmod(0)
    monkeypatch.setenv("DATABASE_URL_FILE", str(path))
    with pytest.raises(SecretFileError, match="Permission denied"):
        DatabaseSettings()


def test_json_that_is_broken_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_URLS_FILE", _file(tmp_path / "urls", f'{{"team": "{CANARY}"'))
    with pytest.raises(SecretFileError, match="is not valid JSON") as fault:
        NotifySettings()
    assert CANARY not in "".join(traceback.format_exception(fault.value))


def test_a_secret_that_is_given_twice_is_refused_and_a_command_says_so_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.speech.configure_logging", lambda *_, **__: None)
    monkeypatch.setenv("DATABASE_URL", f"{CANARY}-1")
    monkeypatch.setenv("DATABASE_URL_FILE", _file(tmp_path / "url", f"{CANARY}-2"))
    with pytest.raises(typer.Exit), said_plainly():
        pass
    told = capsys.readouterr().err
    assert "error DATABASE_URL and DATABASE_URL_FILE are both set" in told
    assert CANARY not in told


def test_a_production_key_from_a_file_counts_and_a_short_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEWARD_ENV", "production")
    monkeypatch.setenv("STEWARD_SECRET_KEY_FILE", _file(tmp_path / "key", "k" * 40))
    assert PlatformSettings().hash_key == b"k" * 40
    _file(tmp_path / "key", "short")
    with pytest.raises(ValueError, match="STEWARD_SECRET_KEY"):
        PlatformSettings()
