"""The lists of keys and people are whole on a terminal of 80 columns, and in a pipe."""

from datetime import timedelta

import pytest
from sqlalchemy import URL, Engine
from typer.testing import CliRunner

from database.connection import session_scope
from database.enums import Role, Scope
from database.queries import api_keys, people
from database.queries.audit import SYSTEM
from scripts import admin
from scripts.cli import app

LONG = "a-clinic-with-a-name-that-no-column-of-eighty-characters-holds-" + "x" * 30
PERSON = "anna.maria.of.the.cardiology@clinic.example.org"


@pytest.fixture(autouse=True)
def terminal(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    url = database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url.replace("postgresql+psycopg2://", "postgresql://"))
    monkeypatch.setattr(admin.out, "width", 80)


def _lines(*command: str) -> list[str]:
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in done.stdout
    return lines


def _under(lines: list[str], heading: str, following: str) -> str:
    """What stands in a column, its lines joined."""
    begin, end = lines[0].index(heading), lines[0].index(following)
    return "".join(line[begin:end].strip() for line in lines[2:])


@pytest.mark.parametrize("name", [LONG, "[red]team"])
def test_a_key_is_listed_with_its_whole_id_name_scopes_and_models(engine: Engine, name: str) -> None:
    with session_scope(engine) as session:
        people.create_user(session, SYSTEM, name="ann", password="correct horse battery", roles=[Role.OPERATOR])
        key, _ = api_keys.create_key(
            session,
            SYSTEM,
            name=name,
            scopes=list(Scope),
            models=["heart_disease"],
            expires_in=timedelta(days=30),
            hash_key=b"k" * 32,
            env="development",
            rows_per_day=1_000_000,
            owner="ann",
        )
        api_keys.revoke_key(session, SYSTEM, key.key_id)
        key_id = key.key_id
    lines = _lines("keys", "list")
    assert {key_id, *Scope, "heart_disease", "revoked", "never"} <= set(" ".join(lines).split())
    assert _under(lines, "name", "scopes").replace(" ", "") == f"{name}owner:ann"
    assert [line[lines[0].index("used") :].strip() for line in lines[2:5]] == ["never", "0 today", "of 1000000"]


def test_a_person_is_listed_with_their_whole_name_and_roles(engine: Engine) -> None:
    with session_scope(engine) as session:
        people.create_user(session, SYSTEM, name=PERSON, password="correct horse battery", roles=list(Role))
    lines = _lines("users", "list")
    assert _under(lines, "name", "roles") == PERSON
    assert all(role in " ".join(lines) for role in Role)
