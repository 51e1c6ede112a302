"""A release can be put back without its database: no migration takes away what the release before reads and writes."""

import ast
import re
from pathlib import Path

import pytest

VERSIONS = Path(__file__).resolve().parents[2] / "alembic" / "versions"
TAKES = re.compile(
    r"\bdrop_(?:column|table)\b|\brename_table\b|\bnew_column_name\b|\bDROP\s+(?:COLUMN|TABLE)\b|\bRENAME\b",
    re.IGNORECASE,
)
# Turned one table into one with partitions under the same name, before there was a release.
BEFORE_ANY_RELEASE = "2026-11-22-0100_predictions_by_day.py"


def takes(source: str) -> list[str]:
    """Lines of `upgrade` that take something away or give it another name."""
    tree = ast.parse(source)
    upgrade = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    return [line.strip() for line in (ast.get_source_segment(source, upgrade) or "").splitlines() if TAKES.search(line)]


@pytest.mark.parametrize("page", sorted(VERSIONS.glob("*.py")), ids=lambda page: page.stem)
def test_a_migration_takes_nothing_away(page: Path) -> None:
    found = takes(page.read_text(encoding="utf-8"))
    assert bool(found) == (page.name == BEFORE_ANY_RELEASE), found


@pytest.mark.parametrize(
    "line",
    ['op.drop_column("labels", "actual")', 'op.execute("ALTER TABLE a RENAME TO b")', 'op.execute("drop  table a")',
     'op.alter_column("a", "b", new_column_name="c")'],
)  # fmt: skip
def test_one_that_does_is_found(line: str) -> None:
    assert takes(f"def upgrade():\n    {line}\n\n\ndef downgrade():\n    pass\n") == [line]
    assert takes(f"def upgrade():\n    pass\n\n\ndef downgrade():\n    {line}\n") == []
