"""`.github/`: workflows and Dependabot's page."""

from collections.abc import Iterator
from pathlib import Path

from scripts.proofs.configuration.tools import python_program, run

FOLDER = Path(".github/workflows")
DEPENDABOT = Path(".github/dependabot.yml")


def faults(root: Path) -> Iterator[str]:
    """One sentence for each fault of a workflow below `root`."""
    pages = sorted(page.relative_to(root) for page in (root / FOLDER).glob("*.y*ml"))
    if not pages:
        yield f"{FOLDER}: there is no workflow"
        return
    yield from _of_schema(root, "vendor.github-workflows", pages)
    if (root / DEPENDABOT).exists():
        yield from _of_schema(root, "vendor.dependabot", [DEPENDABOT])


def _of_schema(root: Path, schema: str, pages: list[Path]) -> Iterator[str]:
    command = [python_program("check-jsonschema"), "--builtin-schema", schema, *map(str, pages)]
    done = run(command, root)
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
        yield from (line for line in lines if any(line.startswith(str(page)) for page in pages))
        if not any(line.startswith(str(page)) for line in lines for page in pages):
            yield f"check-jsonschema with {schema}: {' '.join(lines)}"
