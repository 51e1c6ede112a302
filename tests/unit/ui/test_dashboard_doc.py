"""docs/dashboard.md says which test holds which promise: each is there, and none is left out."""

import re

from config.settings import ROOT

TESTS = ROOT / "tests" / "e2e" / "dashboard"
ROWS = re.findall(
    r"^\| (\d+) \|(.+)\|(.+)\|$", (ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8"), re.MULTILINE
)
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def _written() -> set[tuple[str, str]]:
    return {
        (file.name, name)
        for file in TESTS.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_every_promise_names_a_test_and_every_test_is_named() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 26))
    for number, _, tests in ROWS:
        assert NAMED.findall(tests), number
    named = {found for _, _, tests in ROWS for found in NAMED.findall(tests)}
    assert named == _written()
