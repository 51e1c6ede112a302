"""`docker-compose*.yml`: the schema of Compose, what Compose itself makes of them, and what every container must be."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.foreign_tools import last_line, python_program, run

BASE = "docker-compose.yml"
# What is read together: as a person would give it.
TOGETHER = ((BASE,), (BASE, "docker-compose.override.yml"), (BASE, "docker-compose.tls.yml"))
# Who may reach outside, or be reached from there.
OUTSIDE = {"nginx", "grafana", "api", "agent", "training", "alertmanager"}
# Who enters the database; the way in is a network of its own.
ENTERS = {"postgres", "migrate", "mlflow", "api", "monitor", "agent", "training"}
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|API_KEY|WEBHOOK|NOTIFY_URLS|DATABASE_URL|PRIVATE")
_SECRET_VALUE = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
_DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")

Service = Mapping[str, Any]


def faults(root: Path) -> Iterator[str]:
    """One sentence for each fault of a Compose file below `root`."""
    pages = sorted(page.name for page in root.glob("docker-compose*.yml"))
    if BASE not in pages:
        yield f"{BASE}: is not there"
        return
    of_schema = list(_of_schema(root, pages))
    yield from of_schema
    if of_schema:
        return
    yield from _as_compose_reads(root)
    told: dict[str, Any] = yaml.safe_load((root / BASE).read_text())
    for name, service in told["services"].items():
        for fault in (*_contained(service), *_limited(service), *_looked_after(service), *_secrets(service, told)):
            yield f"{BASE}: {name}: {fault}"
        yield from (f"{BASE}: {name}: {fault}" for fault in _connected(name, service, told))
        yield from (f"{BASE}: {name}: {fault}" for fault in _mounted(root, service))
    yield from (f"{BASE}: {fault}" for fault in _unused(told))


def _of_schema(root: Path, pages: list[str]) -> Iterator[str]:
    done = run([python_program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *pages], root)
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
        named = [line for line in lines if line.startswith("docker-compose")]
        yield from named or [f"check-jsonschema with vendor.compose-spec: {' '.join(lines)}"]


def _as_compose_reads(root: Path) -> Iterator[str]:
    for files in TOGETHER:
        if all((root / file).exists() for file in files):
            command = [python_program("podman-compose"), *(part for file in files for part in ("-f", file)), "config"]
            done = run(command, root)
            if done.returncode:
                yield f"{' and '.join(files)}: {last_line(done.stderr)}"


def _contained(service: Service) -> Iterator[str]:
    """What a process that was taken over could do next."""
    if not re.fullmatch(r"[1-9]\d*:\d+", str(service.get("user", ""))):
        yield "`user` must be a number other than 0, with a group"
    if service.get("read_only") is not True:
        yield "`read_only: true` is missing"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield "`cap_drop: [ALL]` and no `cap_add`"
    if "no-new-privileges:true" not in service.get("security_opt", ()):
        yield "`no-new-privileges:true` is missing"
    for key in ("privileged", "network_mode", "pid", "ipc", "userns_mode", "devices"):
        if service.get(key):
            yield f"`{key}` lets it out of its container"
    if any("docker.sock" in str(volume) for volume in service.get("volumes", ())):
        yield "holds the engine's socket"


def _limited(service: Service) -> Iterator[str]:
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if missing := [key for key in ("cpus", "memory", "pids") if not limits.get(key)]:
        yield f"has no limit of {', '.join(missing)}"
    if not service.get("logging", {}).get("options", {}).get("max-size"):
        yield "its log grows for ever: `logging.options.max-size`"


def _looked_after(service: Service) -> Iterator[str]:
    """A health check, but for a job, which ends; and images that are a version."""
    check, job = service.get("healthcheck", {}), service.get("restart") == "no"
    if check.get("disable"):
        if not job:
            yield "has no health check"
    elif not check.get("test"):
        yield "has no health check"
    command, test = service.get("command", ()), check.get("test", ())
    if command[:3] == ["steward", "up", "--only"] and test != ["CMD", "steward", "healthy", command[3]]:
        yield f"its health check is not `steward healthy {command[3]}`"
    image = _given(str(service.get("image", "")))
    name, _, tag = image.rpartition(":")
    if not name or tag == "latest" or not re.match(r"v?\d+\.\d+|local", tag):
        yield f"its image {image!r} is not pinned to a version"
    for other, how in _items(service.get("depends_on", {})):
        if not isinstance(how, Mapping) or "condition" not in how:
            yield f"depends on {other} without saying on what of it"


def _secrets(service: Service, told: Mapping[str, Any]) -> Iterator[str]:
    granted = set(service.get("secrets", ()))
    for name, value in _items(service.get("environment", {})):
        words = str(value)
        if name.endswith("_FILE") and words.startswith("/run/secrets/"):
            if Path(words).name not in granted:
                yield f"{name} names a secret that it is not given"
        elif (_SECRET_NAME.search(name) and not name.endswith("_FILE")) or _SECRET_VALUE.search(words):
            yield f"{name} is a secret in the environment: give it as a file"
    for secret in sorted(granted - set(told.get("secrets", {}))):
        yield f"its secret {secret} is declared nowhere"


def _connected(name: str, service: Service, told: Mapping[str, Any]) -> Iterator[str]:
    networks = told.get("networks", {})
    mine = set(service.get("networks", ()))
    if not mine:
        yield "is in Compose's own network, where everybody is"
    outside = {one for one in mine if not (networks.get(one) or {}).get("internal")}
    if outside and name not in OUTSIDE:
        yield f"reaches outside by {', '.join(sorted(outside))}"
    if ("data" in mine) is not (name in ENTERS):
        yield "enters the database's network" if "data" in mine else "is not in the database's network"
    for port in service.get("ports", ()):
        if not _given(str(port)).startswith("127.0.0.1:"):
            yield f"port {port} is open to the network by default"


def _mounted(root: Path, service: Service) -> Iterator[str]:
    for volume in service.get("volumes", ()):
        source = _given(str(volume)).split(":")[0]
        if source.startswith("./"):
            if not (root / source).exists():
                yield f"mounts {source}, which is not there"
            if not str(volume).endswith(":ro"):
                yield f"may write to {source}"


def _unused(told: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("networks", "secrets", "volumes"):
        used = {str(one).split(":")[0] for service in told["services"].values() for one in service.get(kind, ())}
        for name in sorted(set(told.get(kind, {})) - used):
            yield f"{kind}: {name} is used by nobody"


def _given(value: str) -> str:
    """With the defaults that hold while nobody sets anything."""
    return _DEFAULT.sub(r"\1", value)


def _items(told: Any) -> Iterator[tuple[str, Any]]:
    """A map, or Compose's other way to write one."""
    if isinstance(told, Mapping):
        yield from told.items()
    else:
        yield from ((str(one).partition("=")[0], str(one).partition("=")[2]) for one in told)
