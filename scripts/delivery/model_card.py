"""What a trained version is, for people and for programs: `card` and `page`. Pure.

The card holds figures, digests and names, and nobody's row. It is what the next training is compared with.
"""

from collections.abc import Mapping
from typing import Any

from config.model_contract import ModelContract
from scripts.delivery.gate import Standing, Verdict

SCHEMA = 1
Json = dict[str, Any]


def card(
    contract: ModelContract,
    trained: Mapping[str, Any],
    verdict: Verdict,
    data: Mapping[str, Any],
    made: Mapping[str, Any],
) -> Json:
    """`trained` is what `steward train --json` says, `data` what was fetched, `made` by what and where."""
    return {
        "schema": SCHEMA,
        "model": contract.name,
        "title": contract.title,
        "description": contract.description,
        "target": {"positive": contract.target.positive, "negative": contract.target.negative},
        "features": list(contract.feature_names),
        "algorithm": trained["algorithm"],
        "threshold": trained["threshold"],
        "metric": contract.quality.metric,
        "metrics": trained["metrics"],
        "candidates": [
            {key: one[key] for key in ("algorithm", "metrics", "eligible", "obstacle")} for one in trained["candidates"]
        ],
        "gate": {"status": verdict.status, "why": verdict.why, "paired": verdict.paired},
        "data": {"source": trained["data_source"], "rows": trained["training_rows"], **data},
        "digests": {
            "artifact": trained["artifact_digest"],
            "dataset": trained["dataset_digest"],
            "contract": contract.digest,
        },
        "made": dict(made),
    }


def standing(found: Mapping[str, Any], name: str) -> Standing:
    """What the gate needs of a card. Raises `KeyError` or `TypeError` for a card that is none."""
    digests = found["digests"]
    made_of = (digests["dataset"], digests["contract"], found["algorithm"], f"{found['threshold']:.6f}")
    return Standing(name, found["metrics"][found["metric"]]["value"], made_of)


def page(found: Mapping[str, Any], policy: str) -> str:
    """The card as Markdown. `policy`: what the policy page says about who decides."""
    figures = "\n".join(f"| {name} | {_figure(one)} |" for name, one in found["metrics"].items())
    candidates = "\n".join(
        f"| {one['algorithm']} | {_figure(one['metrics'][found['metric']])} | {one['obstacle'] or 'none'} |"
        for one in found["candidates"]
    )
    facts = "\n".join(f"- {name}: {value}" for name, value in found["data"].items())
    digests = "\n".join(f"- {name}: `{value}`" for name, value in found["digests"].items())
    made = "\n".join(f"- {name}: {value}" for name, value in found["made"].items())
    return f"""# {found["title"]}: {found["algorithm"]}

{found["description"]} An answer is `{found["target"]["positive"]}` from probability {found["threshold"]:.3f} on.

**{found["gate"]["status"]}**: {found["gate"]["why"]}.

## Who decides
{policy} This page is a draft until a person publishes it, and nothing serves because of it.

## Figures
Cross-validated on the training data, each row answered by a model that had not learnt from it; 95 % intervals. They say
nothing about people unlike those in the data.

| figure | value |
|---|---|
{figures}

| candidate | {found["metric"]} | obstacle |
|---|---|---|
{candidates}

## Data
{facts}

## Digests
{digests}

## Made
{made}
"""


def _figure(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return "cannot be told"
    if one["low"] is None or one["high"] is None:
        return f"{one['value']:.3f}"
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
