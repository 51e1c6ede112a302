"""The proof of the weekly workflow as a command."""

from pathlib import Path

import pytest

from scripts.proofs import retrain


@pytest.mark.lane
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_week_ends_as_promised(capsys: pytest.CaptureFixture[str]) -> None:
    assert retrain.main([]) == 0, capsys.readouterr().out


def test_an_expression_or_a_condition_that_the_proof_does_not_know_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The workflow cannot drift away from what is proved."""
    workflow = retrain.WORKFLOW.read_text()
    for old, new, says in (
        ("${{ github.token }}", "${{ secrets.OTHER }}", "expression `secrets.OTHER`"),
        ("if: failure() || cancelled()", "if: success() && false", "condition `success() && false`"),
    ):
        assert old in workflow
        spoiled = workflow.replace(old, new).replace("scripts.delivery.retrain", "json.tool --help #")
        (tmp_path / "retrain.yml").write_text(spoiled)
        monkeypatch.setattr(retrain, "WORKFLOW", tmp_path / "retrain.yml")
        assert retrain.main([]) == 1
        assert says in capsys.readouterr().out
        monkeypatch.undo()
