"""The manifests hold, and each kind of fault they are held against is found in a copy that has it."""

import copy
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.foreign_tools import MissingToolError
from scripts.proofs.cluster import pods, reach, rules, schemas, told, wiring
from scripts.proofs.cluster.built import BuildError, Cluster, build
from scripts.proofs.configuration import manifests

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTATION = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
# From an object to what is wrong with it: a path of keys and places, and what stands there then.
GONE = object()
Path_ = tuple[str | int, ...]
POD: Path_ = ("spec", "template", "spec")
CONTAINER: Path_ = (*POD, "containers", 0)
LABELS: Path_ = ("spec", "template", "metadata", "labels")
RIGHTS: Path_ = (*CONTAINER, "securityContext")
READY: Path_ = (*CONTAINER, "readinessProbe")
BACKEND: Path_ = ("spec", "rules", 0, "http", "paths", 0, "backend", "service")


@pytest.fixture(scope="module")
def overlays() -> dict[str, Cluster]:
    try:
        return {name: build(ROOT / manifests.OVERLAYS / name) for name in ("staging", "production")}
    except MissingToolError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def broken(cluster: Cluster, kind: str, name: str, path: Path_, value: object) -> Cluster:
    """A copy in which one thing is different. A ConfigMap is known by the beginning of its name."""
    objects = copy.deepcopy(cluster.objects)
    place: Any = next(one for one in objects if one["kind"] == kind and one["metadata"]["name"].startswith(name))
    for step in path[:-1]:
        place = place[step]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return Cluster(objects)


def read(cluster: Cluster) -> Iterator[str]:
    """All but the schemas, which take a second a time."""
    yield from pods.faults(cluster)
    yield from wiring.faults(cluster, DOCUMENTATION)
    yield from reach.faults(cluster)
    yield from told.faults(cluster, EXAMPLE)


