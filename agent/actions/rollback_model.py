"""rollback_model (high): earlier versions replayed on the recent labelled rows; the best of them is the target."""

from collections.abc import Sequence

from agent.actions.command import PYTHON
from agent.actions.serving_change import ServingChange

COMMAND = (*PYTHON, "training.rollback_evidence")


def rollback_model(command: Sequence[str] = COMMAND) -> ServingChange:
    """The action, with the command that replays."""
    return ServingChange(command, "rolled back to an earlier version")
