"""Which diagnoses people are told about: one live incident about the same movement of the inputs. Pure.

"The inputs moved and nothing is lost" and "they moved and the answers got worse" contradict each other on one screen,
and a model near the margin would change between them window by window. The harmful one wins for as long as it lives:
the harmless one is then a note in the record of the pass, and one that was open is over.
"""

from collections.abc import Collection

from database.enums import Cause

HARM_DONE = frozenset({Cause.COVARIATE_SHIFT_HARMFUL, Cause.CONCEPT_DRIFT, Cause.PRIOR_SHIFT})
TURNED_OUT = "it turned out to do harm"


def told_by(cause: Cause, others: Collection[Cause]) -> Cause | None:
    """The cause among `others` (live or diagnosed now) whose incident already speaks of the same movement."""
    if cause is not Cause.COVARIATE_SHIFT_HARMLESS:
        return None
    return next((other for other in Cause if other in HARM_DONE and other in others), None)
