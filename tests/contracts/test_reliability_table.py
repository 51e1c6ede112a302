"""docs/reliability.md and docs/security.md name tests that exist; no fault of the catalogue is left out."""

import re

import pytest

from config.settings import ROOT

FAULTS = 49
ROW = re.compile(r"^\| ([FT]\d+) \| (?P<fault>[^|]+) \| (?P<happens>[^|]+) \| (?P<tests>.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
NOT_TESTED = re.compile(r"Not tested: \w+")


def rows(text: str) -> dict[str, str]:
    """The cell of tests of each fault."""
    return {match[1]: match["tests"] for match in ROW.finditer(text)}


def missing(text: str) -> list[str]:
    """A sentence for each thing the table should say and does not."""
    found = rows(text)
    said = []
    for fault in (f"F{number}" for number in range(1, FAULTS + 1)):
        cell = found.get(fault, "")
        named = NAMED.findall(cell)
        if not named and not NOT_TESTED.search(cell):
            said.append(f"{fault}: no test, and no reason")
        said += [f"{fault}: {file}::{name} is not there" for file, name in named if not is_there(file, name)]
    return said


def is_there(file: str, name: str) -> bool:
    path = ROOT / file
    return path.is_file() and re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE) is not None


def test_every_fault_has_tests_that_exist_or_a_reason() -> None:
    assert missing((ROOT / "docs" / "reliability.md").read_text()) == []


def test_every_threat_that_is_told_of_has_tests_that_exist() -> None:
    found = rows((ROOT / "docs" / "security.md").read_text())
    assert len(found) >= 17
    named = {threat: NAMED.findall(cell) for threat, cell in found.items()}
    assert [threat for threat, tests in named.items() if not tests] == []
    assert [test for tests in named.values() for test in tests if not is_there(*test)] == []


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("`tests/contracts/test_reliability_table.py::test_every_fault_has_tests_that_exist_or_a_reason`", []),
        ("Not tested: it takes a second machine", []),
        ("later", ["F1: no test, and no reason"]),
        ("Not tested:", ["F1: no test, and no reason"]),
        ("`tests/nowhere.py::test_a`", ["F1: tests/nowhere.py::test_a is not there"]),
    ],
)
def test_a_row_without_a_test_or_with_one_that_is_gone_is_named(cell: str, said: list[str]) -> None:
    assert [one for one in missing(f"| F1 | a fault | an end | {cell} |\n") if one.startswith("F1:")] == said