@pytest.mark.parametrize("name", ["staging", "production"])
def test_an_overlay_as_it_is_has_no_fault(overlays: dict[str, Cluster], name: str) -> None:
    assert list(manifests.of_cluster(overlays[name], DOCUMENTATION, EXAMPLE)) == []


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "says"),
    [
        ("Deployment", "agent", (*CONTAINER, "image"), "steward-agent:latest", "names no version"),
        ("Deployment", "agent", (*CONTAINER, "image"), "ghcr.io:443/example/steward-agent", "names no version"),
        ("StatefulSet", "api", (*CONTAINER, "resources", "limits", "memory"), GONE, "limits.memory is missing"),
        ("StatefulSet", "api", READY, GONE, "has no readinessProbe"),
        ("StatefulSet", "api", (*READY, "httpGet", "httpHeaders"), GONE, "under the pod's address"),
        ("StatefulSet", "api", (*RIGHTS, "readOnlyRootFilesystem"), False, "write into its image"),
        ("StatefulSet", "api", (*RIGHTS, "capabilities", "add"), ["NET_RAW"], "capabilities"),
        ("StatefulSet", "api", (*RIGHTS, "allowPrivilegeEscalation"), GONE, "may gain rights"),
        ("Deployment", "ui", (*POD, "securityContext", "runAsUser"), 0, "may run as root"),
        ("Deployment", "ui", (*POD, "securityContext", "seccompProfile"), GONE, "no seccomp profile"),
        ("Deployment", "ui", (*POD, "automountServiceAccountToken"), True, "a token for Kubernetes"),
        ("Deployment", "ui", (*POD, "serviceAccountName"), "nobody", "no ServiceAccount nobody"),
        ("CronJob", "train", ("spec", "concurrencyPolicy"), "Allow", "beside itself"),
        ("CronJob", "train", ("spec", "timeZone"), GONE, "by whose clock"),
        ("Deployment", "agent", (*CONTAINER, "args"), ["steward", "upp", "--only", "agent"], "no command 'upp'"),
        ("Deployment", "agent", (*CONTAINER, "args"), ["steward", "up", "--onyl", "agent"], "--onyl"),
        ("Deployment", "agent", (*CONTAINER, "args"), ["sleep", "1d"], "not `steward"),
        ("Deployment", "agent", (*CONTAINER, "env", 0, "name"), "STEWARD_SECRET_KYE_FILE", "no setting"),
        ("Deployment", "agent", (*CONTAINER, "env", 0, "value"), "/run/secrets/elsewhere", "nothing is mounted there"),
        ("Deployment", "agent", (*CONTAINER, "env", 0), GONE, "it would not start"),
        ("Deployment", "agent", (*CONTAINER, "env", 0), {"name": "DATABASE_URL", "value": "postgresql://h/d"}, "plain"),
        (
            "Deployment", "agent", (*CONTAINER, "env", 0),
            {"name": "STEWARD_SECRET_KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, "a secret in",
        ),
        ("Deployment", "agent", (*POD, "volumes", 0, "name"), "stat", "mounts state, which is no volume"),
        ("Deployment", "agent", (*POD, "volumes", 0), {"name": "state", "secret": {"secretName": "x"}}, "Secret `x`"),
        ("ConfigMap", "steward-ui", ("metadata", "name"), "steward-you", "no ConfigMap steward-ui"),
        ("ConfigMap", "steward-ui", ("data", "UI_API_URL"), "http://apy:8000", "asks http://apy:8000"),
        ("ConfigMap", "steward-ui", ("data", "UI_API_URL"), "http://api-control:80", "no such Service"),
        ("ConfigMap", "steward-api", ("data", "API_ALLOWED_HOSTS"), '["localhost"]', "asked as api-control"),
        ("ConfigMap", "steward-policy", ("data", "agent_policy.yml"), "no: page", "agent_policy.yml"),
        ("ConfigMap", "steward-models", ("data", "heart_disease.yml"), "name: other", "heart_disease.yml"),
        ("Service", "ui", ("spec", "selector", "app"), "you", "Service ui: selects no pod"),
        ("Service", "ui", ("spec", "ports", 0, "targetPort"), "https", "has no port https"),
        ("Ingress", "ui", ("spec", "rules", 0, "host"), "other.example.org", "UI_PUBLIC_URL is"),
        ("Ingress", "ui", ("spec", "tls"), [], "is not encrypted"),
        ("Ingress", "api", (*BACKEND, "name"), "ap", "no Service ap"),
        ("StatefulSet", "api", ("spec", "replicas"), 2, "each sync would undo"),
        ("HorizontalPodAutoscaler", "api", ("spec", "scaleTargetRef", "kind"), "Deployment", "no Deployment api"),
        ("PodDisruptionBudget", "agent", ("spec", "selector", "matchLabels", "app"), "agents", "selects no pod"),
        ("Deployment", "monitor", (*LABELS, "app"), "m", "does not select the pods"),
        ("Deployment", "monitor", (*LABELS, "database"), GONE, "lets it reach PostgreSQL"),
        ("Deployment", "ui", (*LABELS, "database"), "yes", "holds no login"),
        ("Deployment", "ui", (*LABELS, "asks-api"), GONE, "no policy lets it reach"),
        ("NetworkPolicy", "mlflow", ("spec", "ingress"), [], "asks mlflow, and no policy lets it reach"),
        ("NetworkPolicy", "nobody", ("spec", "policyTypes"), ["Ingress"], "forbids what the others do not allow"),
        ("NetworkPolicy", "api", ("spec", "ingress", 0, "ports", 0, "port"), 80, "no policy lets it reach"),
        ("NetworkPolicy", "to-database", ("spec", "podSelector"), {}, "holds no login of the database, and reaches"),
        ("PodMonitor", "agent", ("spec", "podMetricsEndpoints", 0, "port"), "http", "agent has no port http"),
        ("PodMonitor", "agent", ("spec", "selector", "matchLabels"), {"app": "x"}, "PodMonitor agent: selects no pod"),
        ("ServiceAccount", "ui", ("metadata", "annotations"), {}, "comes in wave 0"),
        ("Job", "migrate", ("metadata", "annotations", "argocd.argoproj.io/sync-wave"), "1", "would start before"),
    ],
)  # fmt: skip
def test_a_copy_with_a_fault_is_told_which(
    overlays: dict[str, Cluster], kind: str, name: str, path: Path_, value: object, says: str
) -> None:
    found = list(read(broken(overlays["production"], kind, name, path, value)))
    assert any(says in one for one in found), found


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "says"),
    [
        ("StatefulSet", "api", ("spec", "replica"), 2, "'replica' was unexpected"),
        ("Deployment", "ui", (*CONTAINER, "livenessProbe", "periodSecond"), 2, "'periodSecond' was unexpected"),
        ("CronJob", "train", ("spec", "schedule"), 2, "2 is not of type"),
        ("PodMonitor", "api", ("spec", "selecter"), {}, "selecter: Extra inputs"),
        ("PrometheusRule", "steward", ("spec", "groups", 0, "rules", 0, "exp"), "up", "exp: Extra inputs"),
        ("Job", "migrate", ("apiVersion",), "batch/v9", "is no kind of Kubernetes"),
    ],
)
def test_what_the_cluster_would_refuse_or_overlook_is_found_by_its_schema(
    overlays: dict[str, Cluster], kind: str, name: str, path: Path_, value: object, says: str
) -> None:
    whole = broken(overlays["production"], kind, name, path, value)
    only = Cluster(tuple(one for one in whole.objects if (one["kind"], one["metadata"]["name"]) == (kind, name)))
    found = list(schemas.faults(only))
    assert any(says in one for one in found), found


