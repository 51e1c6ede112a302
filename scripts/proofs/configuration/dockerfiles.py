"""`docker/Dockerfile.*`: what we want of every image, then hadolint."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.foreign_tools import findings, python_program, run

FOLDER = Path("docker")
# Versions of Debian's packages are those of the base image's day: pinned, they would vanish from the mirror (DL3008).
# `COPY` of whole folders of ours needs no checksum; pip is called once, with a version.
_NOT_OURS = ("DL3008",)
_ROOT = re.compile(r"^(root|0)(:|$)")


def faults(root: Path) -> Iterator[str]:
    """One sentence for each fault of a Dockerfile below `root`."""
    pages = sorted(page.relative_to(root) for page in (root / FOLDER).glob("Dockerfile*"))
    if not pages:
        yield f"{FOLDER}: there is no Dockerfile"
        return
    for page in pages:
        yield from _of_ours(page, (root / page).read_text())
    yield from _apart(root, pages)
    ignored = [part for rule in _NOT_OURS for part in ("--ignore", rule)]
    done = run([python_program("hadolint"), "--format", "json", *ignored, *map(str, pages)], root)
    for one in findings("hadolint", done):
        yield f"{one['file']}:{one['line']}: {one['code']}: {one['message']}"


def _apart(root: Path, pages: Sequence[Path]) -> Iterator[str]:
    """What every image and `make setup` must have in common, so that the lock file is read in one way."""
    wanted = re.search(r"^UV_VERSION := (\S+)$", (root / "Makefile").read_text(), re.MULTILINE)
    version = wanted[1] if wanted else "(none told)"
    for page in pages:
        for found in re.findall(r"\buv==([\w.]+)", (root / page).read_text()):
            if found != version:
                yield f"{page}: installs uv {found}, and the Makefile says {version}"


def _of_ours(page: Path, text: str) -> Iterator[str]:
    last = text[text.rindex("\nFROM ") :] if "\nFROM " in text else text
    users = re.findall(r"^USER\s+(\S+)", last, re.MULTILINE)
    if not users or _ROOT.match(users[-1]):
        yield f"{page}: the image runs as root: the last stage needs a USER"
    if not re.search(r"^HEALTHCHECK\s", last, re.MULTILINE):
        yield f"{page}: the image has no HEALTHCHECK"
    for label in ("title", "revision", "version", "source", "licenses"):
        if f"org.opencontainers.image.{label}" not in last:
            yield f"{page}: the label org.opencontainers.image.{label} is missing"
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"^(ARG|ENV)\s.*(PASSWORD|SECRET|TOKEN|API_KEY)\s*=\s*\S", line):
            yield f"{page}:{number}: a secret in an image can be read by everybody who has the image"
