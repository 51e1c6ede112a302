"""What a release consists of, in one directory: `python -m scripts.delivery.build --tag v1.2.3 --out dist`.

Wheel and source, an SBOM of everything the lock file pins for running it (CycloneDX), and the checksums of all of them.
The tag has to be the version that stands in pyproject.toml. Needs the network: the build backend is fetched.
"""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from config.settings import ROOT
from scripts.foreign_tools import MissingToolError, last_line, python_program, run
from scripts.speech import CommandFailedError

SBOM, SUMS = "steward-sbom.cdx.json", "SHA256SUMS"


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 when a part could not be made."""
    parser = argparse.ArgumentParser(prog="python -m scripts.delivery.build", description=__doc__)
    parser.add_argument("--tag", required=True, help="of the release: v and the version")
    parser.add_argument("--out", type=Path, required=True, help="an empty directory, or one to be made")
    given = parser.parse_args(argv)
    try:
        for file in build(given.tag, given.out.resolve()):
            print(file.relative_to(given.out.resolve()))
    except (CommandFailedError, MissingToolError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(tag: str, out: Path) -> list[Path]:
    """The files. Raises `CommandFailedError`."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if tag != f"v{version}":
        raise CommandFailedError(
            f"the tag is {tag}, but pyproject.toml says version {version}: it should be v{version}"
        )
    if out.exists() and any(out.iterdir()):
        raise CommandFailedError(f"{out} is not empty")
    out.mkdir(parents=True, exist_ok=True)
    _uv("build", "--quiet", "--system-certs", "--out-dir", str(out))
    (out / ".gitignore").unlink(missing_ok=True)  # uv makes one
    groups = [part for group in ("dev", "proofs") for part in ("--no-group", group)]
    _uv("export", "--quiet", "--frozen", "--format", "cyclonedx1.5", *groups, "--output-file", str(out / SBOM))
    files = sorted(out.iterdir())
    (out / SUMS).write_text("".join(f"{sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in files))
    return [*files, out / SUMS]


def _uv(*arguments: str) -> None:
    done = run([python_program("uv"), *arguments], ROOT)
    if done.returncode:
        raise CommandFailedError(f"uv {arguments[0]} failed: {last_line(done.stderr)}")


if __name__ == "__main__":
    sys.exit(main())
