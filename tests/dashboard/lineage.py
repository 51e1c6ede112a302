"""Versions and their way from the rows to what served, in the small world of the dashboard's tests."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.dashboard.api import FakeApi

Json = dict[str, Any]
FIGURE = {"metric": "f1", "value": 0.822, "low": 0.78, "high": 0.86, "n": 303}


def row(world: "FakeApi", number: int) -> Json:
    """v1 serves; v2 served before, unless `served_before` is false: then it waits for a decision."""
    serving = number == 1
    served = serving or world.served_before
    return world.version(number) | {
        "standing": "serving" if serving else "previous" if served else "candidate",
        "primary": FIGURE,
        "approved_by": [] if serving else ["grace"] if served else [],
        "files": "sound",
        "files_checked_at": world.now,
        "why_not_restorable": "It serves now." if serving else None if served else "It never served.",
    }


def rows(world: "FakeApi") -> Json:
    listed = [] if world.empty else [row(world, 2), row(world, 1)]
    return {"model_name": "heart_disease", "primary_metric": "f1", "minimum": 0.75, "versions": listed}


def way(world: "FakeApi", number: int) -> Json:
    """The lineage of a version; `files_fault` says what is wrong with its files."""
    vote = {
        "action_id": "0193c0de-0000-7000-8000-000000000001", "person": "grace", "decision": "approve",
        "comment": "better on every slice", "evidence_digest": "3f9ac0de" + "0" * 56, "decided_at": world.now,
    }  # fmt: skip
    return {
        "model_name": "heart_disease", "version": number, "contract_digest": "cd" * 32,
        "data": {
            "digest": "da" * 32, "source": "traffic" if number == 2 else "directory", "rows": 303, "stored": True,
            "facts": {
                "positives": 139, "training": {"original_rows": 303, "traffic_rows": 198, "quarantined_rows": 48},
            },
        },
        "run": {
            "mlflow_run_id": "4aa4ab38acc7", "mlflow_version": "1", "algorithm": "random_forest",
            "parameters": {"n_estimators": 150}, "libraries": {"numpy": "2.4.6"}, "made_by": "system:train",
            "made_at": world.now, "action_id": vote["action_id"] if number == 2 else None,
            "asked": "Replace v1?" if number == 2 else None,
        },
        "artifact": {
            "digest": "ab" * 32, "kind": "serving_artifact", "bytes": 677_037, "files": ["contract.json", "model.onnx"],
            "signed_by": ["f9ac865cd3634dc5"], "checked_at": world.now, "fault": world.files_fault,
        },
        "votes": [vote] if number == 2 else [],
        "deployments": [one for one in world.deployments() if one["version"] == number],
    }  # fmt: skip
