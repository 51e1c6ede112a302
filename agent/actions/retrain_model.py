"""retrain_model (medium): a challenger trained on recent sound rows, compared before anybody is asked.

Approving promotes that very challenger; nothing is trained after the click.
"""

from collections.abc import Sequence

from agent.actions.command import PYTHON
from agent.actions.serving_change import ServingChange

COMMAND = (*PYTHON, "training.challenger")


def retrain_model(command: Sequence[str] = COMMAND) -> ServingChange:
    """The action, with the command that trains and compares."""
    return ServingChange(command, "retrained on recent data")
