"""A stand-in of GitHub's command `gh`, as far as releases go: each is a directory below GH_STAND_IN.

`.draft` in it says that nobody has published it yet. Run as a program by `scripts/proofs/retrain.py`.
"""

import argparse
import fnmatch
import json
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """`gh release list|download|create`, with the options we use and no others."""
    if not os.environ.get("GH_TOKEN"):
        print("gh: set the GH_TOKEN environment variable", file=sys.stderr)
        return 4
    releases = Path(os.environ["GH_STAND_IN"])
    releases.mkdir(exist_ok=True)
    commands = argparse.ArgumentParser(prog="gh").add_subparsers(dest="noun", required=True)
    verbs = commands.add_parser("release").add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list")
    listing.add_argument("--exclude-drafts", action="store_true")
    listing.add_argument("--limit", type=int, required=True)
    listing.add_argument("--json", required=True)
    download = verbs.add_parser("download")
    download.add_argument("tag")
    download.add_argument("--dir", type=Path, required=True)
    download.add_argument("--clobber", action="store_true")
    download.add_argument("--pattern", action="append", required=True)
    create = verbs.add_parser("create")
    create.add_argument("tag")
    create.add_argument("files", nargs="+", type=Path)
    create.add_argument("--draft", action="store_true")
    create.add_argument("--title", required=True)
    create.add_argument("--notes-file", type=Path, required=True)
    create.add_argument("--target")
    if argv[:1] != ["release"]:
        raise SystemExit("gh: the stand-in knows `release` alone")
    given = {"list": listing, "download": download, "create": create}[argv[1]].parse_args(argv[2:])
    return {"list": _list, "download": _download, "create": _create}[argv[1]](releases, given)


def _list(releases: Path, given: argparse.Namespace) -> int:
    found = [one for one in releases.iterdir() if not given.exclude_drafts or not (one / ".draft").exists()]
    print(json.dumps([{"tagName": one.name, "publishedAt": _made(one)} for one in found[: given.limit]]))
    return 0


def _made(release: Path) -> str:
    return datetime.fromtimestamp((release / "notes.md").stat().st_mtime, UTC).isoformat()


def _download(releases: Path, given: argparse.Namespace) -> int:
    files = [file for pattern in given.pattern for file in (releases / given.tag).iterdir()
             if fnmatch.fnmatch(file.name, pattern)]  # fmt: skip
    if not files:
        print("no assets match the file pattern", file=sys.stderr)
        return 1
    for file in files:
        shutil.copy(file, given.dir)
    return 0


def _create(releases: Path, given: argparse.Namespace) -> int:
    release = releases / given.tag
    if release.exists():
        print("a release with the same tag name already exists", file=sys.stderr)
        return 1
    release.mkdir()
    for file in given.files:
        shutil.copy(file, release)
    shutil.copy(given.notes_file, release / "notes.md")
    if given.draft:
        (release / ".draft").touch()
    print(f"https://github.com/example/steward/releases/tag/{given.tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
