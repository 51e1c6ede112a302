"""adjust_threshold (low risk, a person decides): the same model, another point at which it says yes.

Bounded on purpose: one step of at most `STEP`, never outside [`LOWEST`, `HIGHEST`]. The proof is computed from answers
that the serving version really gave, on the rows that a retrain would trust: the threshold is chosen on the earlier
half of them and compared on the later half, so that it is not praised on the rows it was chosen on. It becomes a
version of its own with the same model file, so it can be watched, compared and taken back like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from agent.actions.serving_change import SERVING, activate_target, evidence_from, must_be_whole
from agent.core.work import Effect, Gathered, Json, NotWorthAskingError, Outcome, Work
from config.model_contract import Metric, ModelContract
from config.vocabulary import METRICS, words
from database.artifact_keys import signing_store_of
from database.connection import session_scope
from database.models import ModelVersion
from database.queries import model_versions, training_rows
from database.queries.audit import AGENT
from database.queries.training_rows import LabelledRow
from training.evaluator import Difference, Scored, paired_difference, value_of
from training.recent import repetition_in, trusted

STEP = 0.1
LOWEST, HIGHEST = 0.1, 0.9
GRID = 41
LEAST_ROWS = 60


def best_threshold(
    metric: Metric, labels: NDArray[np.int64], probabilities: NDArray[np.float64], current: float
) -> float:
    """The threshold within one step of `current` that was best on these rows; the nearest to it among equals."""
    low, high = max(LOWEST, current - STEP), min(HIGHEST, current + STEP)
    if low > high:
        return current
    grid = sorted({*np.round(np.linspace(low, high, GRID), 4).tolist(), current}, key=lambda t: abs(t - current))
    scores = [value_of(metric, labels, Scored.at(probabilities, t)) for t in grid]
    known = [-1.0 if score is None else score for score in scores]
    return float(grid[int(np.argmax(known))])


@dataclass(frozen=True)
class Moved:
    """A threshold that did better on later rows than those it was chosen on, and how much better, by metric."""

    threshold: float
    rows: tuple[LabelledRow, ...]
    found: tuple[Difference, ...]


def better_threshold(contract: ModelContract, sound: Sequence[LabelledRow], current: float) -> Moved:
    """Choose on the earlier half of the rows, which the serving version answered, and compare on the later half.

    Raises `NotWorthAskingError` when there are too few rows, or no gain is shown.
    """
    if len(sound) < LEAST_ROWS:
        raise NotWorthAskingError(f"{len(sound)} labelled rows that can be trusted, at least {LEAST_ROWS} are needed")
    half = len(sound) // 2
    new = best_threshold(contract.quality.metric, *_columns(sound[:half]), current=current)
    later = tuple(sound[half:])
    found = _compare(contract, later, current, new)
    if found[0].verdict != "better":
        raise NotWorthAskingError(
            f"moving the threshold from {current:.3f} to {new:.3f} shows no gain on {len(later)} later rows"
        )
    return Moved(new, later, tuple(found))


class AdjustThreshold:
    """The action."""

    def gather(self, work: Work) -> Gathered:
        """Choose, register and compare; a threshold that proves no better is not worth asking about."""
        return evidence_from(work.step("evidence", lambda: self._evidence(work)), work)

    def prepare(self, work: Work) -> Json:
        """Nothing is chosen after the click; only its files are looked at once more."""
        must_be_whole(work)
        return {}

    def apply(self, session: Session, effect: Effect) -> Outcome:
        """Activate the version with the new threshold."""
        return activate_target(session, effect.action, "threshold adjusted")

    def _evidence(self, work: Work) -> Json:
        contract = work.contract
        with session_scope(work.engine) as session:
            champion = model_versions.active(session, contract.name)
            if champion is None:
                raise NotWorthAskingError("no version serves")
            given = training_rows.newest_labelled(session, contract.name, model_id=champion.id)
            usual = repetition_in(contract, model_versions.first_profile(session, contract.name))
            moved = better_threshold(contract, trusted(contract, given, usual).rows, champion.threshold)
            made = _register(session, work, champion, moved.threshold)
            return _told(contract, champion, made, moved.rows, moved.found)


def _columns(rows: Sequence[LabelledRow]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return (
        np.array([row.actual for row in rows], dtype=np.int64),
        np.array([row.probability for row in rows], dtype=np.float64),
    )


def _compare(contract: ModelContract, rows: Sequence[LabelledRow], old: float, new: float) -> list[Difference]:
    labels, probabilities = _columns(rows)
    others = [metric for metric in contract.quality.watched if metric != contract.quality.metric]
    before, after = Scored.at(probabilities, old), Scored.at(probabilities, new)
    return [paired_difference(m, labels, before, after) for m in (contract.quality.metric, *others)]


def _register(session: Session, work: Work, champion: ModelVersion, threshold: float) -> ModelVersion:
    """A version with the champion's files and another threshold; the one made before, when this runs again.

    Raises `NotWorthAskingError` when the one made before is another than would be made now: people must not be shown
    the evidence of one version and be given another.
    """
    store = signing_store_of(work.settings)
    artifact = store.read(champion.artifact_digest, SERVING)
    digest = store.put(SERVING, artifact.files, artifact.meta | {"threshold": threshold})
    copied = ("model_name", "algorithm", "accuracy", "f1_score", "precision", "recall", "roc_auc", "hyperparameters",
              "feature_names", "training_rows", "data_source", "contract_digest", "dataset_digest",
              "reference_profile")  # fmt: skip
    why = f"v{champion.version} with the threshold moved from {champion.threshold:.3f} to {threshold:.3f}"
    made = model_versions.register(
        session,
        AGENT,
        **{name: getattr(champion, name) for name in copied},
        metrics=champion.metrics | {"why": why},
        threshold=threshold,
        artifact_digest=digest,
        mlflow_run_id=champion.mlflow_run_id,
        action_id=work.claim.action_id,
    )
    if (made.artifact_digest, made.threshold) != (digest, threshold):
        raise NotWorthAskingError(
            f"v{made.version} was made for this question before v{champion.version} served, with another model file or "
            f"threshold; a new question has to be asked about v{champion.version}"
        )
    return made


def _told(
    contract: ModelContract,
    champion: ModelVersion,
    made: ModelVersion,
    rows: Sequence[LabelledRow],
    found: Sequence[Difference],
) -> Json:
    threshold = made.threshold
    labels, probabilities = _columns(rows)
    changed = int(((probabilities >= champion.threshold) != (probabilities >= threshold)).sum())
    first = found[0]
    says = (
        f"moving the threshold from {champion.threshold:.3f} to {threshold:.3f} changes "
        f"{words(METRICS, first.metric)} by {first.difference:+.3f} [{first.low:+.3f}, {first.high:+.3f}] "
        f"on {first.n} rows it was not chosen on"
    )
    return {
        "kind": "adjust_threshold",
        "champion": {"version_id": champion.id, "version": champion.version, "threshold": champion.threshold},
        "challenger": {
            "version_id": made.id,
            "version": made.version,
            "algorithm": made.algorithm,
            "artifact_digest": made.artifact_digest,
            "threshold": made.threshold,
        },
        "holdout": {
            "n": len(rows),
            "from": rows[0].created_at.isoformat(),
            "to": rows[-1].created_at.isoformat(),
            "positives": int(labels.sum()),
        },
        "metrics": [
            {
                "metric": d.metric,
                "before": d.before,
                "after": d.after,
                "difference": d.difference,
                "low": d.low,
                "high": d.high,
                "n": d.n,
                "verdict": d.verdict,
            }
            for d in found
        ],
        "segments": [],
        "answers_changed": {"n": len(rows), "changed": changed, "share": changed / len(rows)},
        "checks": [
            {
                "name": "step",
                "ok": abs(threshold - champion.threshold) <= STEP + 1e-9,
                "says": f"a step of at most {STEP:g} inside [{LOWEST:g}, {HIGHEST:g}]",
            },
            {"name": "same model", "ok": True, "says": f"the model file of v{champion.version}, unchanged"},
        ],
        "recommendation": "approve",
        "says": says,
        "metric": contract.quality.metric,
    }
