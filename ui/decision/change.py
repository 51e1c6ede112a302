"""The exact change: what differs between the two versions, to the letter. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ui import vocabulary, wording
from ui.api_types import ActionDetail, Json, VersionDetail
from ui.decision.fields import obj, whole


@dataclass(frozen=True)
class Line:
    """One property of both versions. `differs`: whether approving changes it."""

    what: str
    old: str
    new: str

    @property
    def differs(self) -> bool:
        return self.old != self.new


def lines(old: VersionDetail | None, new: VersionDetail | None) -> list[Line]:
    """Algorithm, threshold, data, parameters and digests side by side; a version that is not there is dashes."""
    parameters = sorted({*(old.hyperparameters if old else {}), *(new.hyperparameters if new else {})})
    return [
        Line("Algorithm", *_both(old, new, lambda v: vocabulary.words(vocabulary.ALGORITHMS, v.algorithm))),
        Line("Threshold", *_both(old, new, lambda v: wording.number(v.threshold))),
        Line("Trained on, rows", *_both(old, new, lambda v: wording.count(v.training_rows))),
        *(Line(f"Parameter {name}", _value(old, name), _value(new, name)) for name in parameters),
        Line("Data snapshot", *_both(old, new, lambda v: wording.short_digest(v.dataset_digest))),
        Line("Contract", *_both(old, new, lambda v: wording.short_digest(v.contract_digest))),
        Line("Artifact", *_both(old, new, lambda v: wording.short_digest(v.artifact_digest))),
        Line("MLflow run", *_both(old, new, lambda v: wording.short_digest(v.mlflow_run_id))),
    ]


def _both(old: VersionDetail | None, new: VersionDetail | None, read: Any) -> tuple[str, str]:
    return (read(old) if old else wording.NOTHING, read(new) if new else wording.NOTHING)


def _value(version: VersionDetail | None, name: str) -> str:
    if version is None or name not in version.hyperparameters:
        return wording.NOTHING
    return str(version.hyperparameters[name])


def snapshot(evidence: Json | None) -> list[str]:
    """The rows the new version learned from and both were compared on, with their dates."""
    training, holdout = obj(obj(evidence).get("training")), obj(obj(evidence).get("holdout"))
    said = []
    if rows := whole(training.get("rows")):
        parts = ((training.get("original_rows"), "original"), (training.get("traffic_rows"), "from traffic"))
        of = " and ".join(f"{wording.count(whole(n))} {what}" for n, what in parts if whole(n) is not None)
        said.append(f"Learned from {wording.count(rows)} rows{f': {of}' if of else ''}{_dates(training)}.")
    if n := whole(holdout.get("n")):
        said.append(f"Compared on {wording.count(n)} labelled rows{_dates(holdout)}.")
    return said


def _dates(part: Mapping[str, Any]) -> str:
    begin, end = part.get("from"), part.get("to")
    return f", {str(begin)[:16]} to {str(end)[:16]} UTC" if begin and end else ""


def signed(action: ActionDetail) -> str:
    """What an approval signs."""
    if action.evidence_digest is None:
        return "There is no evidence yet, so there is nothing to sign."
    return f"An approval signs exactly this evidence (sha256): {action.evidence_digest}"
