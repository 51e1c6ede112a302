"""What a version is for, what it must not be taken for, and the same as a file to keep. Pure."""

import json
from datetime import datetime

from ui import vocabulary, wording
from ui.answers.lineage import Lineage, VersionRow, VersionRows
from ui.api_types import ModelDetail, VersionDetail
from ui.explain.versions import SOURCES, figure, served


def purpose(model: ModelDetail) -> list[str]:
    """What the contract says it is for."""
    return [
        wording.sentence(model.description),
        f"It answers “{model.positive}” or “{model.negative}” for one row of {len(model.features)} inputs, "
        f"with a probability.",
    ]


def limits(model: ModelDetail, detail: VersionDetail, row: VersionRow) -> list[str]:
    """What it must not be taken for, as far as the installation knows; nothing here is a guess."""
    learned = f"It knows the {wording.count(row.training_rows)} rows it learned from, and rows like them."
    said = [
        learned + " For others its figures promise nothing: see Drift.",
        "Inputs beyond the contract's ranges are refused; within them, but outside what a sound source sends, they are "
        "answered and reported as a fault of the data.",
        f"A “{model.positive}” means a probability of at least {wording.number(detail.threshold)}; it is no certainty.",
    ]
    if (row.primary is not None) and row.primary.low is not None and row.primary.low < model.minimum:
        name = vocabulary.words(vocabulary.METRICS, model.primary_metric)
        said.append(f"Its {name} may lie below the {wording.number(model.minimum)} that the contract asks for.")
    if row.synthetic:
        said.insert(0, "It learned from made-up rows: its figures say nothing about the world. Use it for no decision.")
    if ignored := [feature.label for feature in model.features if not detail.influence.get(feature.name, 1.0)]:
        said.append(f"It does not listen to {', '.join(ignored)}.")
    said.append("The contract names no further use that is forbidden.")
    return said


def markdown(
    model: ModelDetail, found: VersionRows, row: VersionRow, detail: VersionDetail, lineage: Lineage, now: datetime
) -> str:
    """The card as a file: Markdown that reads well as plain text."""
    name = vocabulary.words(vocabulary.METRICS, found.primary_metric)
    signed = ", ".join(lineage.artifact.signed_by) or "nobody"
    lines = [
        f"# {wording.plain(model.title)}, version {row.version}",
        "",
        f"Written {wording.moment(now)} by Steward from what it has on record.",
        "",
        "## Purpose",
        *(f"- {wording.plain(said)}" for said in purpose(model)),
        "",
        "## Limits",
        *(f"- {wording.plain(said)}" for said in limits(model, detail, row)),
        "",
        "## Quality",
        f"- {wording.plain(f'{name} in cross-validation: {figure(row.primary)}; asked for: {found.minimum}')}",
        f"- Threshold {wording.plain(wording.number(detail.threshold))}",
        "",
        "## Where it comes from",
        f"- Rows: {wording.count(row.training_rows)} ({wording.plain(SOURCES.get(row.data_source, row.data_source))}), "
        f"digest {detail.dataset_digest}",
        f"- Algorithm: {wording.plain(vocabulary.words(vocabulary.ALGORITHMS, row.algorithm))}, "
        f"parameters {wording.plain(json.dumps(detail.hyperparameters, sort_keys=True))}",
        f"- MLflow run: {wording.plain(detail.mlflow_run_id or 'none')}",
        f"- Artifact: {detail.artifact_digest}, signed by {wording.plain(signed)}",
        f"- Served: {wording.plain(served(row))}",
        f"- Approved by: {wording.plain(', '.join(row.approved_by) or 'nobody')}",
        "",
    ]
    return "\n".join(lines)


def as_json(
    model: ModelDetail, found: VersionRows, row: VersionRow, detail: VersionDetail, lineage: Lineage, now: datetime
) -> str:
    """The card for programs: the API's answers as they are, times in UTC."""
    return json.dumps(
        {
            "written_at": now.isoformat(timespec="seconds"),
            "model": {
                "name": model.name,
                "title": model.title,
                "purpose": purpose(model),
                "limits": limits(model, detail, row),
                "primary_metric": found.primary_metric,
                "minimum": found.minimum,
            },
            "version": row.model_dump(mode="json"),
            "metrics": detail.metrics,
            "influence": detail.influence,
            "lineage": lineage.model_dump(mode="json"),
        },
        indent=1,
        sort_keys=True,
        allow_nan=False,
    )
