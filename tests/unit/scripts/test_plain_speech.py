"""What a command says when a setting is wrong, and when the database is not there, or is there and gave up."""

import pytest
import typer
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from scripts.plain_speech import said_plainly


class _AnsweredError(Exception):
    """What the driver raises when PostgreSQL answered with a code."""

    def __init__(self, pgcode: str, says: str) -> None:
        super().__init__(says)
        self.pgcode = pgcode


@pytest.fixture(autouse=True)
def _logging_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.speech.configure_logging", lambda *_, **__: None)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OperationalError("SELECT", {}, Exception("refused\nis it up?")), "does not answer (refused): is it running"),
        (PoolTimeoutError("no connection left"), "does not answer (no connection left): is it running"),
        (
            OperationalError("SELECT", {}, _AnsweredError("57014", "took too long")),
            "gave up on this (took too long): try",
        ),
    ],
)
def test_only_a_database_that_is_away_is_asked_whether_it_runs(
    error: Exception, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, said_plainly():
        raise error
    assert ended.value.exit_code == 1
    assert says in capsys.readouterr().err


def test_a_wrong_question_is_a_fault_of_ours_and_stays_one() -> None:
    with pytest.raises(ProgrammingError), said_plainly():
        raise ProgrammingError("SELECT", {}, _AnsweredError("42P01", "no such table"))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("API_PORT", "abc", "error API_PORT: Input should be a valid integer"),
        ("UI_PORT", "70000", "error UI_PORT: Input should be less than or equal to 65535"),
        ("RETENTION_DAYS", "10", "error RETENTION_DAYS: at least 183 days are kept"),
        ("API_CORS_ORIGINS", "https://a.example", "error API_CORS_ORIGINS: is not valid JSON"),
        ("NOTIFY_URLS", "{", "error NOTIFY_URLS: is not valid JSON"),
    ],
)
def test_a_wrong_setting_is_named_as_it_is_set(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(typer.Exit) as ended, said_plainly():
        pass
    assert ended.value.exit_code == 1
    assert says in capsys.readouterr().err
