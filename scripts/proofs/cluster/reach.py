"""Who reaches whom through the network policies: what must talk may, and what must not may not."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from scripts.proofs.cluster.built import Cluster, Json, Pod, selects

DATABASE = 5432
LOGINS = ("DATABASE_URL_FILE", "AGENT_DATABASE_URL_FILE")


def faults(cluster: Cluster) -> Iterator[str]:
    """Derived from what each container is told: addresses of the API, and who holds a login of the database."""
    policies = list(cluster.of("NetworkPolicy"))
    if not any(_is_default_deny(one) for one in policies):
        yield "no NetworkPolicy forbids what the others do not allow (an empty podSelector, Ingress and Egress)"
    servers = [pod for pod in cluster.pods if DATABASE in _ports(pod)]
    targets: list[tuple[Mapping[str, str] | None, str]] = [(one.labels, one.name) for one in servers]
    targets = targets or [(None, "PostgreSQL outside")]
    for pod in cluster.pods:
        if pod in servers:
            continue
        for service, port in _asks(cluster, pod):
            yield from _reaches_service(cluster, policies, pod, service, port)
        holds = any(name in cluster.environment(one) for one in pod.containers for name in LOGINS)
        for labels, where in targets:
            if may(policies, pod.labels, labels, DATABASE) != holds:
                yield (
                    f"{pod.name}: holds a login of the database, and no policy lets it reach {where}"
                    if holds
                    else f"{pod.name}: holds no login of the database, and reaches {where}"
                )


def may(policies: list[Json], source: Mapping[str, str], target: Mapping[str, str] | None, port: int) -> bool:
    """Whether a connection is let through; `target` is None for an address outside of the cluster."""
    leaves = [one for one in policies if _rules(one, "Egress") and selects(one["spec"]["podSelector"], source)]
    out = not leaves or any(_lets(rule, "to", target, port) for one in leaves for rule in one["spec"].get("egress", []))
    if target is None:
        return out
    enters = [one for one in policies if _rules(one, "Ingress") and selects(one["spec"]["podSelector"], target)]
    into = not enters or any(
        _lets(rule, "from", source, port) for one in enters for rule in one["spec"].get("ingress", [])
    )
    return out and into


def _rules(policy: Json, direction: str) -> bool:
    return direction in policy["spec"].get("policyTypes", ["Ingress"])


def _is_default_deny(policy: Json) -> bool:
    spec = policy["spec"]
    closed = not spec.get("ingress") and not spec.get("egress")
    return closed and spec["podSelector"] == {} and set(spec.get("policyTypes", [])) == {"Ingress", "Egress"}


def _lets(rule: Json, side: str, peer: Mapping[str, str] | None, port: int) -> bool:
    ports, peers = rule.get("ports"), rule.get(side)
    if ports and not any(one.get("port") in (None, port) and one.get("protocol", "TCP") == "TCP" for one in ports):
        return False
    if not peers:
        return True
    if peer is None:
        return any("ipBlock" in one for one in peers)
    return any("namespaceSelector" not in one and selects(one.get("podSelector"), peer) for one in peers)


def _ports(pod: Pod) -> set[int]:
    return {port["containerPort"] for container in pod.containers for port in container.get("ports", [])}


def _asks(cluster: Cluster, pod: Pod) -> Iterator[tuple[str, int]]:
    """Services whose address stands among what a container is told."""
    for container in pod.containers:
        arguments = [str(one).partition("=")[2] for one in container.get("args", []) if "=http" in str(one)]
        for told in [*cluster.environment(container).values(), *arguments]:
            address = urlsplit(told) if told.startswith("http://") else None
            if address and address.hostname and address.hostname not in ("localhost", "127.0.0.1"):
                yield address.hostname, address.port or 80


def _reaches_service(cluster: Cluster, policies: list[Json], pod: Pod, name: str, port: int) -> Iterator[str]:
    service = cluster.named("Service", name)
    if service is None or port not in {one["port"] for one in service["spec"]["ports"]}:
        yield f"{pod.name}: asks http://{name}:{port}, and there is no such Service"
        return
    selector = {"matchLabels": service["spec"]["selector"]}
    for target in (one for one in cluster.pods if selects(selector, one.labels)):
        if not may(policies, pod.labels, target.labels, port):
            yield f"{pod.name}: asks {name}, and no policy lets it reach {target.name}"
