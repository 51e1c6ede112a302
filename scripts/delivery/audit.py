"""Known vulnerabilities of what the lock file pins: `python -m scripts.delivery.audit`.

pip-audit says "none found" as well when its source of advisories knows nothing. So it is first asked about a canary, a
release with a vulnerability that everybody knows; unless that one is found, its answer about ours counts for nothing.
Needs the network. Exit code 1: something was found, or nothing can be told.
"""

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from config.settings import ROOT
from scripts.foreign_tools import MissingToolError, last_line, python_program, run

PIP_AUDIT = "pip-audit==2.10.1"
# CVE-2019-10906; it has no dependencies but MarkupSafe, which is not looked at.
CANARY = "jinja2==2.10\n"
_FOUND = re.compile(r"\b(PYSEC|CVE|GHSA)-", re.IGNORECASE)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    del argv
    try:
        with tempfile.TemporaryDirectory(prefix="steward-audit-") as place:
            return _looked(Path(place))
    except MissingToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _looked(place: Path) -> int:
    uv = python_program("uv")
    (place / "canary.txt").write_text(CANARY)
    canary = run(_asking(uv, place / "canary.txt", "--no-deps", "--disable-pip"), ROOT)
    if canary.returncode == 0 or not _FOUND.search(canary.stdout):
        said = last_line(canary.stderr or canary.stdout)
        print(f"error: the canary {CANARY.strip()} was not found, so nothing can be told: {said}", file=sys.stderr)
        return 1
    print(f"the canary {CANARY.strip()} was found")
    pinned = place / "requirements.txt"
    done = run([uv, "export", "--quiet", "--frozen", "--no-emit-project", "--output-file", str(pinned)], ROOT)
    if done.returncode:
        print(f"error: uv export failed: {last_line(done.stderr)}", file=sys.stderr)
        return 1
    ours = run(_asking(uv, pinned, "--require-hashes", "--disable-pip"), ROOT)
    print(ours.stdout, end="")
    if ours.returncode:
        print(f"error: {last_line(ours.stderr)}", file=sys.stderr)
    return 1 if ours.returncode else 0


def _asking(uv: str, requirements: Path, *options: str) -> list[str]:
    """In an environment of its own; `--strict` makes a package that could not be looked up a failure."""
    return [uv, "tool", "run", "--system-certs", "--from", PIP_AUDIT, "pip-audit", "--strict", "--progress-spinner",
            "off", *options, "--requirement", str(requirements)]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
