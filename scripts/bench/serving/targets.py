"""What is asked: each server's command, and the one request it gets again and again."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from config.settings import ROOT
from scripts import http_load
from scripts.bench.serving.figures import ECHO, MLFLOW, MLFLOW_ONNX, OURS, TUTORIAL, TUTORIAL_INSERT
from scripts.bench.serving.installation import Installation
from scripts.bench.serving.peers import SERVERS, Peers
from scripts.chaos.api_process import environment_of
from scripts.platform_roles import api_command

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Target:
    """One server. `probability` finds what it computed in its answer; None where it computes nothing."""

    name: str
    about: str
    command: Callable[[int], Sequence[str]]
    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    probability: Callable[[Any], float] | None = None

    def request(self) -> bytes:
        """What goes over the wire."""
        return http_load.request(self.path, self.body, self.headers)


def ours(installed: Installation) -> Target:
    """Our API as `steward up` starts it."""
    return Target(
        OURS,
        "ONNX; authenticated, validated, logged before the answer leaves, shipped to PostgreSQL meanwhile",
        lambda port: api_command(_HOST, port),
        "/predict",
        json.dumps(installed.example).encode(),
        (("X-API-Key", installed.key),),
        environment_of(installed.settings),
    )


def echo(installed: Installation) -> Target:
    """The ceiling, in our environment and so with our version of the server."""
    module = "scripts.bench.peers.echo:app"
    return Target(
        ECHO,
        "a bare Starlette route that sends the body back",
        lambda port: [sys.executable, "-m", "uvicorn", module, "--host", _HOST, "--port", str(port), *_QUIET],
        "/predict",
        json.dumps(installed.example).encode(),
        environment={"PYTHONPATH": str(ROOT)},
    )


_QUIET = ("--no-access-log", "--log-level", "warning")


def of_peers(installed: Installation, peers: Peers) -> list[Target]:
    """Every peer: one worker each, none with a key or a check of its own beyond its framework's."""
    row, encoded = installed.example, installed.encoded()
    said = peers.environment
    python = str(peers.python)
    programs = peers.python.parent

    def mlflow(model: str) -> Callable[[int], Sequence[str]]:
        fixed = [python, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--workers", "1"]
        return lambda port: [*fixed, "-m", str(peers.directory / model), "-h", _HOST, "-p", str(port)]

    def bento(service: str) -> Callable[[int], Sequence[str]]:
        fixed = [str(programs / "bentoml"), "serve", f"bento:{service}", "--working-dir", str(SERVERS), "--host", _HOST]
        return lambda port: [*fixed, "--port", str(port)]

    def lit(kind: str) -> Callable[[int], Sequence[str]]:
        return lambda port: [python, str(SERVERS / "lit.py"), kind, str(port)]

    def tutorial(port: int) -> Sequence[str]:
        fixed = [python, "-m", "uvicorn", "tutorial:app", "--app-dir", str(SERVERS), "--host", _HOST]
        return [*fixed, "--port", str(port), *_QUIET]

    split = {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
    pandas, onnx = "a pandas row through the scikit-learn pipeline", "the same ONNX file, on a row the client encoded"
    inserting = replace(
        _peer(TUTORIAL_INSERT, f"FastAPI, {pandas}, an INSERT for each request", tutorial, row, said),
        environment=said | {"PEER_DATABASE": installed.postgres_url},
    )
    return [
        _mlflow(MLFLOW, f"mlflow models serve, {pandas}", mlflow("mlflow_sklearn"), split, said, _first),
        _mlflow(
            MLFLOW_ONNX, f"mlflow models serve, {onnx}", mlflow("mlflow_onnx"), {"inputs": [encoded]}, said, _named
        ),
        _peer("bentoml", pandas, bento("Pipeline"), {"row": row}, said),
        _peer("bentoml-onnx", onnx, bento("Onnx"), {"features": encoded}, said),
        _peer("litserve", pandas, lit("pipeline"), row, said),
        _peer("litserve-onnx", onnx, lit("onnx"), {"features": encoded}, said),
        _peer(TUTORIAL, f"FastAPI, {pandas}", tutorial, row, said),
        inserting,
    ]


Command = Callable[[int], Sequence[str]]


def _peer(name: str, about: str, command: Command, body: Any, said: Mapping[str, str]) -> Target:
    return Target(name, about, command, "/predict", json.dumps(body).encode(), (), said, _told)


def _mlflow(
    name: str, about: str, command: Command, body: Any, said: Mapping[str, str], probability: Callable[[Any], float]
) -> Target:
    return Target(name, about, command, "/invocations", json.dumps(body).encode(), (), said, probability)


def _told(answer: Any) -> float:
    return float(answer["probability"])


def _first(answer: Any) -> float:
    return float(answer["predictions"][0][1])


def _named(answer: Any) -> float:
    found = answer["predictions"]
    return float(found["probabilities"][0][1] if isinstance(found, dict) else found[0][1])
