"""What Prometheus and Alertmanager read: its form, its tests, and that each alert has somebody to explain it."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts.foreign_tools import program, run
from scripts.proofs.queries import RULES, known_metrics, rules, unknown_metrics

PROMETHEUS = "docker/prometheus/prometheus.yml"
TESTS = "docker/prometheus/tests"
ALERTMANAGER = "docker/alertmanager/alertmanager.yml"
RUNBOOKS = "docs/operations.md"
SEVERITIES = frozenset({"critical", "warning"})
_SECTION = "## When an alert fires"
_HOW = "apt install prometheus"
_HEADS = re.compile(r"^(Checking \S+|Unit Testing: .*|\s*FAILED:)|FAILED:")


def faults(root: Path) -> Iterator[str]:
    """One sentence for each thing wrong."""
    yield from _forms(root)
    yield from _of_alerts(root)
    yield from _paragraphs(root)
    yield from _untested(root)
    yield from _inhibitions(root)


def alerts(root: Path) -> dict[str, dict[str, Any]]:
    """Every alerting rule by its name."""
    return {rule["alert"]: rule for _, rule in rules(root) if "alert" in rule}


def _forms(root: Path) -> Iterator[str]:
    promtool = program("promtool", _HOW)
    for path in sorted((root / RULES).glob("*.yml")):
        yield from _said([promtool, "check", "rules", str(path)], path, root)
    yield from _said([promtool, "check", "config", "--syntax-only", str(root / PROMETHEUS)], root / PROMETHEUS, root)
    for path in sorted((root / TESTS).glob("*.yml")):
        yield from _said([promtool, "test", "rules", str(path)], path, root)
    amtool = program("amtool", "apt install prometheus-alertmanager")
    yield from _said([amtool, "check-config", str(root / ALERTMANAGER)], root / ALERTMANAGER, root)


def _said(command: list[str], path: Path, root: Path) -> Iterator[str]:
    done = run(command, root)
    if done.returncode:
        told = [_HEADS.sub("", line).strip() for line in (done.stdout + done.stderr).splitlines()]
        yield f"{path.relative_to(root)}: {'; '.join([line for line in told if line][:4])}"


def _of_alerts(root: Path) -> Iterator[str]:
    known = known_metrics(root)
    for path, rule in rules(root):
        name, place = rule.get("alert") or rule.get("record"), path.relative_to(root)
        for metric in unknown_metrics(str(rule["expr"]), known):
            yield f"{place}: {name} asks for {metric}, which nobody tells"
        if "alert" not in rule:
            continue
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            yield f"{place}: {name}: the severity is one of {', '.join(sorted(SEVERITIES))}"
        told = rule.get("annotations", {})
        for part in ("summary", "description"):
            if not told.get(part):
                yield f"{place}: {name} has no {part}"
        if not str(told.get("runbook_url", "")).endswith(f"#{str(name).lower()}"):
            yield f"{place}: {name}: its runbook_url does not lead to its paragraph, #{str(name).lower()}"


def _paragraphs(root: Path) -> Iterator[str]:
    known, page = alerts(root), (root / RUNBOOKS).read_text(encoding="utf-8")
    section = re.split(r"^## ", page.partition(_SECTION)[2], flags=re.MULTILINE)[0]
    told = Counter(re.findall(r"^#### (\w+)$", section, flags=re.MULTILINE))
    yield from (f"{RUNBOOKS}: {name} has no paragraph" for name in known if name not in told)
    yield from (f"{RUNBOOKS}: there is no alert {name}" for name in told if name not in known)
    yield from (f"{RUNBOOKS}: {name} has {n} paragraphs" for name, n in told.items() if n > 1)


def _untested(root: Path) -> Iterator[str]:
    shown: dict[str, set[bool]] = {}
    for path in sorted((root / TESTS).glob("*.yml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for one in test.get("alert_rule_test", []):
                shown.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))
    for name in alerts(root):
        if True not in shown.get(name, set()):
            yield f"{TESTS}: no test shows that {name} fires"
        if False not in shown.get(name, set()):
            yield f"{TESTS}: no test shows when {name} is quiet"


def _inhibitions(root: Path) -> Iterator[str]:
    known = alerts(root)
    for rule in yaml.safe_load((root / ALERTMANAGER).read_text(encoding="utf-8")).get("inhibit_rules", []):
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            names = re.findall(r"\w+", matcher.partition("alertname")[2])
            yield from (f"{ALERTMANAGER}: there is no alert {name}" for name in names if name not in known)
