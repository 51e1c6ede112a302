"""The evidence for a rollback: earlier versions replayed on what the serving one has answered since it serves.

`python -m training.rollback_evidence --action-id UUID` prints one JSON object as its last line. With several earlier
versions the older half of the rows picks the target and the newer half compares it, so that the best of many is not
flattered by the rows that picked it.

A rollback because of slow answers goes back to the version that is known to have been faster, and needs no rows from
since the activation: the question to them is only whether quality would be lost.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select

from config.model_contract import ModelContract
from config.vocabulary import LATENCY
from database.artifact_keys import store_of
from database.artifact_store import ArtifactStore
from database.connection import read_scope
from database.enums import VersionStatus
from database.errors import StewardError
from database.models import Deployment, ModelVersion
from database.queries import actions, model_versions, training_rows
from database.queries.training_rows import LabelledRow
from training import dataset, serving_artifact
from training.evaluator import paired_difference, value_of
from training.evidence_command import Case, Json, NotEnoughError, naming, run
from training.recent import features_of, holdout_facts, labels_of, repetition_in, too_few, trusted, unknown_to
from training.replay import NO_STEP_BACK, Advice, compare_versions, recommendation, scored_by
from training.serving_artifact import Answering, misfit

MOST_VERSIONS = 5


@dataclass(frozen=True)
class Slowness:
    """What the windows said of the speed of the serving version and of version `than`, before it (p95 latencies)."""

    now_ms: float
    before_ms: float
    than: int


def slowness_in(why: Mapping[str, Any]) -> Slowness | None:
    """The loss of speed the diagnosis behind an action shows; None when it shows another loss or none."""
    harm = why.get("harm") or {}
    if harm.get("metric") != LATENCY or harm.get("against_version_id") is None:
        return None
    return Slowness(float(harm["value"]), float(harm["reference"]), int(harm["against_version_id"]))


@dataclass(frozen=True)
class Earlier:
    """A version that served before and can serve again."""

    version: ModelVersion
    model: Answering


def gather(case: Case) -> Json:
    """Replay the earlier versions and compare the best with the champion.

    Raises `NotEnoughError` when none can be gone back to, or when too few labelled rows can be trusted.
    """
    contract, store = case.contract, store_of(case.settings)
    with read_scope(case.engine) as session:
        slow = slowness_in(actions.get(session, case.action_id).why)
        generation = model_versions.current_generation(session, contract.name)
        since = generation.created_at if generation and slow is None else None
        newest = training_rows.newest_labelled(session, contract.name, since=since)
        usual = repetition_in(contract, model_versions.first_profile(session, contract.name))
        recent = trusted(contract, newest, usual)
        archived = _archived(session, case, slow)
    able, refused = _loaded(store, contract, archived)
    if not able:
        reasons = "; ".join(f"version {item['version']}: {item['says']}" for item in refused)
        raise NotEnoughError(f"{contract.name}: no earlier version can be gone back to ({reasons or 'there is none'})")
    made_from = (
        store.read(one.dataset_digest, dataset.KIND).meta for one in (case.champion, *(e.version for e in able))
    )
    learnt = map(dataset.learnt_until, made_from)
    judging = unknown_to(recent.rows, max((until for until in learnt if until), default=None))
    if (why := too_few(contract, judging)) is not None:
        raise NotEnoughError(f"{contract.name}: {why}")
    target, rows, considered = best_of(contract, able, judging)
    champion = serving_artifact.load(store, case.champion.artifact_digest)
    compared = compare_versions(
        features_of(contract, rows),
        labels_of(rows),
        champion,
        target.model,
        contract,
        lost=case.lost,
        seed=contract.training.seed,
    )
    if slow is None:
        advice = recommendation(compared, contract, case.harmed)
    else:
        advice = recommendation_for_speed(compared, contract, slow)
    return {
        "kind": "rollback",
        "champion": naming(case.champion),
        "challenger": naming(target.version),
        "considered": considered,
        "refused": refused,
        "holdout": holdout_facts(rows),
        **compared,
        **advice.to_json(),
    }


def recommendation_for_speed(compared: Mapping[str, Any], contract: ModelContract, slow: Slowness) -> Advice:
    """Whether to approve when answers became slow and quality was not lost.

    The windows have shown that the earlier version answers faster. What has to be shown is that going back costs no
    quality: on the same rows a loss of the contract's own metric beyond the harm margin is ruled out, and no other
    watched metric, nor any segment surely, is further down than that. No check may fail; among them is the race of both
    versions on this machine, but not the tolerance for candidates, which is for what is to be better.
    """
    primary, margin = compared["metrics"][0], contract.quality.harm_margin
    if primary["difference"] is None or primary["low"] is None:
        return Advice(False, f"{primary['metric']} cannot be computed on these {primary['n']} rows.")
    told = (
        f"latency p95 {slow.now_ms:.0f} ms, {slow.before_ms:.0f} ms in the windows of the version before; "
        f"{primary['metric']} {primary['before']:.3f} to {primary['after']:.3f}, difference "
        f"{primary['difference']:+.3f} [{primary['low']:+.3f}, {primary['high']:+.3f}], on {primary['n']} rows"
    )
    if slow.before_ms >= slow.now_ms:
        return Advice(False, f"Not faster: {told}.")
    if primary["low"] < -margin:
        return Advice(False, f"Faster: {told}; but a loss of more than {margin:g} is not ruled out.")
    watched = [one for one in compared["metrics"][1:] if one["metric"] in contract.quality.watched]
    lost = [str(one["metric"]) for one in watched if (one["difference"] or 0.0) < -margin]
    lost += [str(one["segment"]) for one in compared["segments"] if one["verdict"] == "worse" and one["high"] < -margin]
    failed = [check["name"] for check in compared["checks"] if check["ok"] is False and check["name"] != NO_STEP_BACK]
    if against := [*failed, *lost]:
        return Advice(False, f"Faster: {told}; but {', '.join(against)} speaks against it.")
    return Advice(True, f"Faster, and no loss of more than {margin:g}: {told}.")


def _archived(session: Any, case: Case, slow: Slowness | None) -> list[ModelVersion]:
    """The versions that served last, or the one a person asked for or that was faster, if it ever served: one goes back
    to what is known.

    Raises `NotEnoughError` when it did not.
    """
    served = exists().where(Deployment.version_id == ModelVersion.id)
    query = select(ModelVersion).where(
        ModelVersion.model_name == case.contract.name,
        ModelVersion.status == VersionStatus.ARCHIVED,
        ModelVersion.id != case.champion.id,
    )
    if (wanted := case.params.get("to_version_id", slow.than if slow else None)) is not None:
        query = select(ModelVersion).where(
            ModelVersion.model_name == case.contract.name,
            ModelVersion.id == int(wanted),
            ModelVersion.id != case.champion.id,
        )
        if not session.execute(select(query.where(served).exists())).scalar_one():
            raise NotEnoughError(f"{case.contract.name}: the version asked for never served; it cannot be gone back to")
    query = query.where(served)
    found = list(session.scalars(query.order_by(ModelVersion.version.desc()).limit(MOST_VERSIONS)))
    for version in found:
        session.expunge(version)
    return found


def _loaded(
    store: ArtifactStore, contract: ModelContract, archived: Sequence[ModelVersion]
) -> tuple[list[Earlier], list[Json]]:
    """Those that can answer today's requests, and why the others cannot."""
    able, refused = [], []
    for version in archived:
        try:
            model = serving_artifact.load(store, version.artifact_digest)
        except StewardError as error:
            refused.append({"version": version.version, "says": str(error)})
            continue
        if (why := misfit(contract, model.encoding, model.contract)) is not None:
            refused.append({"version": version.version, "says": why})
            continue
        able.append(Earlier(version, model))
    return able, refused


