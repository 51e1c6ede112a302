"""Who may call what: every route says so, and the table of roles is what was agreed."""

import json
import subprocess
import sys

import pytest
from fastapi import Depends, FastAPI

from api.access import PREDICTIONS, PROBES, Anybody, ClientMay
from api.control import build
from api.dependencies import (
    DOCUMENTATION,
    PersonMay,
    ProposerMay,
    declarations,
    refuse_other_ways_in,
    refuse_undeclared,
)
from config.settings import Settings
from database.enums import Role, Scope
from database.permissions import ALLOWED, Permission, may, permissions_of

PROBED = {"/livez", "/readyz", "/health"}
SIGNING_IN = {"/auth/login", "/auth/ways", "/auth/link", "/auth/link/accept", "/auth/oidc/begin", "/auth/oidc/finish"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return build(Settings(), {})


def test_every_route_declares_exactly_one_way_in_and_only_probes_and_the_door_are_open(app: FastAPI) -> None:
    seen = [(route.path, declared) for route, declared in declarations(app)]
    assert {path for path, declared in seen if not declared} <= DOCUMENTATION
    assert {path for path, declared in seen if any(isinstance(one, Anybody) for one in declared)} == PROBED | SIGNING_IN
    assert all(len(declared) == 1 for path, declared in seen if path not in DOCUMENTATION)
    assert len(seen) > 30


def test_programs_and_people_share_the_routes_that_ask_and_no_other(app: FastAPI) -> None:
    by_key = {
        route.path for route, declared in declarations(app) if any(isinstance(one, ClientMay) for one in declared)
    }
    assert by_key == {"/predict", "/models/{name}/predict", "/labels", "/feedback", "/metrics"}
    shared = {
        route.path for route, declared in declarations(app) if any(isinstance(one, ProposerMay) for one in declared)
    }
    assert shared == {"/retrain", "/models/{name}/rollback", "/proposals/{action_id}", "/reload"}


def test_what_changes_something_needs_more_than_reading(app: FastAPI) -> None:
    for route, declared in declarations(app):
        own = route.path.startswith("/auth/") or route.path.endswith("/snooze")  # their own session, their own queue
        if declared and isinstance(declared[0], PersonMay) and "POST" in route.methods and not own:
            assert declared[0].permission is not Permission.READ, route.path


def test_an_application_with_a_route_nobody_declared_does_not_start() -> None:
    app = FastAPI()

    @app.get("/secret")
    def secret() -> str:
        return "oops"

    with pytest.raises(RuntimeError, match="/secret"):
        refuse_undeclared(app)


def test_what_is_answered_in_front_is_declared_by_the_very_same_object() -> None:
    app = FastAPI()
    for path, asked in {**PREDICTIONS, **PROBES}.items():
        app.get(path, dependencies=[Depends(asked)])(lambda: None)
    refuse_other_ways_in(app)
    app.router.routes[:] = [route for route in app.routes if getattr(route, "path", "") != "/predict"]
    with pytest.raises(RuntimeError, match="/predict"):
        refuse_other_ways_in(app)
    app.post("/predict", dependencies=[Depends(ClientMay(Scope.PREDICT))])(lambda: None)
    with pytest.raises(RuntimeError, match="by another permission than it declares"):
        refuse_other_ways_in(app)


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


def _loaded_with(*modules: str) -> set[str]:
    """The packages a new process holds once it has imported these."""
    code = f"import sys, json, {', '.join(modules)}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_the_api_process_imports_no_training_stack() -> None:
    heavy = {"sklearn", "pandas", "scipy", "mlflow", "evidently", "great_expectations", "xgboost", "lightgbm", "onnx"}
    assert not heavy & _loaded_with("api.main", "api.control")


def test_a_process_that_only_predicts_does_not_hold_what_people_ask() -> None:
    assert not {"fastapi", "agent", "argon2"} & _loaded_with("api.main", "api.connections")
