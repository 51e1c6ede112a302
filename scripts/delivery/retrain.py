"""The weekly retrain of a repository that has no platform yet: `python -m scripts.delivery.retrain STEP MODEL`.

fetch -> validate -> champion -> train -> gate -> card -> release, or `all`. Each step leaves a file in `--work` and
reads those of the steps before it, so a step can be repeated alone; `all` goes on after the last one that was done.
With a platform that runs, none of this is needed: `steward retrain MODEL --api URL --wait` asks it, and people decide.

Nothing here makes anything serve. A release is a draft; publishing it is a person's, and makes it the champion that the
next training is compared with. Exit codes: 0 done; 1 something is wrong; 4 the gate refused.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from config.agent_policy import load_policy
from config.logging_config import configure_logging
from config.model_contract import ModelContract, load_contract
from config.settings import ROOT, Settings
from config.yaml_source import ConfigError
from database.errors import StewardError
from scripts.delivery import github, model_card
from scripts.delivery.gate import Rule, Verdict, verdict
from scripts.delivery.notice import run_link
from scripts.speech import CommandFailedError
from training import data_loader, dataset, own_table, unseen_answers
from training.evaluator import Difference, paired_difference
from training.feature_engineering import Row

REFUSED = 4
CARD, ANSWERS = "model-card.json", "answers.json"
Json = dict[str, Any]


class GateRefusedError(Exception):
    """The new training is not good enough; the message says by how much."""


@dataclass(frozen=True)
class Data:
    rows: Sequence[Row]
    labels: Sequence[int]
    facts: Json


class Retrain:
    """The steps over one directory."""

    def __init__(self, model: str, work: Path, csv: Path | None) -> None:
        self.work, self._csv = work.resolve(), csv.resolve() if csv else None
        self.work.mkdir(parents=True, exist_ok=True)
        self.settings = Settings()
        self.contract: ModelContract = load_contract(model, self.settings.platform.contracts_dir)

    # ------------------------------------------------------------------------------------------------------ the steps

    def fetch(self) -> str:
        """The labelled rows: the contract's own source, verified by checksum, or a table of the repository."""
        data = self._data
        self._keep("data.json", data.facts)
        return f"{len(data.rows)} labelled rows of {data.facts['from']}"

    def validate(self) -> str:
        """Hold the rows to the contract. Raises `CommandFailedError` for a hard fault."""
        data = self._data
        frame = dataset.frame_of(self.contract, data.rows, list(data.labels), str(data.facts["from"]))
        # Great Expectations takes some seconds to load: every other step would wait for it.
        from training.data_validation import validate  # noqa: PLC0415

        found = validate(self.contract, frame)
        failed = [
            {"column": one.column, "expected": one.details["expected"], "failed_rows": one.failed_rows, "n": one.n,
             "hard": one.hard}
            for one in found.failed
        ]  # fmt: skip
        self._keep("validation.json", {"success": found.success, "failed": failed})
        if not found.success:
            hard = [
                f"{one['column'] or 'table'}: expected {one['expected']}, {one['failed_rows']} of {one['n']} are not"
                for one in failed
                if one["hard"]
            ]
            raise CommandFailedError(f"the data break the contract: {'; '.join(hard)}")
        return f"the data keep the contract ({len(failed)} soft faults)"

    def champion(self) -> str:
        """The card of the newest published release of this model, if there is one."""
        for old in (CARD, ANSWERS):
            (self._champion / old).unlink(missing_ok=True)
        self._champion.mkdir(exist_ok=True)
        release = github.newest_published(self._prefix)
        self._keep("champion.json", {"tag": release.tag if release else None})
        if release is None:
            return "no model was released yet: there is nothing to compare with"
        github.download(release.tag, (CARD, ANSWERS), self._champion)
        return f"the champion is {release.tag}"

    def train(self) -> str:
        """All candidates, by `steward train` on a fresh embedded database that nobody else knows."""
        home = self.work / "home"
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("DATABASE_", "AGENT_DATABASE_", "MLFLOW_"))}  # fmt: skip
        environment["STEWARD_HOME"] = str(home)
        command = [sys.executable, "-m", "scripts.cli", "train", self.contract.name, "--json"]
        command += ["--answers", str(self.work / ANSWERS), *(["--csv", str(self._csv)] if self._csv else [])]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise CommandFailedError("the training failed: its own words are above")
        trained: Json = json.loads(done.stdout)
        self._keep("trained.json", trained)
        value = trained["metrics"][self.contract.quality.metric]["value"]
        return f"{trained['algorithm']} won with {self.contract.quality.metric} {value:.3f}: {trained['why']}"

    def gate(self) -> str:
        """Is it good enough, and no step back? Raises `GateRefusedError`."""
        found = self._verdict()
        self._keep("gate.json", asdict(found))
        if found.status == "refused":
            raise GateRefusedError(found.why)
        return f"{found.status}: {found.why}"

    def card(self) -> str:
        """The model card, for people and for the next training."""
        made = {
            "commit": os.environ.get("GITHUB_SHA") or "not known",
            "run": run_link(os.environ) or "not in GitHub",
            "lock": sha256((ROOT / "uv.lock").read_bytes()).hexdigest(),
            "python": platform.python_version(),
            "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        }
        found = model_card.card(
            self.contract, self._read("trained.json"), Verdict(**self._read("gate.json")), self._read("data.json"), made
        )
        self._keep(CARD, found)
        text = model_card.page(found, self._who_decides())
        (self.work / "model-card.md").write_text(text)
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary).open("a") as page:
                page.write(text)
        return "the card says what it is, by which figures, made of what"

    def release(self) -> str:
        """A draft with the card; nothing when nothing is new. The same training is drafted once."""
        if not Verdict(**self._read("gate.json")).is_new:
            return "nothing to release: nothing is new"
        card = self._read(CARD)
        tag = f"{self._prefix}{card['digests']['artifact'][:12]}"
        if github.exists(tag):
            return f"{tag} is there already"
        files = [self.work / CARD, self.work / ANSWERS]
        title = f"{card['title']}: {card['algorithm']}, {card['metric']} {card['metrics'][card['metric']]['value']:.3f}"
        link = github.draft(tag, title, self.work / "model-card.md", files, os.environ.get("GITHUB_SHA"))
        self._keep("release.json", {"tag": tag, "link": link})
        return f"{tag} waits as a draft for a person: {link}"

    def was_done(self, name: str) -> bool:
        """Whether `all` need not repeat it. What was found at fault is looked at again, and never passed over."""
        file = STEPS[name][1]
        if not (self.work / file).exists():
            return False
        if name == "validate":
            return bool(self._read(file)["success"])
        return name != "gate" or self._read(file)["status"] != "refused"

    # -------------------------------------------------------------------------------------------------- what they share

    @cached_property
    def _data(self) -> Data:
        """Raises `InvalidError` or `UnavailableError`, naming file and line or what to do."""
        if self._csv is not None:
            table = own_table.load_csv(self._csv, self.contract, None, teaches=True)
            return Data(table.rows, table.labels, {"from": self._csv.name, "sha256": _digest(self._csv)})
        if self.contract.source != data_loader.UCI_SOURCE:
            raise CommandFailedError(
                f"{self.contract.name}: its contract names no source of data; give a table with --csv"
            )
        hospital = data_loader.load_hospital(data_loader.FIRST_HOSPITAL, self._settings_of_work)
        return Data(hospital.rows, hospital.labels, {"from": hospital.title, "source": hospital.source.value})

    @property
    def _settings_of_work(self) -> Settings:
        """Downloads land where the training looks for them."""
        home = self.settings.platform.model_copy(update={"home": self.work / "home"})
        return self.settings.model_copy(update={"platform": home})

    def _verdict(self) -> Verdict:
        quality = self.contract.quality
        rule = Rule(quality.metric, quality.minimum, quality.tolerance)
        trained = self._read("trained.json")
        shape = {"metric": quality.metric, "metrics": trained["metrics"], "algorithm": trained["algorithm"],
                 "threshold": trained["threshold"],
                 "digests": {"dataset": trained["dataset_digest"], "contract": self.contract.digest}}  # fmt: skip
        new = model_card.standing(shape, "the new training")
        tag = self._read("champion.json")["tag"]
        if tag is None:
            return verdict(new, None, rule, None)
        try:
            champion = model_card.standing(json.loads((self._champion / CARD).read_text()), tag)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandFailedError(f"{tag}: its {CARD} cannot be read ({error})") from error
        return verdict(new, champion, rule, self._paired())

    def _paired(self) -> Difference | None:
        """New minus champion on the rows both answered without having learnt from them; None when they are few."""
        file = self._champion / ANSWERS
        if not file.exists():
            return None
        old, new = unseen_answers.common(unseen_answers.read(file), unseen_answers.read(self.work / ANSWERS))
        if len(new.keys) < self.contract.monitoring.min_rows:
            return None
        metric, seed = self.contract.quality.metric, self.contract.training.seed
        return paired_difference(metric, new.labels, old.repeats[0], *new.repeats, seed=seed)

    def _who_decides(self) -> str:
        rule = load_policy(self.settings.platform.policy_file).rule("retrain_model")
        people = f"{rule.approvers} {'person' if rule.approvers == 1 else 'people'}"
        return f"By the policy page a retrain is of {rule.risk} risk and is decided by {people}."

    @property
    def _prefix(self) -> str:
        return f"model-{self.contract.name}-"

    @property
    def _champion(self) -> Path:
        return self.work / "champion"

    def _keep(self, name: str, found: Json) -> None:
        """Whole or not at all."""
        draft = self.work / f".{name}.new"
        draft.write_text(json.dumps(found, indent=1) + "\n")
        draft.replace(self.work / name)

    def _read(self, name: str) -> Json:
        try:
            found: Json = json.loads((self.work / name).read_text())
        except FileNotFoundError as error:
            raise CommandFailedError(f"{self.work / name} is not there: run the steps before this one") from error
        return found


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


