"""Each check of the configuration finds the fault it is there for, in a copy of ours with that fault."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import ROOT
from scripts.foreign_tools import MissingToolError
from scripts.proofs.configuration import dockerfiles, shell, workflows

Change = Callable[[str, str, str], None]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the checks read of this source tree."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    for name in ("scripts", "api", "Makefile"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def change(tree: Path) -> Change:
    def replace(file: str, old: str, new: str) -> None:
        page = tree / file
        text = page.read_text()
        assert old in text, f"{file} has no `{old}`"
        page.write_text(text.replace(old, new, 1))

    return replace


def ours(tree: Path) -> list[str]:
    pages = sorted((tree / ".github/workflows").glob("*.yml"))
    return [fault for page in pages for fault in workflows._of_ours(tree, page.relative_to(tree))]


def test_an_unchanged_copy_has_no_fault_of_ours(tree: Path) -> None:
    assert ours(tree) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("ci.yml", "@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "@v4", "actions/checkout@v4` is not pinned"),
        ("ci.yml", " # v4.2.2", "", "with the version behind it"),
        ("ci.yml", "permissions: {}", "permissions: write-all", "must stand at its top"),
        ("ci.yml", "    permissions:\n      contents: read\n", "", "job test: names no permissions"),
        ("ci.yml", "    permissions:\n      contents: read\n", "    permissions: write-all\n", "asks for write-all"),
        ("ci.yml", "    timeout-minutes: 30\n", "", "job test: has no timeout-minutes"),
        ("ci.yml", "          persist-credentials: false\n", "          fetch-depth: 1\n", "leaves the token"),
        ("retrain.yml", '"$MODEL"', "${{ inputs.model }}", "an expression stands in the command"),
        ("ci.yml", "bash .ci/run", "curl -s https://example.org/x", "calls no command or script of this repository"),
        ("ci.yml", "bash .ci/run", "bash .ci/missing", "there is no .ci/missing"),
        ("deploy.yml", "scripts.delivery.deploy", "scripts.delivery.deplyo", "there is no scripts.delivery.deplyo"),
        ("deploy.yml", "jobs:\n", "steps:\n", "has no jobs"),
        ("deploy.yml", "name: deploy\n", "name: [deploy\n", "is no YAML"),
    ],
)
def test_what_we_want_of_every_workflow(file: str, old: str, new: str, says: str, tree: Path, change: Change) -> None:
    change(f".github/workflows/{file}", old, new)
    found = ours(tree)
    assert any(says in fault and fault.startswith(f".github/workflows/{file}") for fault in found), found


def test_a_key_that_does_not_exist_is_found_by_the_schema(tree: Path, change: Change) -> None:
    change(".github/workflows/ci.yml", "runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04")
    change(".github/dependabot.yml", "interval: weekly", "interval: sometimes")
    pages = [page.relative_to(tree) for page in sorted((tree / ".github/workflows").glob("*.yml"))]
    found = list(workflows._of_schema(tree, "vendor.github-workflows", pages))
    assert found, "a wrong key"
    assert all(fault.startswith(".github/workflows/ci.yml: $.jobs.test") for fault in found), found
    found = list(workflows._of_schema(tree, "vendor.dependabot", [workflows.DEPENDABOT]))
    assert any("sometimes" in fault for fault in found), found


def test_a_trigger_that_hands_out_secrets_is_found(tree: Path, change: Change) -> None:
    page = Path(".github/workflows/deploy.yml")
    change(str(page), "  workflow_dispatch:\n", "  workflow_dispatch:\n  pull_request_target:\n")
    found = list(workflows._of_zizmor(tree, [page]))
    assert any(fault.startswith(f"{page}:") and "dangerous-triggers" in fault for fault in found), found


def test_what_only_the_linter_of_workflows_knows_is_found(tree: Path, change: Change) -> None:
    retrain, release = Path(".github/workflows/retrain.yml"), Path(".github/workflows/release.yml")
    change(str(retrain), 'cron: "0 2 * * 0"', 'cron: "0 26 * * 0"')
    change(str(release), "needs: [build, images]", "needs: [build, image]")
    try:
        found = list(workflows._of_actionlint(tree, [retrain, release]))
    except MissingToolError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    assert any(fault.startswith(f"{retrain}:") and "0 26 * * 0" in fault for fault in found), found
    assert any(fault.startswith(f"{release}:") and '"image"' in fault for fault in found), found


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("USER 10001:10001", "USER root", "the image runs as root"),
        ("HEALTHCHECK ", "# HEALTHCHECK ", "has no HEALTHCHECK"),
        ("org.opencontainers.image.revision", "org.opencontainers.image.revison", "image.revision is missing"),
        ("WORKDIR /opt/steward\nUSER", "ENV RENDER_API_KEY=rnd_1\nWORKDIR /opt/steward\nUSER", "a secret in an image"),
        ("WORKDIR /opt/steward\nCOPY", "WORKDIR opt\nCOPY", "DL3000"),
        ("uv==0.13.8", "uv", "DL3013"),
        ("uv==0.13.8", "uv==0.13.7", "installs uv 0.13.7, and the Makefile says 0.13.8"),
    ],
)
def test_what_is_wrong_with_an_image_is_found(old: str, new: str, says: str, tree: Path, change: Change) -> None:
    change("docker/Dockerfile.api", old, new)
    found = list(dockerfiles.faults(tree))
    assert any(says in fault and fault.startswith("docker/Dockerfile.api") for fault in found), found
    assert all(fault.startswith("docker/Dockerfile.api") for fault in found), found


def test_what_is_wrong_with_a_script_is_found(tree: Path) -> None:
    (tree / "deploy.sh").write_text("#!/bin/sh\nset -eu\nrm -rf $1/*\n")
    (tree / "careless").write_text('#!/usr/bin/env bash\necho "$1"\n')
    (tree / "a_page.py").write_text("#!/usr/bin/env python\nnot a script of the shell\n")
    found = list(shell.faults(tree))
    assert any(fault.startswith("deploy.sh:3: SC2086") for fault in found), found
    assert any(fault.startswith("careless: goes on after an error") for fault in found), found
    assert all(fault.startswith(("deploy.sh", "careless")) for fault in found), found


def test_a_tree_without_images_is_a_fault(tmp_path: Path) -> None:
    assert list(dockerfiles.faults(tmp_path)) == ["docker: there is no Dockerfile"]
