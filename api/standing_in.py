"""Which versions should serve, and which may answer in the place of one whose files are damaged.

The rule, over the deployments of a model: a version that was put in place stands on the one before it; going back to
one takes away everything that was put on top of it. What lies below the version that should serve may stand in for it,
the newest first. So nothing answers that was never put in place, and nothing that people or the agent went back from
(unless it was put in place again later, which somebody approved).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from api.serving import Desired
from database.models import Deployment, ModelVersion
from database.queries import model_versions

# Each is read, hashed and proven at start before the next one is tried.
MOST_STAND_INS = 5


def before(history: Sequence[Desired]) -> tuple[Desired, ...]:
    """What may stand in for the last of these deployments of a model, which are all of them in order."""
    standing: list[Desired] = []
    for one in history:
        at = next((at for at, lower in enumerate(standing) if lower.version_id == one.version_id), len(standing))
        standing[at:] = [one]
    return tuple(reversed(standing[:-1]))[:MOST_STAND_INS]


class Deployments:
    """What should serve, read from the database. The history before a deployment never changes, so it is read once."""

    def __init__(self, model_names: Collection[str]) -> None:
        self._model_names = model_names
        self._before: dict[Desired, tuple[Desired, ...]] = {}

    def read(self, session: Session) -> list[Desired]:
        """The newest deployment of each model that has one. Safe from any thread."""
        newest = [_desired(*pair) for pair in model_versions.desired_deployments(session, self._model_names)]
        known = dict(self._before)
        for one in newest:
            if one not in known:
                history = model_versions.deployment_history(session, one.model_name, one.generation)
                known[one] = before([_desired(*pair) for pair in history])
        self._before = {one: known[one] for one in newest}
        return [replace(one, before=known[one]) for one in newest]


def _desired(deployment: Deployment, version: ModelVersion) -> Desired:
    return Desired(
        deployment.model_name,
        deployment.generation,
        version.id,
        version.version,
        version.artifact_digest,
        version.data_source,
    )
