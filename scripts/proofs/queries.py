"""What the pages and rules ask Prometheus, as it can be asked; and which metrics there are to ask for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PAGES = "docker/grafana/dashboards"
RULES = "docker/prometheus/rules"
# Where metrics get their names.
_SOURCES = ("api/metrics.py", "agent/metrics.py", "monitoring", "config/process_metrics.py")
_NAME = re.compile(r'"(steward_[a-z0-9_]+)"')
_USED = re.compile(r"\b(steward[a-z0-9_:]+)\b(?=\s*[{\[)]|\s|$)")
_MADE = ("_total", "_bucket", "_count", "_sum", "_created")


@dataclass(frozen=True)
class Query:
    """An expression, and where it stands."""

    place: str
    expr: str


def of_pages(root: Path) -> Iterator[Query]:
    """Every panel's and annotation's, with what a person chooses at the top of the page set to everything."""
    for path in sorted((root / PAGES).glob("*.json")):
        page: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for panel in page["panels"]:
            for target in panel.get("targets", []):
                yield Query(f"{path.name}: {panel.get('title')} ({target['refId']})", plain(target["expr"]))
        for one in page["annotations"]["list"]:
            yield Query(f"{path.name}: annotation {one['name']}", plain(one["expr"]))


def plain(expr: str) -> str:
    """An expression without Grafana's variables."""
    return re.sub(r'=~"\$\w+"', '=~".*"', expr).replace("$__rate_interval", "5m")


def rules(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every rule with its file."""
    for path in sorted((root / RULES).glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from ((path, rule) for rule in group["rules"])


def known_metrics(root: Path) -> frozenset[str]:
    """Names of ours that some process tells or some rule records."""
    return frozenset(_told(root) | {rule["record"] for _, rule in rules(root) if "record" in rule})


def unknown_metrics(expr: str, known: frozenset[str]) -> list[str]:
    """Names of ours in an expression that are none of these."""
    return sorted(set(_USED.findall(_without_strings(expr))) - known)


def _without_strings(expr: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', expr)


def _told(root: Path) -> set[str]:
    files = [
        found for one in _SOURCES for found in ([root / one] if one.endswith(".py") else (root / one).rglob("*.py"))
    ]
    names = {name for path in files if path.exists() for name in _NAME.findall(path.read_text(encoding="utf-8"))}
    return names | {name + end for name in names for end in _MADE}
