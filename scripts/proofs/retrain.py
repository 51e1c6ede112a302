"""`make prove-retrain`: the weekly workflow from beginning to end, read from its own file.

The `run:` steps of the jobs that train and release are run in their order with their environment, as GitHub's runner
runs them: by bash, which ends at the first error, with `if:` as it stands. The training is real. `gh` and Slack are
stand-ins on this machine; checkout, setup and the passing of files between jobs are not run, since all jobs here share
one directory. Two weeks: the first model, and a training that is worse than the champion it finds.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from config.settings import ROOT
from scripts.foreign_tools import program
from scripts.proofs.scenes import NotAsPromisedError, expect, play
from scripts.proofs.slack import Slack, webhook

WORKFLOW = ROOT / ".github/workflows/retrain.yml"
JOBS = ("train", "release")
MODEL = "heart_disease"
_STEP_S = 300.0
_NEEDED = (".venv", "agent", "alembic", "alembic.ini", "api", "config", "database", "monitoring", "pyproject.toml",
           "scripts", "training", "uv.lock")  # fmt: skip
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
# What runs on GitHub alone: the directory is shared, and the environment is made.
_ELSEWHERE = frozenset({"make setup"})


@dataclass(frozen=True)
class Ground:
    """Where the steps run: `place` looks like this source tree, and has files of its own beside it."""

    place: Path
    slack: Slack
    workflow: Mapping[str, Any]
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.place / "build" / "retrain"

    @property
    def releases(self) -> Path:
        return self.place / "releases"

    def environment(self) -> dict[str, str]:
        """Of the runner: nothing of the machine's secrets, and `gh` of ours first."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "STEWARD_DATA_DIR", "TMPDIR") if name in os.environ}
        return kept | {
            "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}",
            "GH_STAND_IN": str(self.releases),
            "GITHUB_ACTOR": "ann",
            "GITHUB_SHA": "0" * 40,
            "GITHUB_STEP_SUMMARY": str(self.place / "summary.md"),
        }


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 1 when a week did not end as promised."""
    parser = argparse.ArgumentParser(prog="python -m scripts.proofs.retrain", description=__doc__)
    parser.parse_args(argv)
    return play(prepared(), WEEKS)


@contextmanager
def prepared(values: Mapping[str, str] | None = None) -> Iterator[Ground]:
    """`values`: what further expressions of the workflow are, by how they are written."""
    # Below /tmp whatever TMPDIR says: as root the embedded server runs as another user, who has to get there.
    place = Path(tempfile.mkdtemp(prefix="steward-retrain-", dir="/tmp"))
    place.chmod(0o755)
    for name in _NEEDED:
        (place / name).symlink_to(ROOT / name)
    gh = place / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("gh.py")} "$@"\n')
    gh.chmod(0o755)
    try:
        with webhook() as slack:
            yield Ground(place, slack, yaml.safe_load(WORKFLOW.read_text()), values or {})
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run_jobs(ground: Ground, jobs: Sequence[str] = JOBS) -> dict[str, str]:
    """Each job's result. A job whose need failed is skipped, as on GitHub."""
    ended: dict[str, str] = {}
    for name in jobs:
        job = ground.workflow["jobs"][name]
        needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        if any(ended.get(need) != "success" for need in needs):
            ended[name] = "skipped"
        else:
            ended[name] = _run_job(ground, job)
        print(f"    {name}: {ended[name]}", flush=True)
    return ended


def _run_job(ground: Ground, job: Mapping[str, Any]) -> str:
    status = "success"
    for step in job["steps"]:
        command = step.get("run", "").strip()
        if not command or command in _ELSEWHERE or not _is_due(step.get("if", "success()"), status):
            continue
        given = {**ground.workflow.get("env", {}), **job.get("env", {}), **step.get("env", {})}
        told = {name: _value(str(value), ground, status) for name, value in given.items()}
        done = subprocess.run(
            [program("bash", "apt install bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
            cwd=ground.place, env=ground.environment() | told, text=True, check=False, timeout=_STEP_S,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = [line for line in done.stdout.splitlines() if " | " not in line]
        print("\n".join(f"    {line}" for line in said), flush=True)
        if done.returncode and status == "success":
            status = "failure"
    return status


def _is_due(condition: str, status: str) -> bool:
    """Of the conditions that stand in the workflow; another one is a fault of this proof."""
    known = {"success()": status == "success", "always()": True, "failure() || cancelled()": status == "failure"}
    if condition not in known:
        raise NotAsPromisedError(f"the proof does not know the condition `{condition}`")
    return known[condition]


def _value(text: str, ground: Ground, status: str) -> str:
    """With GitHub's expressions replaced; an unknown one is a fault of the workflow or of this proof."""
    known = {
        "inputs.model || vars.RETRAIN_MODEL || 'heart_disease'": MODEL,
        "github.token": "a-token",
        "github.repository": "example/steward",
        "job.status": status,
        "secrets.SLACK_WEBHOOK_URL": ground.slack.url,
        **ground.values,
    }

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise NotAsPromisedError(f"the proof does not know the expression `{match[1]}`")
        return known[match[1]]

    return _EXPRESSION.sub(replaced, text)


# ---------------------------------------------------------------------------------------------------------- the weeks


def the_first_week(ground: Ground) -> None:
    """The first week: four candidates are trained, the best passes the gate, and a draft waits for a person."""
    expect(run_jobs(ground) == {"train": "success", "release": "success"}, {"jobs": "failed"})
    gate = json.loads((ground.work / "gate.json").read_text())
    card = json.loads((ground.work / "model-card.json").read_text())
    expect(gate["status"] == "first", gate)
    expect(len(card["candidates"]) == 4, {"candidates": card["candidates"]})
    [draft] = _drafts(ground)
    expect(sorted(file.name for file in draft.iterdir()) == [".draft", "answers.json", "model-card.json", "notes.md"],
            {"files": [file.name for file in draft.iterdir()]})  # fmt: skip
    expect(card["digests"]["artifact"] in (draft / "notes.md").read_text(), {"notes": "lack the digest"})
    expect("waits as a draft" in ground.slack.texts[-1], {"slack": ground.slack.texts})
    (draft / ".draft").unlink()
    print("    a person publishes it", flush=True)


def a_step_back(ground: Ground) -> None:
    """A champion that is better on the rows both know: the gate refuses, nothing is released, and Slack is told why."""
    [champion] = ground.releases.iterdir()
    card = json.loads((champion / "model-card.json").read_text())
    card["digests"]["dataset"] = "another"
    (champion / "model-card.json").write_text(json.dumps(card))
    answers = json.loads((champion / "answers.json").read_text())
    for repeat in answers["repeats"]:
        repeat["answers"] = [label == 1 for label in answers["labels"]]
    (champion / "answers.json").write_text(json.dumps(answers))
    expect(run_jobs(ground) == {"train": "failure", "release": "skipped"}, {"jobs": "passed"})
    gate = json.loads((ground.work / "gate.json").read_text())
    expect(gate["status"] == "refused" and gate["paired"]["n"] > 200, gate)
    expect(not _drafts(ground), {"drafts": [str(one) for one in _drafts(ground)]})
    expect("refused" in ground.slack.texts[-1], {"slack": ground.slack.texts})


def _drafts(ground: Ground) -> list[Path]:
    return [one for one in ground.releases.iterdir() if (one / ".draft").exists()]


WEEKS: tuple[Callable[[Ground], None], ...] = (the_first_week, a_step_back)


if __name__ == "__main__":
    sys.exit(main())
