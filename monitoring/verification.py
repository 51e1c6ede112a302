"""What a change of the serving version did: new against old on the same rows, as labels arrive.

The new version's answers are the ones it really gave; the old version answers the same rows again, from its own
artifact. Both are scored against the same truth and the difference is paired, so a population that became harder does
not look like a bad release. Each look is a new row: the agent's verifier reads the sequence.
"""

from typing import Any

import numpy as np
from loguru import logger
from sqlalchemy.orm import Session

from config.model_contract import ModelContract
from database.artifact_store import ArtifactStore
from database.enums import MetricKind, Verdict
from database.errors import StewardError
from database.models import Deployment
from database.queries import model_versions, predictions, windows
from monitoring.measurement import Measurement
from monitoring.windows import CLOCK_SLACK, WindowRows, columns_of
from training.evaluator import Difference, Scored, paired_difference
from training.serving_artifact import Answering, load
from training.suspects import suspect_reasons

# Fewer new labels than this cannot change anybody's mind.
LEAST_NEW = 5
# After this many rows the question is settled, or never will be.
MOST_ROWS = 1000


def verify_change(session: Session, store: ArtifactStore, contract: ModelContract) -> bool:
    """Compare the serving version with the one it replaced, if enough labels are new. True if a figure was written.

    A version whose artifact cannot be loaded is compared with nothing, and the figure says why.
    """
    deployment = model_versions.current_generation(session, contract.name)
    if deployment is None or deployment.previous_version_id is None:
        return False
    done = windows.newest_verification(session, deployment.version_id, deployment.generation)
    if done is not None and done.n >= MOST_ROWS:
        return False
    outcomes = predictions.labelled_of_generation(
        session, contract.name, deployment.generation, deployment.created_at - CLOCK_SLACK, MOST_ROWS
    )
    # A fault of the source says nothing about a version: what is never learnt from does not judge either.
    sound = [outcome for outcome in outcomes if not suspect_reasons(contract, outcome.features)]
    if len(sound) < (done.n if done else 0) + LEAST_NEW:
        return False
    rows = columns_of(sound, contract)
    found = _measure(session, store, contract, deployment, rows, suspect_n=len(outcomes) - len(sound))
    session.add(found.to_row(deployment.version_id, None, rows.labels_as_of))
    logger.info(
        "monitor.verification.measured model={} generation={} rows={} verdict={}",
        contract.name,
        deployment.generation,
        rows.n,
        found.verdict,
    )
    return True


def _measure(
    session: Session,
    store: ArtifactStore,
    contract: ModelContract,
    deployment: Deployment,
    rows: WindowRows,
    suspect_n: int,
) -> Measurement:
    facts = {
        "new_version_id": deployment.version_id,
        "old_version_id": deployment.previous_version_id,
        "generation": deployment.generation,
        "action_id": str(deployment.action_id) if deployment.action_id else None,
        "suspect_n": suspect_n,
    }
    assert deployment.previous_version_id is not None  # noqa: S101  (the caller looked)
    old_version = model_versions.get(session, deployment.previous_version_id)
    try:
        old = load(store, old_version.artifact_digest)
    except StewardError as error:
        why = f"version {old_version.version} cannot answer again: {error}"
        return Measurement(
            MetricKind.VERIFICATION, contract.quality.metric, None, None, None, rows.n, 0.0,
            Verdict.INCONCLUSIVE, why, facts,
        )  # fmt: skip
    return compare(contract, rows, old, facts)


def compare(contract: ModelContract, rows: WindowRows, old: Answering, facts: dict[str, Any]) -> Measurement:
    """New minus old on labelled rows the new version answered. Pure, given the old model."""
    metric = contract.quality.metric
    before = Scored.at(old.predict(rows.features), old.threshold)
    found = paired_difference(metric, rows.labels.astype(np.int64), before, rows.scored)
    verdict, why = _judged(found, contract)
    return Measurement(
        kind=MetricKind.VERIFICATION,
        name=metric,
        value=found.difference,
        low=found.low,
        high=found.high,
        n=found.n,
        reference=0.0,
        verdict=verdict,
        why=why,
        facts={**facts, "new": found.after, "old": found.before},
    )


def _judged(found: Difference, contract: ModelContract) -> tuple[Verdict, str]:
    if found.difference is None or found.low is None or found.high is None:
        return Verdict.INCONCLUSIVE, f"{found.metric} does not exist on these {found.n} rows"
    span = f"{found.difference:+.3f} (95 % interval {found.low:+.3f} to {found.high:+.3f}, {found.n} rows)"
    if found.n < contract.monitoring.min_rows:
        return Verdict.INCONCLUSIVE, f"{span}: at least {contract.monitoring.min_rows} rows are needed to judge"
    if found.high < -contract.quality.harm_margin:
        return Verdict.CRIT, f"{span}: surely worse than the version before"
    if found.high < 0:
        return Verdict.WARN, f"{span}: worse than the version before"
    return Verdict.OK, f"{span}: no loss against the version before"
