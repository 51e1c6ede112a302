"""Whether the containers are told what the program understands: commands, settings, files, names, pages."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from config.agent_policy import load_policy
from config.model_contract import load_contract
from config.settings import Settings
from config.yaml_source import ConfigError
from scripts.cli import app
from scripts.proofs.cluster.built import OURS, Cluster, Json, Pod, image_name

_SETTING = re.compile(r"^# ?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
# Uvicorn's own, in front of the dashboard, and MLflow's.
FOREIGN = frozenset({"FORWARDED_ALLOW_IPS", "MLFLOW_SERVER_ALLOWED_HOSTS"})
MODELS, POLICY = "STEWARD_CONTRACTS_DIR", "STEWARD_POLICY_FILE"


def faults(cluster: Cluster, example: str) -> Iterator[str]:
    """`example` is the text of `.env.example`, which names every setting."""
    known, secret = frozenset(_SETTING.findall(example)), _secret_names()
    for pod in cluster.pods:
        for container in pod.containers:
            told = cluster.environment(container)
            where = f"{pod.name}, container {container['name']}"
            yield from (f"{where}: {says}" for says in _paths(container, told))
            if image_name(container).startswith(OURS):
                yield from (f"{where}: {says}" for says in _settings(told, known, secret))
                yield from (f"{where}: {says}" for says in _command(container))
                yield from (f"{where}: {says}" for says in _pages(cluster, pod, container, told))
    yield from _names(cluster)


def _secret_names() -> frozenset[str]:
    """Environment variables whose value is a secret."""
    found = set()
    for field in Settings.model_fields.values():
        group = field.annotation
        if not (isinstance(group, type) and issubclass(group, BaseSettings)):
            continue
        prefix = str(group.model_config.get("env_prefix", ""))
        for name, one in group.model_fields.items():
            if SecretStr in (one.annotation, *getattr(one.annotation, "__args__", ())):
                found.add((prefix + name).upper())
    return frozenset(found)


def _settings(told: dict[str, str], known: frozenset[str], secret: frozenset[str]) -> Iterator[str]:
    if told.get("STEWARD_ENV") == "production" and "STEWARD_SECRET_KEY_FILE" not in told:
        yield "is in production without STEWARD_SECRET_KEY_FILE: it would not start"
    for name in told:
        if name not in known | FOREIGN and not (name.endswith("_FILE") and name.removesuffix("_FILE") in known):
            yield f"there is no setting {name}"
        if name in secret:
            yield f"{name} stands there in plain words: mount it, and name the file in {name}_FILE"


def _paths(container: Json, told: dict[str, str]) -> Iterator[str]:
    """Each path it is told of lies in a volume: the image itself cannot be written, and holds none of it."""
    mounts = [Path(mount["mountPath"]) for mount in container.get("volumeMounts", [])]
    arguments = {one: str(one).partition("=")[2] for one in container.get("args", [])}
    for name, value in {**told, **arguments}.items():
        path = Path(value)
        if path.is_absolute() and not any(path == mount or mount in path.parents for mount in mounts):
            yield f"{name} names {value}, and nothing is mounted there"


def _command(container: Json) -> Iterator[str]:
    """`steward …` as the command line itself reads it."""
    words = [str(one) for one in container.get("command") or container.get("args") or []]
    if words[:1] != ["steward"]:
        yield f"starts {' '.join(words) or 'whatever the image starts'}, not `steward …`"
        return
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="steward")
    rest = words[1:]
    try:
        while isinstance(command, typer.core.TyperGroup) and rest:
            found = command.get_command(context, rest[0])
            if found is None:
                yield f"`{' '.join(words)}`: there is no command {rest[0]!r}"
                return
            context = typer.Context(found, parent=context, info_name=rest.pop(0))
            command = found
        command.make_context(str(context.info_name), rest, parent=context.parent)
    except Exception as error:  # noqa: BLE001 – whatever the command line has against it
        yield f"`{' '.join(words)}`: {getattr(error, 'message', error)}"


def _pages(cluster: Cluster, pod: Pod, container: Json, told: dict[str, str]) -> Iterator[str]:
    """Contracts and policy that are mounted from ConfigMaps are loaded as the program loads them."""
    for name in {MODELS, POLICY} & set(told):
        mount = next(
            (one for one in container.get("volumeMounts", []) if Path(told[name]).is_relative_to(one["mountPath"])),
            None,
        )
        volumes: list[Json] = pod.spec.get("volumes", [])
        volume = next((one for one in volumes if mount and one["name"] == mount["name"]), Json())
        page = cluster.named("ConfigMap", volume.get("configMap", {}).get("name", ""))
        if page is not None:
            yield from _loads(name, page)


def _loads(name: str, page: Json) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        for file, text in page["data"].items():
            path = Path(directory) / file
            path.write_text(text, encoding="utf-8")
            try:
                load_policy(path) if name == POLICY else load_contract(path.stem, path.parent)
            except ConfigError as error:
                yield f"ConfigMap {page['metadata']['name']}: {str(error).replace(f'{directory}/', '')}"


def _names(cluster: Cluster) -> Iterator[str]:
    """Under which names the API and the dashboard are asked, and for which they answer."""
    answered, public = set(), None
    for pod in cluster.pods:
        for container in pod.containers:
            told = cluster.environment(container)
            public = told.get("UI_PUBLIC_URL", public)
            if "API_ALLOWED_HOSTS" in told:
                answered = set(json.loads(told["API_ALLOWED_HOSTS"]))
                yield from _probed(pod, container, answered)
    asked = {
        str(urlsplit(told).hostname)
        for pod in cluster.pods
        for container in pod.containers
        for name, told in cluster.environment(container).items()
        if name == "UI_API_URL"
    }
    hosts = {rule["host"]: ingress for ingress in cluster.of("Ingress") for rule in ingress["spec"]["rules"]}
    for host, ingress in hosts.items():
        if ingress["metadata"]["name"] == "api":
            asked.add(host)
        elif public is not None and urlsplit(public).hostname != host:
            yield f"Ingress {ingress['metadata']['name']}: opens {host}, and UI_PUBLIC_URL is {public}"
    yield from (f"the API is asked as {host}, which is not in API_ALLOWED_HOSTS" for host in sorted(asked - answered))


def _probed(pod: Pod, container: Json, answered: set[str]) -> Iterator[str]:
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        page = container.get(name, {}).get("httpGet")
        headers = {one["name"].lower(): one["value"] for one in (page or {}).get("httpHeaders", [])}
        if page is not None and headers.get("host") not in answered:
            yield f"{pod.name}: {name} asks under the pod's address, which API_ALLOWED_HOSTS refuses (a Host header)"
