"""The base of the images: the real one where a registry can be reached, else a stand-in made of Debian's packages.

The stand-in is the same release of Debian with Debian's own Python of the same minor version, under the name that
stands in the Dockerfiles, so these are built unchanged. What it does not prove is the real base itself.
"""

import re
import shutil
from pathlib import Path

from scripts.proofs.images.engine import Engine, EngineError

_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_DEFAULT_MIRROR = "http://deb.debian.org/debian"


def base_of(dockerfile: Path) -> str:
    """What a Dockerfile is built on unless it is told otherwise."""
    found = re.search(r"^ARG BASE=(\S+)$", dockerfile.read_text(), re.MULTILINE)
    if found is None:
        raise EngineError(f"{dockerfile}: there is no `ARG BASE=`")
    return found[1]


def provide(engine: Engine, base: str) -> str:
    """Bring the base into the store; says what it is."""
    name = f"docker.io/library/{base}"
    if engine.works("podman", "image", "exists", name):
        return "in the store already"
    if engine.works("timeout", "60", "buildah", "pull", "--quiet", name):
        return "from its registry"
    _from_debian(engine, name)
    return "a stand-in from Debian's packages, because no registry can be reached"


def _from_debian(engine: Engine, name: str) -> None:
    root = engine.store / "debian"
    if not (root / "usr/bin/python3").exists():
        shutil.rmtree(root, ignore_errors=True)
        wanted = "ca-certificates,python3,python3-venv,python3-pip"
        engine.run("debootstrap", "--variant=minbase", f"--include={wanted}", "bookworm", str(root), mirror())
    for link, target in {"python": "python3", "python3": "python3", "pip": "pip3"}.items():
        (root / "usr/local/bin" / link).unlink(missing_ok=True)
        (root / "usr/local/bin" / link).symlink_to(f"/usr/bin/{target}")
    (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
    told = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/bin:/bin:/usr/sbin:/sbin"}
    if _CA.exists():  # whom this machine trusts, the build trusts: a package index may stand behind a proxy
        shutil.copy(_CA, root / _CA.relative_to("/"))
        told |= dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(_CA))
    container = engine.run("buildah", "from", "scratch")
    engine.run("buildah", "add", "--quiet", container, str(root), "/")
    settings = [part for key, value in told.items() for part in ("--env", f"{key}={value}")]
    engine.run("buildah", "config", *settings, "--cmd", "bash", container)
    engine.run("buildah", "commit", "--quiet", "--rm", container, name)


def mirror(etc: Path = Path("/etc/apt")) -> str:
    """Where this machine gets its Debian packages from."""
    for page in (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))):
        if page.is_file() and (
            found := re.search(r"^(?:deb\s.*?|URIs:\s*)(https?://[^\s/]+\S*)", page.read_text(), re.MULTILINE)
        ):
            return found[1].rstrip("/")
    return _DEFAULT_MIRROR
