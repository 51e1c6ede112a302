"""Releases of models by GitHub's own command, `gh`, which reads its token from the environment (GH_TOKEN)."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.speech import CommandFailedError

_LONGEST_S = 300.0
_LISTED = 200


@dataclass(frozen=True)
class Release:
    tag: str
    published_at: str


def gh(*arguments: str) -> str:
    """What it printed. Raises `CommandFailedError` with what it said was wrong."""
    program = shutil.which("gh")
    if program is None:
        raise CommandFailedError("gh is not installed (https://cli.github.com)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=_LONGEST_S)
    if done.returncode:
        raise CommandFailedError(f"gh {' '.join(arguments[:2])} failed: {done.stderr.strip() or done.returncode}")
    return done.stdout


def newest_published(prefix: str) -> Release | None:
    """The last release of these that a person published: drafts do not count, nor another model's whose name goes on
    where this one's ends."""
    ours = re.compile(re.escape(prefix) + "[0-9a-f]{12}")
    said = gh("release", "list", "--exclude-drafts", "--limit", str(_LISTED), "--json", "tagName,publishedAt")
    found = [Release(one["tagName"], one["publishedAt"]) for one in json.loads(said) if ours.fullmatch(one["tagName"])]
    return max(found, key=lambda one: one.published_at, default=None)


def exists(tag: str) -> bool:
    """Drafts count."""
    said = gh("release", "list", "--limit", str(_LISTED), "--json", "tagName")
    return any(one["tagName"] == tag for one in json.loads(said))


def download(tag: str, names: Sequence[str], to: Path) -> None:
    """Some files of a release; which of them are there says the directory."""
    patterns = [part for name in names for part in ("--pattern", name)]
    gh("release", "download", tag, "--dir", str(to), "--clobber", *patterns)


def draft(tag: str, title: str, notes: Path, files: Sequence[Path], target: str | None) -> str:
    """Make a draft, which a person publishes or throws away; its address."""
    at = ["--target", target] if target else []
    said = gh("release", "create", tag, "--draft", "--title", title, "--notes-file", str(notes), *at, *map(str, files))
    return said.strip()
