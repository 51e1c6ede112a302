"""Who may call what: every route says so, and the table of roles is what was agreed."""

import json
import subprocess
import sys

import pytest
from fastapi import FastAPI

from api.dependencies import DOCUMENTATION, Anybody, ClientMay, PersonMay, declarations, refuse_undeclared
from api.main import create_app
from database.enums import Role
from database.permissions import ALLOWED, Permission, may, permissions_of

OPEN = {"/livez", "/readyz", "/health", "/auth/login"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app()


def test_every_route_declares_exactly_one_way_in_and_four_are_open(app: FastAPI) -> None:
    seen = [(route.path, declared) for route, declared in declarations(app)]
    assert {path for path, declared in seen if not declared} <= DOCUMENTATION
    assert {path for path, declared in seen if any(isinstance(one, Anybody) for one in declared)} == OPEN
    assert all(len(declared) == 1 for path, declared in seen if path not in DOCUMENTATION)
    assert len(seen) > 30


def test_programs_and_people_do_not_share_routes(app: FastAPI) -> None:
    by_key = {
        route.path for route, declared in declarations(app) if any(isinstance(one, ClientMay) for one in declared)
    }
    assert by_key == {"/predict", "/models/{name}/predict", "/labels", "/feedback", "/metrics"}


def test_what_changes_something_needs_more_than_reading(app: FastAPI) -> None:
    for route, declared in declarations(app):
        if declared and isinstance(declared[0], PersonMay) and "POST" in route.methods and route.path != "/auth/logout":
            assert declared[0].permission is not Permission.READ, route.path


def test_an_application_with_a_route_nobody_declared_does_not_start() -> None:
    app = FastAPI()

    @app.get("/secret")
    def secret() -> str:
        return "oops"

    with pytest.raises(RuntimeError, match="/secret"):
        refuse_undeclared(app)


def test_admin_is_no_approver_and_stopping_needs_less_than_starting() -> None:
    assert not may([Role.ADMIN], Permission.DECIDE)
    assert not may([Role.OPERATOR], Permission.RESUME_AUTOMATION)
    assert may([Role.OPERATOR], Permission.STOP_AUTOMATION)
    assert [role for role in Role if may([role], Permission.DECIDE)] == [Role.APPROVER]
    assert [role for role in Role if may([role], Permission.ADMINISTER)] == [Role.ADMIN]


def test_an_unknown_role_allows_nothing_and_every_known_role_reads() -> None:
    assert permissions_of(["root", "APPROVER", ""]) == frozenset()
    assert set(ALLOWED) == set(Role)
    assert all(may([role], Permission.READ) for role in Role)


def test_the_api_process_imports_no_training_stack() -> None:
    code = "import sys, json, api.main; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"sklearn", "pandas", "scipy", "mlflow", "evidently", "great_expectations", "xgboost", "lightgbm", "onnx"}
    assert not heavy & set(json.loads(done.stdout))
