"""Every page, as Grafana reads it."""

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from scripts.grafana import agent, models, platform, serving

PLACE = Path("docker/grafana/dashboards")


def pages() -> dict[str, dashboard.Dashboard]:
    """By the name of its file."""
    return {
        "serving.json": serving.build(),
        "models.json": models.build(),
        "agent.json": agent.build(),
        "platform.json": platform.build(),
    }


def written() -> dict[str, str]:
    """The files' content: the same bytes for the same code."""
    return {name: _text(page) for name, page in pages().items()}


def _text(page: dashboard.Dashboard) -> str:
    plain = json.loads(JSONEncoder(sort_keys=True).encode(page.build()))
    return json.dumps(_told(plain), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _told(value: Any, inside: str = "") -> Any:
    """Without the nulls the encoder leaves. The first step of thresholds keeps its: it means from below."""
    if isinstance(value, dict):
        return {
            key: _told(one, key)
            for key, one in value.items()
            if one is not None or (inside == "steps" and key == "value")
        }
    return [_told(one, inside) for one in value] if isinstance(value, list) else value
