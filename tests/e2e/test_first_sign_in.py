"""A new installation: the link in the terminal, the first administrator, and no trace of the link in any log."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.e2e.commands import Steward
from ui.session import COOKIE

LINK = re.compile(r"(http://127\.0\.0\.1:\d+)(/auth/first\?token=\S+)")
PASSWORD = "a password of my own"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_link_of_a_new_installation_makes_its_first_administrator_and_is_in_no_log(
    steward: Callable[..., Steward], home: Path
) -> None:
    up = steward("up", "--only", "api,ui")
    said = up.wait_for(lambda said: "ready; Ctrl-C" in said, 150)
    found = LINK.search(said)
    assert found is not None, said
    dashboard, path = found.groups()
    token = parse_qs(urlsplit(path).query)["token"][0]
    with httpx.Client(base_url=dashboard, timeout=20) as browser:
        assert "become the administrator" in browser.get(path).text
        form = {"token": token, "name": "ada", "password": PASSWORD, "again": PASSWORD}
        answer = browser.post("/auth/first", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert browser.cookies.get(COOKIE)
        assert browser.get("/", headers={"accept": "text/html"}).status_code == 200
        again = browser.get(path)
        assert again.status_code == 404
        assert "used already" in again.text
    assert up.interrupt() == 0
    kept = [path.read_text(errors="replace") for path in (home / "logs").glob("*")]
    assert kept
    assert all(token not in one and PASSWORD not in one for one in kept)
