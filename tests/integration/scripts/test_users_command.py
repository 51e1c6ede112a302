"""People are invited and let in from the command line, by links that only their terminal shows."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import URL, Engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from config.settings import PlatformSettings, Settings, UiSettings
from database.connection import session_scope
from database.enums import Role
from database.errors import StewardError
from database.queries import invitations, people
from database.queries.audit import SYSTEM
from database.queries.people import NOWHERE
from scripts.cli import app
from scripts.first_link import link_address, say_first_link

KEY = "k" * 40
PASSWORD = "a password of my own"
DASHBOARD = "http://127.0.0.1:8501"


@pytest.fixture(autouse=True)
def environment(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    url = database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url.replace("postgresql+psycopg2://", "postgresql://"))
    monkeypatch.setenv("STEWARD_SECRET_KEY", KEY)


def _done(*command: str) -> str:
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return done.stdout


def _accept(engine: Engine, address: str, name: str | None = None) -> str:
    """Use a link up; the name of who is in then."""
    parts = urlsplit(address.strip())
    assert parts.path == "/auth/first"
    with session_scope(engine) as session:
        _, person = invitations.accept(
            session,
            token=parse_qs(parts.query)["token"][0],
            name=name,
            password=PASSWORD,
            hash_key=KEY.encode(),
            lifetime=timedelta(hours=1),
            where=NOWHERE,
        )
    return person.name


def test_who_is_invited_gets_a_link_that_lets_them_in_once(engine: Engine) -> None:
    link = _done("users", "invite", "grace", "--role", "approver")
    assert _accept(engine, link) == "grace"
    with pytest.raises(StewardError, match="used already"):
        _accept(engine, link)
    with Session(engine) as session:
        assert people.by_name(session, "grace").roles == ["approver"]
    told = json.loads(_done("users", "link", "grace", "--json"))
    assert told["name"] == "grace"
    assert _accept(engine, told["link"]) == "grace"


def test_what_cannot_be_is_one_sentence(engine: Engine) -> None:
    _done("users", "invite", "grace", "--role", "admin")
    for command, says in (
        (("users", "invite", "grace"), "there is a user grace already"),
        (("users", "link", "nobody"), "there is no user nobody"),
        (("users", "invite", "Grace Hopper"), "name: expected"),
    ):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 1
        assert says in done.output
        assert "Traceback" not in done.output
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET password_hash = 'x'"))
    last = CliRunner().invoke(app, ("users", "disable", "grace"))
    assert (last.exit_code, "last administrator" in last.output) == (1, True)
    _done("users", "invite", "ada", "--role", "admin")
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET password_hash = 'x'"))
    _done("users", "disable", "grace")
    _done("users", "enable", "grace")


def _said(database_url: URL, *, log_json: bool = False) -> list[str]:
    settings = Settings(platform=PlatformSettings(secret_key=SecretStr(KEY), log_json=log_json))
    said: list[str] = []
    say_first_link(settings, database_url, DASHBOARD, said.append)
    return said


def test_a_new_installation_says_once_how_its_first_person_gets_in(engine: Engine, database_url: URL) -> None:
    says, link = _said(database_url)
    assert "you the administrator" in says
    assert link.startswith(f"{DASHBOARD}/auth/first?token=")
    (again,) = _said(database_url)
    assert "printed before works until" in again
    assert "token" not in again
    with engine.begin() as connection:
        connection.execute(text("UPDATE invitations SET expires_at = now()"))
    assert _accept(engine, _said(database_url)[1], name="ada") == "ada"
    assert _said(database_url) == []
    with pytest.raises(StewardError):
        _accept(engine, link, name="eve")


def test_where_what_is_said_ends_in_a_log_no_link_is_made(engine: Engine, database_url: URL) -> None:
    (says,) = _said(database_url, log_json=True)
    assert "steward users invite NAME --role admin" in says
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM invitations")).scalar_one() == 0


def test_a_link_names_the_address_people_open(engine: Engine) -> None:
    with session_scope(engine) as session:
        people.create_user(session, SYSTEM, "ada", None, [Role.VIEWER])
        link = invitations.new_link(session, SYSTEM, "ada", KEY.encode())
    everywhere = "0.0.0.0"  # noqa: S104 - as in a container
    behind = Settings(ui=UiSettings(public_url="https://steward.example.org/", host=everywhere))
    assert link_address(behind, link) == f"https://steward.example.org/auth/first?token={link.token}"
    assert link_address(Settings(ui=UiSettings(host=everywhere)), link).startswith("http://127.0.0.1:8501/auth/first")
