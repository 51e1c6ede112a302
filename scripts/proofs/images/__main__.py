"""`make prove-images`: the four images are built, are what they should be, and each does its work in a container.

Needs root, buildah, podman, runc and, where no registry can be reached, debootstrap. Takes minutes and some gigabytes,
which it gives back; `--store` keeps them for the next run.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from config.logging_config import configure_logging
from config.release import release
from config.settings import ROOT
from scripts.proofs.images import base
from scripts.proofs.images.engine import Engine, EngineError
from scripts.proofs.images.inspection import IMAGES, faults
from scripts.proofs.images.running import Containers, RunningError
from scripts.proofs.images.world import world

PROGRAMS = ("buildah", "podman", "runc")


def say(line: str) -> None:
    print(line, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 with a sentence for what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m scripts.proofs.images", description=__doc__)
    parser.add_argument("--store", type=Path, help="directory for images and layers, kept; default: one that goes")
    parser.add_argument("--no-build", action="store_true", help="run what the store holds")
    parser.add_argument("--no-run", action="store_true", help="build and look, run nothing")
    given = parser.parse_args(argv)
    if os.geteuid() != 0:
        say("FAULT the proof of the images needs root: it mounts what containers see")
        return 1
    if absent := [name for name in PROGRAMS if shutil.which(name) is None]:
        say(f"FAULT not installed: {', '.join(absent)} (apt install {' '.join(PROGRAMS)} debootstrap)")
        return 1
    configure_logging("proof", level="WARNING")
    store = given.store or Path(tempfile.mkdtemp(prefix="steward-images-"))
    try:
        return _prove(store.resolve(), build=not given.no_build, run=not given.no_run)
    except (EngineError, RunningError, subprocess.CalledProcessError) as error:
        say(f"FAULT {error}")
        return 1
    finally:
        if given.store is None:
            _remove(store)


def _prove(store: Path, *, build: bool, run: bool) -> int:
    engine = Engine.at(store)
    say(f"store {store}, layers by {engine.driver}")
    if build:
        _build(engine)
    found = [fault for made in IMAGES for fault in faults(engine, made, ROOT)]
    for made in IMAGES:
        say(f"steward-{made.role}: {engine.inspect(made.image)['Size'] / 1e6:.0f} MB")
    for fault in found:
        say(f"FAULT {fault}")
    if not found:
        say(
            "every image: its user, labels and health check, nothing to write to, the packages of the lock and no other"
        )
    if run and not found:
        _run(engine, store)
    return 1 if found else 0


def _build(engine: Engine) -> None:
    wanted = base.base_of(ROOT / IMAGES[0].dockerfile)
    say(f"base {wanted}: {base.provide(engine, wanted)}")
    commit = _git("rev-parse", "HEAD") or "unknown"
    epoch = int(_git("log", "-1", "--format=%ct") or 0)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    told = {"VERSION": release(), "REVISION": commit, "CREATED": created}
    for made in IMAGES:
        began = time.monotonic()
        engine.build(made.image, ROOT / made.dockerfile, ROOT, told, epoch)
        say(f"steward-{made.role}: built in {time.monotonic() - began:.0f} s")


def _run(engine: Engine, store: Path) -> None:
    data = Path(given) if (given := os.environ.get("STEWARD_DATA_DIR")) else None
    place = store / f"world-{os.getpid()}"
    store.chmod(0o755)
    with world(place, ROOT) as made:
        containers = Containers(engine, made, say)
        try:
            containers.all(data)
        finally:
            containers.stop()
    say("every role did its work in its container")


def _git(*question: str) -> str:
    asked = subprocess.run(["git", "-C", str(ROOT), *question], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _remove(store: Path) -> None:
    shutil.rmtree(store, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
