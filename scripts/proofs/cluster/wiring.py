"""Whether what names something else names something that is there: selectors, ports, volumes, accounts, waves."""

from collections.abc import Iterator

from scripts.proofs.cluster.built import Cluster, Json, Pod, selects

WAVE, HOOK = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook"
# What a pod must find when it starts.
FIRST = ("Namespace", "ServiceAccount", "ConfigMap", "PersistentVolumeClaim", "NetworkPolicy")


def faults(cluster: Cluster, documentation: str) -> Iterator[str]:
    """`documentation` must name every Secret: nobody else says that it has to be made."""
    yield from _twice(cluster)
    yield from _selectors(cluster)
    yield from _services(cluster)
    yield from _entrances(cluster)
    yield from _scaling(cluster)
    yield from _scraped(cluster, documentation)
    for pod in cluster.pods:
        yield from _volumes(cluster, pod, documentation)
    yield from _order(cluster)


def _name(one: Json) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


def _twice(cluster: Cluster) -> Iterator[str]:
    names = [_name(one) for one in cluster.objects]
    yield from (f"{name}: is there twice" for name in sorted({name for name in names if names.count(name) > 1}))


def _selectors(cluster: Cluster) -> Iterator[str]:
    for one in cluster.of("Deployment", "StatefulSet"):
        own = next((pod.labels for pod in cluster.pods if pod.maker is one), {})
        if not selects(one["spec"]["selector"], own):
            yield f"{_name(one)}: does not select the pods it makes"
        if sum(selects(one["spec"]["selector"], pod.labels) for pod in cluster.pods) > 1:
            yield f"{_name(one)}: selects pods that others make, too"
    for one in cluster.of("PodDisruptionBudget", "NetworkPolicy"):
        if not _anybody(cluster, one["spec"].get("selector", one["spec"].get("podSelector"))):
            yield f"{_name(one)}: selects no pod"
    for one in cluster.of("NetworkPolicy"):
        for peer in _peers(one):
            selector = None if "namespaceSelector" in peer else peer.get("podSelector")
            if selector is not None and not _anybody(cluster, selector):
                yield f"{_name(one)}: knows a peer that is no pod here: {selector}"


def _anybody(cluster: Cluster, selector: Json | None) -> bool:
    return any(selects(selector, pod.labels) for pod in cluster.pods)


def _peers(policy: Json) -> Iterator[Json]:
    for rule in policy["spec"].get("ingress", []):
        yield from rule.get("from", [])
    for rule in policy["spec"].get("egress", []):
        yield from rule.get("to", [])


def _services(cluster: Cluster) -> Iterator[str]:
    for service in cluster.of("Service"):
        selector = {"matchLabels": service["spec"].get("selector", {})}
        pods = [pod for pod in cluster.pods if selects(selector, pod.labels)]
        if not pods:
            yield f"{_name(service)}: selects no pod"
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            yield from (
                f"{_name(service)}: {pod.name} has no port {target}" for pod in pods if target not in _ports(pod)
            )


def _ports(pod: Pod) -> set[str | int]:
    found: set[str | int] = set()
    for container in pod.containers:
        for port in container.get("ports", []):
            found |= {port["containerPort"], port.get("name", port["containerPort"])}
    return found


def _entrances(cluster: Cluster) -> Iterator[str]:
    for ingress in cluster.of("Ingress"):
        secured = {host for tls in ingress["spec"].get("tls", []) for host in tls.get("hosts", [])}
        for rule in ingress["spec"]["rules"]:
            if rule.get("host") not in secured:
                yield f"{_name(ingress)}: {rule.get('host')} is not encrypted (spec.tls)"
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = cluster.named("Service", backend["name"])
                ports = {port for one in (service or {"spec": {"ports": []}})["spec"]["ports"] for port in one.values()}
                if not ports & set(backend["port"].values()):
                    yield f"{_name(ingress)}: there is no Service {backend['name']} with that port"


def _scaling(cluster: Cluster) -> Iterator[str]:
    for one in cluster.of("HorizontalPodAutoscaler"):
        target = one["spec"]["scaleTargetRef"]
        found = cluster.named(target["kind"], target["name"])
        if found is None:
            yield f"{_name(one)}: there is no {target['kind']} {target['name']}"
        elif "replicas" in found["spec"]:
            yield f"{_name(found)}: says how many replicas, as {_name(one)} does: each sync would undo what was scaled"


def _scraped(cluster: Cluster, documentation: str) -> Iterator[str]:
    for one in cluster.of("PodMonitor"):
        pods = [pod for pod in cluster.pods if selects(one["spec"]["selector"], pod.labels)]
        if not pods:
            yield f"{_name(one)}: selects no pod"
        for endpoint in one["spec"]["podMetricsEndpoints"]:
            yield from (
                f"{_name(one)}: {pod.name} has no port {endpoint['port']}"
                for pod in pods
                if endpoint["port"] not in _ports(pod)
            )
            secret = endpoint.get("authorization", {}).get("credentials", {}).get("name")
            if secret and f"`{secret}`" not in documentation:
                yield f"{_name(one)}: docs/operations.md says nowhere how to make the Secret `{secret}`"


def _volumes(cluster: Cluster, pod: Pod, documentation: str) -> Iterator[str]:
    made = {one["metadata"]["name"] for one in pod.maker["spec"].get("volumeClaimTemplates", [])}
    volumes = {one["name"]: one for one in pod.spec.get("volumes", [])}
    mounted = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
    yield from (
        f"{pod.name}: mounts {name}, which is no volume of it" for name in sorted(mounted - made - set(volumes))
    )
    yield from (f"{pod.name}: the volume {name} is mounted nowhere" for name in sorted(set(volumes) - mounted))
    for name, volume in volumes.items():
        claim = volume.get("persistentVolumeClaim")
        if claim and not cluster.named("PersistentVolumeClaim", claim["claimName"]):
            yield f"{pod.name}: there is no PersistentVolumeClaim {claim['claimName']}"
        if (page := volume.get("configMap")) and not cluster.named("ConfigMap", page["name"]):
            yield f"{pod.name}: there is no ConfigMap {page['name']} for {name}"
        if (secret := volume.get("secret")) and f"`{secret['secretName']}`" not in documentation:
            yield f"{pod.name}: docs/operations.md says nowhere how to make the Secret `{secret['secretName']}`"
    for container in pod.containers:
        for source in container.get("envFrom", []):
            if (page := source.get("configMapRef")) and not cluster.named("ConfigMap", page["name"]):
                yield f"{pod.name}: there is no ConfigMap {page['name']}"


def _order(cluster: Cluster) -> Iterator[str]:
    """Accounts and settings, then the migration, then everybody who needs the new schema."""
    jobs = [one for one in cluster.of("Job") if HOOK in one["metadata"].get("annotations", {})]
    for job in jobs:
        for one in cluster.of(*FIRST):
            if _wave(one) >= _wave(job):
                yield f"{_name(one)}: comes in wave {_wave(one)}, and {_name(job)}, which may need it, in {_wave(job)}"
        for pod in cluster.pods:
            if pod.is_ours and pod.maker is not job and _wave(pod.maker) <= _wave(job):
                yield f"{pod.name}: would start before {_name(job)} has ended"


def _wave(one: Json) -> int:
    return int(one["metadata"].get("annotations", {}).get(WAVE, "0"))
