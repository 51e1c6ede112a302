"""A machine without a Chromium: in CI the browser's tests fail there, elsewhere they are skipped and say why."""

import os
import subprocess
import sys

import pytest
from playwright.sync_api import Browser

from tests.e2e.commands import ROOT

NEEDS_ONE = "tests/e2e/test_without_a_browser.py::test_a_browser_opens_a_page"


@pytest.mark.browser
def test_a_browser_opens_a_page(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<h1>here</h1>")
    assert page.get_by_role("heading").inner_text() == "here"
    page.close()


@pytest.mark.parametrize(("ci", "code", "says"), [("1", 1, "1 error"), ("", 0, "1 skipped")])
def test_without_a_chromium_ci_fails_and_a_person_sees_why_it_is_skipped(ci: str, code: int, says: str) -> None:
    nowhere = {**os.environ, "PATH": "", "CI": ci}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-rA", NEEDS_ONE]
    run = subprocess.run(command, env=nowhere, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert run.returncode == code, run.stdout
    assert says in run.stdout
    assert "no Chromium on this machine" in run.stdout
