"""`deploy/kubernetes` and `deploy/argocd`: built as a cluster would get them, held to schemas, and read."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from scripts.proofs.cluster import pods, reach, rules, schemas, told, wiring
from scripts.proofs.cluster.built import BuildError, Cluster, Json, build

OVERLAYS = Path("deploy/kubernetes/overlays")
COMPONENTS = Path("deploy/kubernetes/components")
ARGOCD = Path("deploy/argocd")


def faults(root: Path) -> Iterator[str]:
    """One sentence for each fault of an overlay or an application below `root`."""
    overlays = sorted(path.parent for path in (root / OVERLAYS).glob("*/kustomization.yaml"))
    if not overlays:
        yield f"{OVERLAYS}: there is no overlay"
    yield from argocd(root)
    yield from _unused(root, overlays)
    yield from _copies(root)
    documentation = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    example = (root / ".env.example").read_text(encoding="utf-8")
    for overlay in overlays:
        try:
            cluster = build(overlay)
        except BuildError as error:
            yield f"{overlay.relative_to(root)}: kustomize refuses it: {error}"
            continue
        yield from (f"{overlay.relative_to(root)}: {says}" for says in of_cluster(cluster, documentation, example))


def of_cluster(cluster: Cluster, documentation: str, example: str) -> Iterator[str]:
    """What is wrong with what was built. What a schema refuses is not read any further."""
    unreadable = list(schemas.faults(cluster))
    yield from unreadable
    if unreadable:
        return
    yield from pods.faults(cluster)
    yield from wiring.faults(cluster, documentation)
    yield from reach.faults(cluster)
    yield from told.faults(cluster, example)


def _unused(root: Path, overlays: list[Path]) -> Iterator[str]:
    """A component that no overlay takes is a page that nobody ever built."""
    taken = {(overlay / one).resolve() for overlay in overlays for one in _page(overlay).get("components", [])}
    for component in sorted(path.parent for path in (root / COMPONENTS).glob("*/kustomization.yaml")):
        if component.resolve() not in taken:
            yield f"{component.relative_to(root)}: no overlay takes it"


def _copies(root: Path) -> Iterator[str]:
    for copy in sorted((root / COMPONENTS / "postgres").glob("*.sql")):
        if copy.read_bytes() != (root / "docker" / "postgres" / copy.name).read_bytes():
            yield f"{copy.relative_to(root)}: is no copy of docker/postgres/{copy.name}"
    page = root / rules.PAGE
    if page.is_file() and page.read_text(encoding="utf-8") != rules.wrapped(root):
        yield f"{rules.PAGE}: is not made from {rules.RULES} as they are: `python -m scripts.proofs.cluster.rules`"


def _page(folder: Path) -> Json:
    page: Json = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    return page


def argocd(root: Path) -> Iterator[str]:
    """What is wrong with the applications, and with what they name."""
    for page in sorted((root / ARGOCD).glob("*.y*ml")):
        where = page.relative_to(root)
        objects = [one for one in yaml.safe_load_all(page.read_text(encoding="utf-8")) if one]
        yield from (f"{where}: {says}" for says in schemas.faults(Cluster(tuple(objects))))
        yield from (f"{where}: {says}" for says in _applications(root, objects))


def _applications(root: Path, objects: list[Json]) -> Iterator[str]:
    projects = {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "AppProject"}
    for one in objects:
        if one["kind"] != "Application":
            continue
        name, spec = f"Application {one['metadata']['name']}", one["spec"]
        source, destination = spec["source"], spec["destination"]
        project = projects.get(spec["project"])
        if not (root / source["path"] / "kustomization.yaml").is_file():
            yield f"{name}: there is nothing to build in {source['path']}"
        elif _page(root / source["path"]).get("namespace") != destination["namespace"]:
            yield f"{name}: goes to {destination['namespace']}, and {source['path']} says another namespace"
        if project is None:
            yield f"{name}: there is no AppProject {spec['project']}"
            continue
        if source["repoURL"] not in project["sourceRepos"]:
            yield f"{name}: its project takes nothing from {source['repoURL']}"
        if destination not in project["destinations"]:
            yield f"{name}: its project puts nothing into {destination['namespace']}"
