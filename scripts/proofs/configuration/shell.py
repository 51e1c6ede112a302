"""Every shell script of the repository, by its first line, held to shellcheck."""

import os
from collections.abc import Iterator
from pathlib import Path

from scripts.foreign_tools import findings, python_program, run

_LEFT_OUT = frozenset({".git", ".venv", ".venv-peers", "node_modules", "build", "dist"})
_FIRST_LINES = (b"#!/bin/sh", b"#!/usr/bin/env bash", b"#!/usr/bin/env sh", b"#!/bin/bash")


def faults(root: Path) -> Iterator[str]:
    """One sentence for each fault of a script below `root`."""
    scripts = sorted(_scripts(root))
    if not scripts:
        return
    for script in scripts:
        text = (root / script).read_text()
        if not any(line.startswith(("set -eu", "exec ")) for line in text.splitlines()):
            yield f"{script}: goes on after an error and with unset variables: `set -eu` (bash: `set -euo pipefail`)"
    done = run([python_program("shellcheck"), "--format", "json", *map(str, scripts)], root)
    for one in findings("shellcheck", done):
        yield f"{one['file']}:{one['line']}: SC{one['code']}: {one['message']}"


def _scripts(root: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in _LEFT_OUT and not name.endswith("_cache")]
        for name in files:
            file = Path(folder) / name
            if file.suffix in {"", ".sh"} and not file.is_symlink() and _first_line(file).startswith(_FIRST_LINES):
                yield file.relative_to(root)


def _first_line(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.readline(100)
