"""A file that is loaded must not be able to run code: no module of ours imports a format that lets it.

MLflow loads models by pickle and by modules that the model itself names; it writes for us and loads nothing.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "alembic", "api", "config", "database", "monitoring", "scripts", "training", "ui")
FORBIDDEN = frozenset({"pickle", "_pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal", "skops", "torch"})
# What one process of ours sends another by these is pickled. The benches and the laboratory may; nothing that serves,
# watches or trains does.
PICKLING = frozenset({"multiprocessing", "concurrent.futures.process", "ProcessPoolExecutor"})
AT_WORK = tuple(package for package in PACKAGES if package != "scripts")
# It asks whether it is a child, and sends nothing.
ASKS = "api/worker_metrics.py"
# What others do, to be measured against: in an environment of its own, and nothing of ours imports it.
PEERS = ROOT / "scripts" / "bench" / "peers"


def offences(source: str) -> Iterator[str]:
    if not any(word in source for word in (*FORBIDDEN, "load_", "allow_")):
        return  # most files: parsing them all takes seconds
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.split(".")[0] in FORBIDDEN)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            name = node.module or ""
            if name.split(".")[0] in FORBIDDEN:
                yield name
            yield from (f"{name}.{one.name}" for one in node.names if name.startswith("mlflow") and "load" in one.name)
        elif isinstance(node, ast.Attribute) and node.attr in {
            "load_model",
            "read_pickle",
            "load_pickle",
            "allow_pickle",
        }:
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield "allow_pickle"
        elif isinstance(node, ast.Call) and _text(node) in FORBIDDEN:
            yield str(_text(node))


def _text(call: ast.Call) -> object:
    """The module that `__import__("x")` or `import_module("x")` names."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    first = call.args[0] if call.args else None
    return first.value if name in {"__import__", "import_module"} and isinstance(first, ast.Constant) else None


def test_no_module_of_ours_can_unpickle() -> None:
    found = {
        str(path.relative_to(ROOT)): sorted(set(offences(path.read_text())))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if PEERS not in path.parents
    }
    assert len(found) > 200
    assert {path: what for path, what in found.items() if what} == {}


def test_processes_that_serve_watch_and_train_send_one_another_nothing_pickled() -> None:
    found = {
        str(path.relative_to(ROOT)): [word for word in sorted(PICKLING) if word in path.read_text()]
        for package in AT_WORK
        for path in (ROOT / package).rglob("*.py")
    }
    assert len(found) > 150
    assert {path for path, words in found.items() if words} == {ASKS}
    assert "multiprocessing.parent_process()" in (ROOT / ASKS).read_text()


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from joblib import load",
        "import a, marshal as m",
        "import mlflow\nmlflow.pyfunc.load_model(x)",
        "from mlflow.pyfunc import load_model",
        "import numpy as np\nnp.load(f, allow_pickle=True)",
        "import pandas as pd\npd.read_pickle(f)",
        "__import__('pickle')",
        "import importlib\nimportlib.import_module('dill')",
    ],
)
def test_every_way_in_is_seen(source: str) -> None:
    assert list(offences(source))