# Each step with the file that says it was done.
STEPS: Mapping[str, tuple[Callable[[Retrain], str], str]] = {
    "fetch": (Retrain.fetch, "data.json"),
    "validate": (Retrain.validate, "validation.json"),
    "champion": (Retrain.champion, "champion.json"),
    "train": (Retrain.train, "trained.json"),
    "gate": (Retrain.gate, "gate.json"),
    "card": (Retrain.card, CARD),
    "release": (Retrain.release, "release.json"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.delivery.retrain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument("model", help="the model's name: config/models/<name>.yml")
    parser.add_argument("--work", type=Path, default=Path("build/retrain"), help="default: %(default)s")
    parser.add_argument("--csv", type=Path, help="labelled table, CSV or Parquet; default: the contract's own source")
    given = parser.parse_args(argv)
    configure_logging("retrain", level="WARNING")
    try:
        run = Retrain(given.model, given.work, given.csv)
    except (ConfigError, StewardError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    done = [name for name in STEPS if given.step == "all" and run.was_done(name)]
    names = [name for name in STEPS if name not in done] if given.step == "all" else [given.step]
    for name in names:
        if code := _step(run, name):
            return code
    return 0


def _step(run: Retrain, name: str) -> int:
    begun, code = time.monotonic(), 0
    try:
        says = STEPS[name][0](run)
    except GateRefusedError as error:
        says, code = f"refused: {error}", REFUSED
    except (CommandFailedError, ConfigError, StewardError, subprocess.TimeoutExpired) as error:
        says, code = f"failed: {error}", 1
    line = f"{name}: {says}"
    print(line, file=sys.stderr if code else sys.stdout, flush=True)
    _report(run.work / "report.json", name, line, code, time.monotonic() - begun)
    return code


def _report(file: Path, name: str, line: str, code: int, seconds: float) -> None:
    """What is told to people at the end; a fetch begins it anew."""
    old: Json = json.loads(file.read_text()) if file.exists() and name != "fetch" else {}
    waits = name == "release" and "waits as a draft" in line
    status = "failure" if code else "waiting" if waits else "success"
    spent = round(float(old.get("seconds", 0.0)) + seconds, 1)
    file.write_text(json.dumps({"status": status, "seconds": spent, "steps": [*old.get("steps", []), line]}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
