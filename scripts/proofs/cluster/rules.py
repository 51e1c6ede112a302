"""The rules of Prometheus as its operator takes them: `python -m scripts.proofs.cluster.rules` writes the page.

They are written once, for `docker/prometheus`, where promtool tests them; here they are only wrapped.
"""

import sys
from pathlib import Path

import yaml

from config.settings import ROOT

RULES = Path("docker/prometheus/rules")
PAGE = Path("deploy/kubernetes/components/metrics/rules.yaml")
_ABOVE = f"# Made from {RULES} by `python -m scripts.proofs.cluster.rules`; a proof holds them to each other.\n"


def wrapped(root: Path) -> str:
    """The page as it should be for the rules that stand below `root`."""
    groups = [
        group
        for page in sorted((root / RULES).glob("*.yml"))
        for group in yaml.safe_load(page.read_text(encoding="utf-8"))["groups"]
    ]
    made = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "steward"},
        "spec": {"groups": groups},
    }
    return _ABOVE + yaml.safe_dump(made, sort_keys=False, width=120, allow_unicode=True)


def main() -> int:
    """The command."""
    (ROOT / PAGE).write_text(wrapped(ROOT), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
