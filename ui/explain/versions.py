"""What the models page says, worked out of the API's answer. Pure."""

from collections.abc import Sequence
from datetime import datetime

from ui import vocabulary, wording
from ui.answers.lineage import Figure, VersionRow, VersionRows
from ui.api_types import DeploymentOut, Json, ReplicaOut, VersionCard, VersionDetail

SOURCES = {
    "uci": "downloaded patients",
    "directory": "the contract's own source",
    "synthetic": "made-up rows",
    "file": "a table of your own",
    "traffic": "labelled traffic",
}


def figure(found: Figure | None) -> str:
    """A metric as people judge it: value, interval, n."""
    if found is None:
        return wording.NOTHING
    n = f", n = {wording.count(found.n)}" if found.n is not None else ""
    return f"{wording.number(found.value)} {wording.interval(found.low, found.high)}{n}"


def served(version: VersionCard) -> str:
    """From when to when it served last."""
    if version.served_from is None:
        return "never"
    until = wording.moment(version.served_until) if version.served_until else "now"
    return f"{wording.moment(version.served_from)} to {until}"


def approved_by(version: VersionRow) -> str:
    """Who approved that it serves; the first version needs nobody, a candidate has nobody yet."""
    if version.approved_by:
        return ", ".join(version.approved_by)
    return "nobody: the first version" if version.served_from and version.action_id is None else wording.NOTHING


def restorable(version: VersionRow, now: datetime) -> str:
    """Whether one could go back to it, and when its files were hashed last; Markdown."""
    checked = f", files hashed {wording.relative(version.files_checked_at, now)}" if version.files_checked_at else ""
    if version.why_not_restorable is None:
        return f"✓ Yes{wording.plain(checked)}"
    return f"✕ No. {wording.plain(version.why_not_restorable)}" if not version.is_active else "● Serves now"


def rows(found: VersionRows, now: datetime) -> list[dict[str, str]]:
    """The version list, newest first."""
    primary = vocabulary.words(vocabulary.METRICS, found.primary_metric)
    lines = []
    for version in found.versions:
        sign = vocabulary.STANDINGS.get(version.standing, vocabulary.UNKNOWN)
        source = SOURCES.get(version.data_source, version.data_source)
        made = f"{wording.count(version.training_rows)} rows, {source}, {wording.moment(version.created_at)}"
        lines.append(
            {
                "version": f"**v{version.version}**",
                "status": f":{sign.colour}-badge[{sign.shape} {sign.word}]",
                "trained on": wording.plain(made),
                primary: wording.plain(figure(version.primary)),
                "approved by": wording.plain(approved_by(version)),
                "served": wording.plain(served(version)),
                "restorable": restorable(version, now),
            }
        )
    return lines


def metrics(found: VersionDetail) -> list[dict[str, str]]:
    """Cross-validated figures with their intervals."""
    cv = found.metrics.get("cv")
    lines = []
    for name, figure in cv.items() if isinstance(cv, dict) else ():
        if isinstance(figure, dict):
            lines.append(
                {
                    "metric": vocabulary.words(vocabulary.METRICS, name),
                    "value": wording.number(figure.get("value")),
                    "95 % interval": wording.plain(wording.interval(figure.get("low"), figure.get("high"))),
                    "n": wording.count(figure.get("n")),
                }
            )
    return lines


def _score(figure: object) -> str:
    if isinstance(figure, dict):
        return wording.plain(
            f"{wording.number(figure.get('value'))} {wording.interval(figure.get('low'), figure.get('high'))}"
        )
    return wording.number(figure) if isinstance(figure, int | float) else wording.NOTHING


def candidates(found: VersionDetail) -> list[dict[str, str]]:
    """The algorithms that were compared when this version was made."""
    listed = found.metrics.get("candidates")
    compared: list[Json] = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    lines = []
    for item in compared:
        scores = item.get("metrics")
        scores = scores if isinstance(scores, dict) else {}
        algorithm = str(item.get("algorithm", ""))
        chosen = " ● chosen" if algorithm == found.algorithm else ""
        lines.append(
            {
                "candidate": wording.plain(vocabulary.words(vocabulary.ALGORITHMS, algorithm)) + chosen,
                "F1": _score(scores.get("f1", scores.get("f1_score"))),
                "ROC-AUC": _score(scores.get("roc_auc")),
                "Accuracy": _score(scores.get("accuracy")),
                "took": f"{wording.number(item.get('seconds'), 1)} s",
            }
        )
    return lines


def deployments(found: Sequence[DeploymentOut], now: datetime) -> list[dict[str, str]]:
    """Which version served from when, by whose decision, newest first."""
    return [
        {
            "generation": wording.count(each.generation),
            "version": f"v{each.version}",
            "since": wording.plain(wording.when(each.since, now)),
            "by": wording.plain(each.actor.partition(":")[2] or each.actor),
            "reason": wording.plain(wording.sentence(each.reason)),
        }
        for each in sorted(found, key=lambda each: each.generation, reverse=True)
    ]


def replicas(found: Sequence[ReplicaOut], now: datetime) -> list[dict[str, str]]:
    """What each process says it serves, beside what it should."""
    lines = []
    for replica in found:
        behind = replica.observed_generation != replica.desired_generation
        sign = vocabulary.Sign("As wanted", "●", "green")
        if replica.error or replica.late:
            sign = vocabulary.Sign("Cannot load" if replica.error else "Silent", "■", "red")
        elif behind:
            sign = vocabulary.Sign("Changing over", "◔", "blue")
        lines.append(
            {
                "replica": wording.plain(replica.replica),
                "state": f":{sign.colour}-badge[{sign.shape} {sign.word}]",
                "serves": f"v{replica.version}",
                "generation": f"{replica.observed_generation} of {replica.desired_generation}",
                "seen": wording.plain(wording.relative(replica.seen_at, now)),
                "says": wording.plain(wording.sentence(replica.error) or wording.NOTHING),
            }
        )
    return lines
