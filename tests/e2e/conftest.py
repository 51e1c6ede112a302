"""The whole platform in processes of its own, in a home of its own, driven from outside as a person would."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.commands import ROOT, Steward

BESIDE = ROOT.parent / "shared" / "data" / "heart_disease"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


expect.set_options(timeout=40_000)  # beside a whole demo on two cores


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty STEWARD_HOME; not under pytest's own directory, which another user may not enter."""
    directory = Path(tempfile.mkdtemp(prefix="steward-e2e-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """What every command of a test is given: its home, any free ports, and the real files where they are."""
    given = {**os.environ, "STEWARD_HOME": str(home), "API_PORT": "0", "UI_PORT": "0", "COLUMNS": "140"}
    if "STEWARD_DATA_DIR" not in given and BESIDE.is_dir():
        given["STEWARD_DATA_DIR"] = str(BESIDE)
    return given


@pytest.fixture
def steward(environment: dict[str, str]) -> Iterator[Callable[..., Steward]]:
    """Start `steward` commands that are ended when the test is."""
    started: list[Steward] = []

    def start(*arguments: str) -> Steward:
        started.append(Steward(list(arguments), environment))
        return started[-1]

    yield start
    for command in started:
        command.interrupt()


@pytest.fixture(scope="module")  # its event loop is in the way of tests that run one
def browser() -> Iterator[Browser]:
    """A real Chromium. Its absence fails in CI, and is a visible skip elsewhere."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        message = "no Chromium on this machine (Debian: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        # What a test waits for is evaluated in the page, which the page's own policy forbids to everybody. The tests of
        # that policy ask for it.
        chromium.new_context = partial(chromium.new_context, bypass_csp=True)  # type: ignore[method-assign]
        yield chromium
        chromium.close()
