"""The pages of Grafana: made by the code that is here, known to Grafana's own types, asking what can be answered."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from scripts.foreign_tools import program, run
from scripts.grafana.pages import written
from scripts.proofs.queries import PAGES, known_metrics, of_pages, unknown_metrics

PROVISIONING = "docker/grafana/provisioning"


def faults(root: Path) -> Iterator[str]:
    """One sentence for each thing wrong."""
    yield from _not_as_built(root)
    for path in sorted((root / PAGES).glob("*.json")):
        yield from (f"{PAGES}/{path.name}: Grafana does not know {place}" for place in unknown_keys(path))
    yield from _queries(root)
    for path in sorted((root / PROVISIONING).rglob("*.yml")):
        if yaml.safe_load(path.read_text(encoding="utf-8")).get("apiVersion") != 1:
            yield f"{path.relative_to(root)}: apiVersion is 1"


def unknown_keys(path: Path) -> list[str]:
    """What disappears when Grafana's types read a page and write it again."""
    plugins.register_default_plugins()
    page = json.loads(path.read_text(encoding="utf-8"))
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(page)))
    return _lost(page, again)


def _lost(before: Any, after: Any, place: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [place + key for key in before if key not in after and before[key] is not None]
        return keys + [x for key in before if key in after for x in _lost(before[key], after[key], f"{place}{key}.")]
    if isinstance(before, list) and isinstance(after, list):
        parts = zip(before, after, strict=False)
        return [lost for at, (one, other) in enumerate(parts) for lost in _lost(one, other, f"{place}{at}.")]
    return []


def _not_as_built(root: Path) -> Iterator[str]:
    built = written()
    there = {path.name: path.read_text(encoding="utf-8") for path in (root / PAGES).glob("*.json")}
    for name in sorted(built.keys() | there.keys()):
        if built.get(name) != there.get(name):
            yield f"{PAGES}/{name}: is not what the code builds: python -m scripts.grafana"


def _queries(root: Path) -> Iterator[str]:
    """promtool reads each question as if it were a rule."""
    promtool, asked, known = program("promtool", "apt install prometheus"), list(of_pages(root)), known_metrics(root)
    for query in asked:
        for metric in unknown_metrics(query.expr, known):
            yield f"{query.place}: asks for {metric}, which nobody tells"
    made = [{"record": f"page:query:{at}", "expr": query.expr} for at, query in enumerate(asked)]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "queries.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "pages", "rules": made}]}), encoding="utf-8")
        done = run([promtool, "check", "rules", str(path)], root)
    if done.returncode:
        for at in sorted({int(number) for number in re.findall(r'"page:query:(\d+)"', done.stdout + done.stderr)}):
            yield f"{asked[at].place}: is no question Prometheus can read: {asked[at].expr}"
