"""Each object against the schema of its kind, where a key that nobody knows is a fault."""

from collections.abc import Iterator

import kubernetes_validate
from pydantic import BaseModel, ValidationError

from scripts.proofs.cluster.built import Cluster, Json
from scripts.proofs.cluster.custom import KINDS

# The oldest release the manifests are for (a preStop that sleeps), and the newest the validator knows.
OLDEST = "1.30"


def faults(cluster: Cluster) -> Iterator[str]:
    """One sentence for each object that the cluster would refuse, or quietly read another way."""
    for one in cluster.objects:
        name = f"{one.get('kind')} {one.get('metadata', {}).get('name')}"
        known = KINDS.get((str(one.get("apiVersion")), str(one.get("kind"))))
        yield from (f"{name}: {says}" for says in (_of_custom(known, one) if known else _of_kubernetes(one)))


def _of_kubernetes(one: Json) -> Iterator[str]:
    for version in dict.fromkeys((OLDEST, kubernetes_validate.latest_version())):
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{'.'.join(map(str, error.path))}: {error.message[:300]} (Kubernetes {version})"
            return
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{one.get('apiVersion')} is no kind of Kubernetes {version}, and none of those described here"
            return


def _of_custom(kind: type[BaseModel], one: Json) -> Iterator[str]:
    try:
        kind.model_validate(one)
    except ValidationError as error:
        for fault in error.errors():
            yield f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