def test_what_is_there_twice_is_told(overlays: dict[str, Cluster]) -> None:
    whole = overlays["staging"]
    assert "Service ui: is there twice" in list(read(Cluster((*whole.objects, whole.named("Service", "ui")))))  # type: ignore[arg-type]


def test_what_kustomize_refuses_is_told_with_its_words(overlays: dict[str, Cluster], tmp_path: Path) -> None:
    assert overlays
    (tmp_path / "kustomization.yaml").write_text("resources: [none.yaml]\n")
    with pytest.raises(BuildError, match=r"none\.yaml"):
        build(tmp_path)
    (tmp_path / "kustomization.yaml").write_text("resource: []\n")
    with pytest.raises(BuildError, match="resource"):
        build(tmp_path)


def _application(change: Callable[[str], str], tmp_path: Path) -> list[str]:
    """What is said about a changed copy of `deploy/argocd`, in a tree that has nothing else but the overlays' pages."""
    page = (ROOT / manifests.ARGOCD / "application.yml").read_text(encoding="utf-8")
    changed = change(page)
    (tmp_path / manifests.ARGOCD).mkdir(parents=True)
    (tmp_path / manifests.ARGOCD / "application.yml").write_text(changed, encoding="utf-8")
    for name in ("staging", "production"):
        folder = tmp_path / manifests.OVERLAYS / name
        folder.mkdir(parents=True)
        (folder / "kustomization.yaml").write_bytes(
            (ROOT / manifests.OVERLAYS / name / "kustomization.yaml").read_bytes()
        )
    return list(manifests.argocd(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("selfHeal", "selfHeel", "selfHeel: Extra inputs are not permitted"),
        ("prune: true", "prune: yes please", "prune: Input should be a valid boolean"),
        ("overlays/staging", "overlays/stagin", "nothing to build in deploy/kubernetes/overlays/stagin"),
        ("project: steward", "project: stewart", "there is no AppProject stewart"),
        ("namespace: steward-staging}\n  syncPolicy", "namespace: other}\n  syncPolicy", "says another namespace"),
        ("sourceRepos: [https://github.com/example/", "sourceRepos: [https://github.com/other/", "takes nothing from"),
    ],
)
def test_a_copy_of_the_application_with_a_fault_is_told_which(old: str, new: str, says: str, tmp_path: Path) -> None:
    found = _application(lambda page: page.replace(old, new), tmp_path)
    assert any(says in one for one in found), found


def test_the_application_as_it_is_has_no_fault(tmp_path: Path) -> None:
    assert _application(lambda page: page, tmp_path) == []


def test_what_was_changed_in_one_of_its_two_places_alone_is_told(tmp_path: Path) -> None:
    shutil.copytree(ROOT / rules.RULES, tmp_path / rules.RULES)
    page = tmp_path / rules.PAGE
    page.parent.mkdir(parents=True)
    page.write_text(rules.wrapped(ROOT), encoding="utf-8")
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("images"))
    (tmp_path / ".env.example").touch()
    assert not any(str(rules.PAGE) in one for one in manifests.faults(tmp_path))
    copy_ = tmp_path / manifests.COMPONENTS / "postgres" / "20-agent.sql"
    copy_.parent.mkdir(parents=True)
    copy_.write_text("another")
    shutil.copytree(ROOT / "docker" / "postgres", tmp_path / "docker" / "postgres")
    assert any("is no copy of docker/postgres/20-agent.sql" in one for one in manifests.faults(tmp_path))
    first = min((tmp_path / rules.RULES).glob("*.yml"))
    first.write_text(first.read_text(encoding="utf-8").replace("expr: ", "expr: 1 +", 1), encoding="utf-8")
    assert any(str(rules.PAGE) in one for one in manifests.faults(tmp_path))


def test_a_tree_without_overlays_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "operations.md").touch()
    (tmp_path / ".env.example").touch()
    assert list(manifests.faults(tmp_path)) == ["deploy/kubernetes/overlays: there is no overlay"]
