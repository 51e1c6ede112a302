"""An image copies some rooms of the source: among them every one that the commands run in it import."""

import re
from pathlib import Path

import grimp
import pytest

from scripts.cli import PARTS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("agent", "api", "config", "database", "monitoring", "scripts", "training", "ui")
# What docs/operations.md, the Compose file and the manifests run in each image.
COMMANDS = {
    "api": (
        "healthy",
        "migrate",
        "keys",
        "users",
        "audit",
        "artifacts",
        "labels",
        "pause",
        "resume",
        "retrain",
        "smoke",
    ),
    "ui": ("healthy",),
    "training": ("healthy", "train", "init-model", "score", "backup", "restore", "retention", "counts", "erase"),
    "agent": ("healthy", "policy", "notifications"),
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS)


@pytest.mark.parametrize("role", COMMANDS)
def test_every_room_that_a_command_imports_is_copied(role: str, graph: grimp.ImportGraph) -> None:
    text = (ROOT / "docker" / f"Dockerfile.{role}").read_text()
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    for command in COMMANDS[role]:
        module = PARTS[command].partition(":")[0]
        rooms = {one.partition(".")[0] for one in graph.find_upstream_modules(module)}
        assert rooms <= copied, f"`steward {command}` in the image {role} lacks {', '.join(sorted(rooms - copied))}"
