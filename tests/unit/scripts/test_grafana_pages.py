"""The pages of Grafana: what is committed is what the code builds, and nothing on them is left unsaid."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.grafana.pages import written

ROOT = Path(__file__).resolve().parents[3]
PAGES = {name: json.loads(text) for name, text in written().items()}


def _panels(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in page["panels"] if panel["type"] != "row"]


ALL = [(name, panel) for name, page in PAGES.items() for panel in _panels(page)]


@pytest.mark.parametrize(("page", "panel"), ALL, ids=[f"{name}: {panel['title']}" for name, panel in ALL])
def test_a_panel_says_what_it_means_and_in_which_unit(page: str, panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 10
    units = [panel["fieldConfig"]["defaults"].get("unit")] + [
        prop["value"] for one in panel["fieldConfig"]["overrides"] for prop in one["properties"] if prop["id"] == "unit"
    ]
    assert any(units), page
    assert panel["targets"]
    if panel["type"] in {"stat", "table"}:
        assert panel["fieldConfig"]["defaults"].get("noValue"), "what does an empty answer mean?"


def test_panels_stand_beside_each_other_and_never_on_each_other() -> None:
    for page in PAGES.values():
        taken: set[tuple[int, int]] = set()
        for panel in page["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not taken & cells, panel["title"]
            assert at["x"] + at["w"] <= 24
            taken |= cells
        for row in {panel["gridPos"]["y"] for panel in _panels(page)}:
            assert sum(panel["gridPos"]["w"] for panel in page["panels"] if panel["gridPos"]["y"] == row) == 24


def test_links_to_what_to_do_name_alerts_there_are() -> None:
    rules = [yaml.safe_load(path.read_text()) for path in (ROOT / "docker/prometheus/rules").glob("*.yml")]
    alerts = {
        rule["alert"].lower()
        for file in rules
        for group in file["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    linked = {link["url"].removeprefix("${runbooks}#") for _, panel in ALL for link in panel.get("links", [])}
    assert linked
    assert linked <= alerts


def test_every_page_is_reached_from_every_other_and_shows_what_changed() -> None:
    for page in PAGES.values():
        assert page["tags"] == ["steward"]
        assert [link for link in page["links"] if link["type"] == "dashboards" and link["tags"] == ["steward"]]
        assert {one["name"] for one in page["annotations"]["list"]} == {"What serves changed", "Alert"}
    assert len({page["uid"] for page in PAGES.values()}) == len(PAGES)


def test_variables_that_are_asked_with_are_there() -> None:
    for name, page in PAGES.items():
        there = {one["name"] for one in page["templating"]["list"]} | {"__rate_interval"}
        used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps([page["panels"], page["links"]])))
        assert used <= there, name
