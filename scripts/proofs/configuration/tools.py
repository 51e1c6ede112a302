"""Node's packages for the proof, pinned in `scripts/proofs/node`.

They are installed into the user's cache on first use, which is the one step here that needs the network.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from scripts.foreign_tools import MissingToolError, last_line, program, run

NODE = Path(__file__).resolve().parent.parent / "node"


def node_packages() -> Path:
    """The directory with `node_modules` as the lock file pins them; installs it when it is not there yet.

    Rivals each install into a directory of their own; the first to finish gives its name to all.
    """
    npm = program("npm", "make setup")
    program("node", "make setup")
    pages = [NODE / "package.json", NODE / "package-lock.json"]
    digest = hashlib.sha256(b"".join(page.read_bytes() for page in pages)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steward"
    place = cache / f"node-{digest}"
    if place.is_dir():
        return place
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="node-", dir=cache) as fresh:
        for page in pages:
            shutil.copy(page, fresh)
        done = run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], Path(fresh))
        if done.returncode:
            raise MissingToolError(f"npm ci of {NODE.name}/package-lock.json failed: {last_line(done.stderr)}")
        try:
            Path(fresh).rename(place)
        except OSError:
            if not place.is_dir():
                raise
        else:
            Path(fresh).mkdir()  # what is cleaned up
    return place
