"""The proof of configuration as a command: what it prints, and when it fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.foreign_tools import MissingToolError, findings, program, run
from scripts.proofs.configuration import __main__ as proof


def _no_tool(_root: Path) -> Iterator[str]:
    yield from ()
    program("no-such-program", "apt install it")


def _no_json(root: Path) -> Iterator[str]:
    yield from findings("sh", run(["sh", "-c", "echo Killed; echo out of memory >&2; exit 137"], root))


def _a_fault(root: Path) -> Iterator[str]:
    yield f"{root.name}/page.yml:3: what is wrong"
    raise MissingToolError("another tool is not there")


def test_this_source_tree_has_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert proof.main([]) == 0, capsys.readouterr().out


def test_every_fault_is_named_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(proof, "KINDS", {"pages": _a_fault})
    assert proof.main(["--root", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert f"FAULT    pages: {tmp_path.name}/page.yml:3: what is wrong" in said
    assert "UNPROVEN pages: another tool is not there" in said


def test_a_tool_that_prints_nothing_it_could_be_understood_by_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(proof, "KINDS", {"pages": _no_json})
    assert proof.main(["--root", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "FAULT    pages: sh failed: out of memory\n"


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("1", 1)])
def test_a_missing_tool_fails_where_ci_is_set(
    ci: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(proof, "KINDS", {"pages": _no_tool})
    assert proof.main([]) == code
    assert "no-such-program is not installed: apt install it" in capsys.readouterr().out


def test_a_tree_without_workflows_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert proof.main(["--only", "workflows", "--root", str(tmp_path)]) == 1
    assert "there is no workflow" in capsys.readouterr().out
