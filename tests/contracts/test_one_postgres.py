"""CI tests on the PostgreSQL that Compose and Kubernetes run."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "docker-compose.yml",
    ".github/workflows/ci.yml",
    "deploy/kubernetes/components/postgres/postgres.yaml",
)


def _images(told: Any) -> set[str]:
    """Every image of PostgreSQL in a page, wherever it stands."""
    if isinstance(told, dict):
        own = {told["image"]} if str(told.get("image", "")).startswith("postgres:") else set()
        return own.union(*map(_images, told.values()))
    return set().union(*map(_images, told)) if isinstance(told, list) else set()


def test_every_page_names_the_same_image_of_postgresql() -> None:
    found = {page: set().union(*map(_images, yaml.safe_load_all((ROOT / page).read_text()))) for page in PAGES}
    assert all(found.values()), found
    assert len(set().union(*found.values())) == 1, found
