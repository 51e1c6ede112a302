"""`.ci/image-prefix`: what the workflow takes for the names of images."""

import os
import subprocess
from pathlib import Path

import pytest

from config.settings import ROOT

DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """A stand-in that tells the digest of any tag, which it writes down."""
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\necho "{DIGEST}"\n')
    program.chmod(0o755)
    return program


def named(docker: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    given = {"PATH": f"{docker.parent}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), **environment}
    return subprocess.run([ROOT / ".ci/image-prefix"], env=given, capture_output=True, text=True, check=False)


def test_ghcr_under_the_owner_in_lower_case_or_docker_hub(docker: Path) -> None:
    lines = dict(line.split("=", 1) for line in named(docker, OWNER="Acme-ML").stdout.splitlines())
    assert lines["prefix"] == "ghcr.io/acme-ml"
    assert lines["base"] == f"python:3.11-slim-bookworm@{DIGEST}"
    assert lines["created"].startswith("20")
    assert "prefix=docker.io/ann" in named(docker, OWNER="Acme-ML", DOCKERHUB_USERNAME="ann").stdout


def test_what_is_no_name_of_a_registry_and_a_tag_without_a_digest_are_refused(docker: Path) -> None:
    assert named(docker).returncode != 0
    spoiled = named(docker, OWNER="acme\nevil=1")
    assert (spoiled.returncode, spoiled.stdout) == (1, "")
    docker.write_text("#!/bin/sh\necho none\n")
    told = named(docker, OWNER="acme")
    assert (told.returncode, told.stdout) == (1, "")
    assert "no digest of python:3.11-slim-bookworm" in told.stderr
