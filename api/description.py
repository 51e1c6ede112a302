"""The OpenAPI document: who may call each route, the exact row of each model, and one form for every error."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.access import Anybody, ClientMay
from api.contract_schema import request_body
from api.dependencies import Declaration, ProposerMay, declarations
from api.errors import MEDIA_TYPE
from api.schemas.common import Problem
from config.model_contract import ModelContract
from config.settings import Settings

_WAYS_IN = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A program's key."},
    "Session": {"type": "http", "scheme": "bearer", "description": "The token of `POST /auth/login`: a person."},
}
_PROBLEM = {"$ref": "#/components/responses/Problem"}
_ALWAYS = ("400", "429", "503")


def describe(app: FastAPI, settings: Settings, contracts: Mapping[str, ModelContract]) -> None:
    """Make the document of `app` say what FastAPI cannot know: rows are checked by the contract, not by a class, and
    who may call is declared by our own dependencies."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _add_ways_in(app, schema)
            _add_rows(schema["paths"], settings, contracts)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _add_ways_in(app: FastAPI, schema: dict[str, Any]) -> None:
    parts = schema["components"]
    parts["securitySchemes"] = _WAYS_IN
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["schemas"] |= problem.pop("$defs", {}) | {"Problem": problem}
    for left in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(left, None)
    parts["responses"] = {
        "Problem": {
            "description": "What went wrong: `code` is stable, `request_id` finds the line in the log.",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    for route, declared in declarations(app):
        for method in getattr(route, "methods", None) or ():
            operation = schema["paths"].get(route.path, {}).get(method.lower())
            if operation is not None:
                operation["security"] = _security(declared[0])
                for status in _refusals(operation, declared[0], method):
                    operation["responses"][status] = _PROBLEM


def _security(declared: Declaration) -> list[dict[str, list[str]]]:
    if isinstance(declared, Anybody):
        return []
    if isinstance(declared, ClientMay):
        return [{"ApiKey": []}, {}] if declared.or_loopback else [{"ApiKey": []}]
    return [{"Session": []}, {"ApiKey": []}] if isinstance(declared, ProposerMay) else [{"Session": []}]


def _refusals(operation: Mapping[str, Any], declared: Declaration, method: str) -> set[str]:
    """The statuses with which a route may refuse; what it says of itself stays."""
    found = set(_ALWAYS)
    if not isinstance(declared, Anybody):
        found |= {"401", "403"}
    if method != "GET":
        found |= {"401", "404", "408", "409", "413", "422"}
    if operation.get("parameters"):
        found |= {"404", "422"}
    return {status for status in found if status not in operation["responses"]} | ({"422"} & found)


def _add_rows(paths: dict[str, Any], settings: Settings, contracts: Mapping[str, ModelContract]) -> None:
    default = contracts.get(settings.platform.default_model)
    if default is not None:
        paths["/predict"]["post"]["requestBody"] = request_body(default, settings.api.max_rows)
    template = paths.pop("/models/{name}/predict")["post"]
    for name, contract in contracts.items():
        operation = {key: value for key, value in template.items() if key != "parameters"}
        operation["operationId"] = f"predict_{name}"
        operation["requestBody"] = request_body(contract, settings.api.max_rows)
        paths[f"/models/{name}/predict"] = {"post": operation}
