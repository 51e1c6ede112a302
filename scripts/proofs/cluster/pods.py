"""What every container must have: limits, probes, as few rights as can be, an image that stays the same."""

import re
from collections.abc import Iterator

from scripts.proofs.cluster.built import Cluster, Json, Pod, selects

SERVES = ("Deployment", "StatefulSet", "DaemonSet")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_TAGGED = re.compile(r":(?!latest$)[\w][\w.-]*(@sha256:[0-9a-f]{64})?$|@sha256:[0-9a-f]{64}$")


def faults(cluster: Cluster) -> Iterator[str]:
    """One sentence for each container or pod that may more or promises less than it should."""
    for pod in cluster.pods:
        yield from _pod(cluster, pod)
        asked = any(selects({"matchLabels": one["spec"]["selector"]}, pod.labels) for one in cluster.of("Service"))
        for container in pod.containers:
            for says in _container(pod, container, asked=asked):
                yield f"{pod.name}, container {container['name']}: {says}"
    for job in cluster.of("CronJob"):
        yield from _calendar(job)


def _pod(cluster: Cluster, pod: Pod) -> Iterator[str]:
    spec, context = pod.spec, pod.spec.get("securityContext", {})
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{pod.name}: is given a token for Kubernetes (automountServiceAccountToken: false)"
    account = spec.get("serviceAccountName", "default")
    if cluster.named("ServiceAccount", account) is None:
        yield f"{pod.name}: there is no ServiceAccount {account}"
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield f"{pod.name}: may run as root (runAsNonRoot, runAsUser)"
    if pod.is_ours and context.get("runAsUser") != 10001:
        yield f"{pod.name}: runs as user {context.get('runAsUser')}; the images' files belong to 10001"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{pod.name}: has no seccomp profile (RuntimeDefault)"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield f"{pod.name}: {name}"
    yield from (f"{pod.name}: mounts {one['name']} of the host" for one in spec.get("volumes", []) if "hostPath" in one)


def _container(pod: Pod, container: Json, *, asked: bool) -> Iterator[str]:
    if not _TAGGED.search(container.get("image", "")):
        yield f"image {container.get('image')!r} names no version"
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain rights (allowPrivilegeEscalation: false)"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "may write into its image (readOnlyRootFilesystem: true)"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities (drop: [ALL] and nothing else)"
    if context.get("privileged"):
        yield "is privileged"
    for kind in ("requests", "limits"):
        missing = {"cpu", "memory"} - set(container.get("resources", {}).get(kind, {}))
        yield from (f"resources.{kind}.{name} is missing" for name in sorted(missing))
    if pod.maker["kind"] in SERVES:
        wanted = PROBES if asked else ("startupProbe", "livenessProbe")
        yield from (f"has no {name}" for name in wanted if name not in container)
    for one in container.get("env", []):
        if "secretKeyRef" in one.get("valueFrom", {}):
            yield f"{one['name']} is a secret in the environment: mount it, and name the file in {one['name']}_FILE"


def _calendar(job: Json) -> Iterator[str]:
    name, spec = f"CronJob {job['metadata']['name']}", job["spec"]
    if not spec.get("timeZone"):
        yield f"{name}: by whose clock? (timeZone)"
    if spec.get("concurrencyPolicy") != "Forbid":
        yield f"{name}: may run beside itself (concurrencyPolicy: Forbid)"
    if not spec.get("startingDeadlineSeconds"):
        yield f"{name}: after a hundred missed times it would never start again (startingDeadlineSeconds)"
    if not spec.get("jobTemplate", {}).get("spec", {}).get("activeDeadlineSeconds"):
        yield f"{name}: one that hangs would hold up all that follow (activeDeadlineSeconds)"
