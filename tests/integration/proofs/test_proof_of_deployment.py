"""The proof of deployment as a command."""

import pytest

from scripts.proofs import deploy


@pytest.mark.lane
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_deployment_ends_as_promised(capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.main([]) == 0, capsys.readouterr().out