def best_of(
    contract: ModelContract, able: Sequence[Earlier], rows: Sequence[LabelledRow]
) -> tuple[Earlier, Sequence[LabelledRow], list[Json]]:
    """The target, the rows to compare it on, and what each version reached. The newest that fits is the target, unless
    an older one is surely better on the earlier half of the rows; then the later half compares."""
    choosing, comparing = rows, rows
    if len(able) > 1:
        half = len(rows) // 2
        choosing, comparing = rows[:half], rows[half:]
        if (why := too_few(contract, comparing)) is not None:
            raise NotEnoughError(f"{contract.name}: {why}")
    features, labels = features_of(contract, choosing), labels_of(choosing)
    metric, scored = contract.quality.metric, [scored_by(one.model, features) for one in able]
    considered = [
        {"version": one.version.version, "metric": metric, "value": value_of(metric, labels, said), "n": len(choosing)}
        for one, said in zip(able, scored, strict=True)
    ]
    # What served last was good enough to serve until then: an older one has to be better for sure, not by luck.
    best = 0
    for at in range(1, len(able)):
        if paired_difference(metric, labels, scored[best], scored[at], seed=contract.training.seed).verdict == "better":
            best = at
    # What was not chosen for its luck on some rows may be compared on these, too.
    comparing = comparing if best else rows
    return able[best], comparing, considered


def main(argv: Sequence[str] | None = None) -> int:
    return run("training.rollback_evidence", "Replay earlier versions and compare the best.", gather, argv)


if __name__ == "__main__":
    sys.exit(main())
