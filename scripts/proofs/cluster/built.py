"""What kustomize makes of a folder, and the pods in it whoever makes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from scripts.foreign_tools import last_line, program, run

Json = dict[str, Any]
HOW = "https://kubernetes.io/docs/tasks/tools (its `kubectl kustomize` is all that is used; no cluster is asked)"
OURS = "steward-"  # begins the last part of the name of each of our images


class BuildError(Exception):
    """Kustomize refuses; the message is what it said."""


@dataclass(frozen=True)
class Pod:
    """The template of a pod, and who makes it."""

    maker: Json
    labels: Mapping[str, str]
    spec: Json

    @property
    def name(self) -> str:
        return f"{self.maker['kind']} {self.maker['metadata']['name']}"

    @property
    def containers(self) -> list[Json]:
        return [*self.spec.get("initContainers", []), *self.spec.get("containers", [])]

    @property
    def is_ours(self) -> bool:
        return any(image_name(one).startswith(OURS) for one in self.containers)


def image_name(container: Json) -> str:
    """The last part of an image's name, without tag and digest."""
    name: str = str(container.get("image", "")).partition("@")[0].rpartition("/")[2]
    return name.partition(":")[0]


@dataclass(frozen=True)
class Cluster:
    """All objects of one overlay."""

    objects: tuple[Json, ...]

    def of(self, *kinds: str) -> Iterator[Json]:
        return (one for one in self.objects if one["kind"] in kinds)

    def named(self, kind: str, name: str) -> Json | None:
        return next((one for one in self.of(kind) if one["metadata"]["name"] == name), None)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        return tuple(Pod(maker, *_template(maker)) for maker in self.objects if _template(maker)[1])

    def environment(self, container: Json) -> dict[str, str]:
        """What the container is told in plain words: whole ConfigMaps first, then its own."""
        told: dict[str, str] = {}
        for source in container.get("envFrom", []):
            found = self.named("ConfigMap", source.get("configMapRef", {}).get("name", ""))
            told |= (found or {}).get("data", {})
        return told | {one["name"]: str(one["value"]) for one in container.get("env", []) if "value" in one}


def _template(maker: Json) -> tuple[Mapping[str, str], Json]:
    spec = maker.get("spec") or {}
    if maker["kind"] == "CronJob":
        spec = spec.get("jobTemplate", {}).get("spec", {})
    template = spec.get("template") if maker["kind"] in MAKERS else None
    if not isinstance(template, dict):
        return {}, {}
    return template.get("metadata", {}).get("labels", {}), template.get("spec", {})


MAKERS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def build(folder: Path) -> Cluster:
    """Raises `BuildError`, and `MissingToolError` where there is no kubectl."""
    done = run([program("kubectl", HOW), "kustomize", "."], folder)
    if done.returncode:
        raise BuildError(last_line(done.stderr))
    return Cluster(tuple(one for one in yaml.safe_load_all(done.stdout) if one))


def selects(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector means these labels. An empty one means everything; none means nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels", {})
    if any(labels.get(name) != value for name, value in wanted.items()):
        return False
    return all(_expression(one, labels) for one in selector.get("matchExpressions", []))


def _expression(one: Json, labels: Mapping[str, str]) -> bool:
    has, values = labels.get(one["key"]), one.get("values", [])
    return {
        "In": has in values,
        "NotIn": has not in values,
        "Exists": has is not None,
        "DoesNotExist": has is None,
    }[one["operator"]]
