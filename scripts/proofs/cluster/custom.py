"""The kinds that Kubernetes itself does not know, as far as our manifests use them.

Their schemas come with their operators and with no package that a lock file could pin, so the part we use is written
down here from their documentation, strictly: a key that is not here is a fault.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Metadata(_Strict):
    """What all objects carry."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
    namespace: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: list[str] = []


class _Source(_Strict):
    repoURL: str  # noqa: N815 – their name
    path: str
    targetRevision: str  # noqa: N815


class _Destination(_Strict):
    server: str
    namespace: str


class _Automated(_Strict):
    prune: bool
    selfHeal: bool  # noqa: N815
    allowEmpty: bool = False  # noqa: N815


class _Backoff(_Strict):
    duration: str
    factor: int
    maxDuration: str  # noqa: N815


class _Retry(_Strict):
    limit: int
    backoff: _Backoff


class _SyncPolicy(_Strict):
    automated: _Automated | None = None
    syncOptions: list[str] = []  # noqa: N815
    retry: _Retry | None = None


class _Ignored(_Strict):
    group: str = ""
    kind: str
    name: str | None = None
    jsonPointers: list[str] = []  # noqa: N815


class _ApplicationSpec(_Strict):
    project: str
    source: _Source
    destination: _Destination
    syncPolicy: _SyncPolicy  # noqa: N815
    ignoreDifferences: list[_Ignored] = []  # noqa: N815
    revisionHistoryLimit: int = 10  # noqa: N815


class Application(_Strict):
    """Argo CD: a folder of a repository, kept in a namespace."""

    apiVersion: Literal["argoproj.io/v1alpha1"]  # noqa: N815
    kind: Literal["Application"]
    metadata: Metadata
    spec: _ApplicationSpec


class _GroupKind(_Strict):
    group: str
    kind: str


class _Window(_Strict):
    kind: Literal["allow", "deny"]
    schedule: str
    duration: str
    applications: list[str]
    manualSync: bool = False  # noqa: N815
    timeZone: str = "UTC"  # noqa: N815


class _ProjectSpec(_Strict):
    description: str
    sourceRepos: list[str]  # noqa: N815
    destinations: list[_Destination]
    clusterResourceWhitelist: list[_GroupKind]  # noqa: N815
    namespaceResourceWhitelist: list[_GroupKind] = []  # noqa: N815
    syncWindows: list[_Window] = []  # noqa: N815


class AppProject(_Strict):
    """Argo CD: what applications may take from where and put where."""

    apiVersion: Literal["argoproj.io/v1alpha1"]  # noqa: N815
    kind: Literal["AppProject"]
    metadata: Metadata
    spec: _ProjectSpec


class _Rule(_Strict):
    record: str | None = None
    alert: str | None = None
    expr: str
    for_: Annotated[str | None, Field(alias="for")] = None
    keep_firing_for: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _RuleGroup(_Strict):
    name: str
    interval: str | None = None
    rules: list[_Rule]


class _Rules(_Strict):
    groups: list[_RuleGroup]


class PrometheusRule(_Strict):
    """Prometheus operator: rules."""

    apiVersion: Literal["monitoring.coreos.com/v1"]  # noqa: N815
    kind: Literal["PrometheusRule"]
    metadata: Metadata
    spec: _Rules


class _KeyRef(_Strict):
    name: str
    key: str


class _Authorization(_Strict):
    type: str = "Bearer"
    credentials: _KeyRef


class _Endpoint(_Strict):
    port: str
    path: str = "/metrics"
    interval: str
    scrapeTimeout: str | None = None  # noqa: N815
    authorization: _Authorization | None = None
    relabelings: list[dict[str, Any]] = []


class _Selector(_Strict):
    matchLabels: dict[str, str]  # noqa: N815


class _PodMonitorSpec(_Strict):
    selector: _Selector
    podMetricsEndpoints: list[_Endpoint]  # noqa: N815


class PodMonitor(_Strict):
    """Prometheus operator: which pods are scraped how."""

    apiVersion: Literal["monitoring.coreos.com/v1"]  # noqa: N815
    kind: Literal["PodMonitor"]
    metadata: Metadata
    spec: _PodMonitorSpec


KINDS: dict[tuple[str, str], type[BaseModel]] = {
    ("argoproj.io/v1alpha1", "Application"): Application,
    ("argoproj.io/v1alpha1", "AppProject"): AppProject,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
    ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitor,
}
