"""`steward`: one command for everything. Each part prints for people, and with `--json` for programs.

Errors a person can mend are one sentence on stderr and exit code 1; wrong usage is exit code 2.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.model_contract import NAME_PATTERN, TimeOrder
from database.connection import make_engine
from database.migrations import head_revision
from database.running import running_database
from scripts import admin, policy_check, retention
from scripts.artifacts import artifacts
from scripts.bench.commands import bench
from scripts.counts import counts
from scripts.demo import run_demo
from scripts.first_link import say_first_link
from scripts.keys import keys
from scripts.lab.faults import WORLDS_OF_A_BAR
from scripts.labels import labels
from scripts.notifications import notifications
from scripts.plain_speech import CheckFlag, CommandFailedError, JsonFlag, said_plainly, say
from scripts.platform_roles import DEFAULT_ROLES
from scripts.supervisor import (
    StopRequested,
    run_until_stopped,
    running_stack,
    running_stacks,
    stop_running,
)
from scripts.users import users

app = typer.Typer(
    name="steward",
    help="Serve tabular models, watch them, and let an agent ask before it acts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(keys, name="keys")
app.add_typer(users, name="users")
app.add_typer(admin.audit, name="audit")
app.add_typer(artifacts, name="artifacts")
app.add_typer(notifications, name="notifications")
app.add_typer(labels, name="labels")
app.add_typer(counts, name="counts")
policy = typer.Typer(help="The page that says what the agent may do.", no_args_is_help=True)
app.add_typer(policy, name="policy")
app.add_typer(bench, name="bench")


@app.command()
def up(
    only: Annotated[str | None, typer.Option(help="roles to run, comma-separated: api,monitor,agent,ui,mlflow")] = None,
    also: Annotated[str | None, typer.Option("--with", help="roles besides the usual ones: mlflow")] = None,
) -> None:
    """Run everything on this machine until Ctrl-C or `steward down`."""
    with said_plainly() as settings:
        wanted = tuple(only.split(",")) if only else DEFAULT_ROLES
        wanted = (*wanted, *(also.split(",") if also else ()))
        stop = StopRequested()
        with running_stack(settings, wanted, say) as stack:
            if "ui" in wanted:
                say_first_link(settings, stack.database_url, stack.urls["ui"], say)
            say("ready; Ctrl-C or `steward down` stops everything")
            run_until_stopped(stack, stop, say)
            say("stopping")


@app.command()
def down() -> None:
    """Stop what `steward up` or `steward demo` runs on this STEWARD_HOME."""
    with said_plainly() as settings:
        say("stopped" if stop_running(settings) else f"nothing runs on {settings.platform.home}")


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Show what runs on this STEWARD_HOME, with memory and CPU time."""
    with said_plainly() as settings:
        running = running_stacks(settings)
        if not running:
            if as_json:
                print(json.dumps({"running": False, "processes": []}))
            else:
                say(f"nothing runs on {settings.platform.home}")
            raise typer.Exit(3)
        rows = [_process_row(name, pid, stack.urls.get(name)) for stack in running for name, pid in stack.pids.items()]
        if as_json:
            print(json.dumps({"running": True, "pids": [stack.pid for stack in running], "processes": rows}))
            return
        table = Table("process", "pid", "memory MB", "CPU s", "address")
        for row in rows:
            table.add_row(row["name"], str(row["pid"]), str(row["memory_mb"]), str(row["cpu_s"]), row["url"] or "")
        Console().print(table)


def _process_row(name: str, pid: int, url: str | None) -> dict[str, Any]:
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        memory = sum(process.memory_info().rss for process in family)
        times = [process.cpu_times() for process in family]
    except psutil.Error:
        return {"name": name, "pid": pid, "memory_mb": None, "cpu_s": None, "url": url}
    cpu = sum(time.user + time.system for time in times)
    return {"name": name, "pid": pid, "memory_mb": round(memory / 1e6), "cpu_s": round(cpu, 1), "url": url}


@app.command()
def demo(
    headless: Annotated[bool, typer.Option(help="approve as a scripted person, verify, print and exit")] = False,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """Replay real patients of four hospitals; ends with a decision waiting for you."""
    with said_plainly():
        report = run_demo(headless=headless, quiet=as_json)
        if as_json:
            print(json.dumps(report, indent=1))
        if headless and not report["closed"]:
            raise typer.Exit(1)
        if check and not all(figure["ok"] for figure in report["figures"].values() if figure["ok"] is not None):
            raise typer.Exit(1)


@app.command("init-model")
def init_model(
    name: Annotated[str, typer.Argument(help="the model's name: lower-case letters, digits, _ and -")],
    target: Annotated[str, typer.Option(help="the column to be predicted")],
    csv: Annotated[Path | None, typer.Option(help="the table, with a header line")] = None,
    parquet: Annotated[Path | None, typer.Option(help="the table, as Parquet")] = None,
    time_column: Annotated[str | None, typer.Option(help="the column that says when a row came")] = None,
    time_order: Annotated[
        TimeOrder | None, typer.Option(help="what comes first in the 03/04/2024 of the time column")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="the value of the target to be found")] = None,
    without: Annotated[list[str] | None, typer.Option(help="a column to leave out; repeat for several")] = None,
    out: Annotated[Path | None, typer.Option(help="directory to write to; default: STEWARD_CONTRACTS_DIR")] = None,
    encoding: Annotated[str | None, typer.Option(help="of the table, if it is not UTF-8")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite a contract of that name")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Draft the contract of a model from any table, with notes where to look."""
    # pandas takes half a second to import; every other command would wait for it.
    from scripts import init_model as drafting  # noqa: PLC0415

    with said_plainly() as settings:
        table = csv or parquet
        if table is None or (csv and parquet):
            raise CommandFailedError("give one table: --csv FILE or --parquet FILE")
        if not re.fullmatch(NAME_PATTERN, name):
            raise CommandFailedError(f"`{name}` is no name of a model: use lower-case letters, digits, _ and -")
        page = (out or settings.platform.contracts_dir) / f"{name}.yml"
        options = {
            "target": target,
            "time_column": time_column,
            "time_order": time_order,
            "positive": positive,
            "without": without or (),
        }
        draft = drafting.write_draft(page, table, options, encoding=encoding, force=force)
        if as_json:
            print(json.dumps(drafting.as_json(draft, page), indent=1))
        else:
            for line in drafting.as_text(draft, page, table):
                say(escape(line))


@app.command()
def score(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    file: Annotated[Path, typer.Argument(help="the rows, CSV or Parquet, with a column for each feature")],
    out: Annotated[Path, typer.Option(help="CSV to write: one line a row, answered or with its fault")],
    log: Annotated[bool, typer.Option("--log", help="store the answers as predictions, to be labelled")] = False,
    encoding: Annotated[str | None, typer.Option(help="of the file, if it is not UTF-8")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite the file given with --out")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Answer every row of a file with the version that serves: the whole file, or nothing is written.

    --log stores the answers piece by piece. Stopped in the middle, what was stored stays, and the same command goes on
    where it ended. One file answered by one version is stored once, however often it is given (what it holds counts,
    not its name), and its rows have the same ids each time. If another version serves by then, its answers are stored,
    too.
    """
    # pandas takes half a second to import; every other command would wait for it.
    from scripts import score as scoring  # noqa: PLC0415

    with said_plainly() as settings, running_database(settings) as database:
        engine = make_engine(database.url, settings.database, application="steward-score")
        try:
            serving = scoring.serving_of(engine, settings, model)
            actor = admin.me() if log else None
            done = scoring.score(engine, serving, file, out, actor=actor, encoding=encoding, force=force)
        finally:
            engine.dispose()
        if as_json:
            print(json.dumps(vars(done)))
        else:
            before = f", {done.stored_before:,} by an earlier run" if done.stored_before else ""
            stored = f", {done.stored:,} stored as predictions{before}" if done.logged else ""
            say(
                f"{done.rows - done.faults:,} of {scoring.rows_said(done.rows)} answered "
                f"by version {done.model_version}{stored}; "
                f"{done.faults:,} {'has' if done.faults == 1 else 'have'} a fault, named in {escape(str(out))}"
            )


@app.command()
def report(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    out: Annotated[Path, typer.Option(help="PDF to write")],
    days: Annotated[int, typer.Option(min=1, max=400, help="of the last so many days")] = 30,
    force: Annotated[bool, typer.Option("--force", help="overwrite the file given with --out")] = False,
    as_json: JsonFlag = False,
) -> None:
    """What happened to a model in the last days, as a PDF: quality, drift, decisions, versions, audit log."""
    # The typesetter takes a moment to load; every other command would wait for it.
    from scripts import period_report  # noqa: PLC0415

    with said_plainly() as settings, running_database(settings) as database:
        engine = make_engine(database.url, settings.database, application="steward-report")
        try:
            done = period_report.write(engine, settings, model, out, days=days, actor=admin.me(), force=force)
        finally:
            engine.dispose()
        if as_json:
            print(json.dumps(vars(done)))
        else:
            about = f"{done.windows} windows, {done.questions} question{'s' if done.questions != 1 else ''} to people"
            say(f"{escape(done.file)}: {done.bytes:,} bytes, {about}")


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    csv: Annotated[
        Path | None, typer.Option(help="labelled table, CSV or Parquet; default: the contract's own source")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="of the table, if it is not UTF-8")] = None,
    activate: Annotated[bool, typer.Option(help="serve it at once; for the first version only")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Train the candidates, compare them, and register the best."""
    with said_plainly() as settings, running_database(settings):
        command = [sys.executable, "-m", "training.train_pipeline", model]
        command += ["--csv", str(csv)] if csv else []
        command += ["--encoding", encoding] if encoding else []
        command += ["--activate"] if activate else []
        command += ["--json"] if as_json else []
        code = subprocess.run(command, check=False).returncode
    if code:
        raise typer.Exit(code)


@app.command()
def backtest(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    csv: Annotated[Path, typer.Option(help="the labelled history, CSV or Parquet")],
    window: Annotated[int | None, typer.Option(min=20, help="rows of a window; default: the contract's")] = None,
    label_delay: Annotated[int, typer.Option(min=0, help="labels come so many windows later")] = 1,
    candidates: Annotated[str | None, typer.Option(help="algorithms to try, comma-separated")] = None,
    cost_per_retrain: Annotated[
        float | None, typer.Option(min=0, help="in the contract's currency; default: as 10 errors")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write the report to this file")] = None,
    encoding: Annotated[str | None, typer.Option(help="of the table, if it is not UTF-8")] = None,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """What the agent would have done on a history, against fixed rules and hindsight."""
    # It loads all that training and monitoring need; every other command would wait for it.
    from scripts.lab import command as lab  # noqa: PLC0415

    with said_plainly() as settings:
        asked = tuple(name.strip() for name in candidates.split(",")) if candidates else ()
        options = lab.Options(csv, window, label_delay, asked, cost_per_retrain, encoding)
        found, seconds = lab.backtest(settings, model, options)
        report = found.to_json(seconds)
        if html is not None:
            lab.write_page(found, html)
        if as_json:
            print(json.dumps(report, indent=1))
        else:
            lab.show(found, seconds)
    if check and lab.missed(report):
        raise typer.Exit(1)


@app.command()
def faults(
    seeds: Annotated[int, typer.Option(min=1, help="so many made-up worlds")] = WORLDS_OF_A_BAR,
    seed_offset: Annotated[int, typer.Option(min=0, help="the seed of the first; others give unseen worlds")] = 0,
    processes: Annotated[int | None, typer.Option(min=1, help="default: one for each core")] = None,
    html: Annotated[Path | None, typer.Option(help="write the report to this file")] = None,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """What the agent makes of faults that are made on purpose: its skill as a number."""
    # It loads all that training and monitoring need; every other command would wait for it.
    from scripts.lab.faults import command as lab  # noqa: PLC0415

    with said_plainly() as settings:
        found = lab.faults(settings, seeds=seeds, offset=seed_offset, processes=processes)
        if html is not None:
            lab.write_page(found, html)
        if as_json:
            print(json.dumps(found.to_json(), indent=1))
        else:
            lab.show(found)
    if check and lab.missed(found):
        raise typer.Exit(1)


@policy.command("check")
def check_policy(
    page: Annotated[Path | None, typer.Argument(help="the page; default: STEWARD_POLICY_FILE")] = None,
    days: Annotated[int, typer.Option(min=1, help="decide again what was seen in so many days")] = 30,
    as_json: JsonFlag = False,
) -> None:
    """Is the page valid, and what would it have done lately? Changes nothing; exit 1 if it is not valid."""
    with said_plainly() as settings:
        report = policy_check.check(settings, page or settings.platform.policy_file, days)
        if as_json:
            print(json.dumps(policy_check.as_json(report), indent=1))
        else:
            policy_check.show(report)


@app.command()
def migrate() -> None:
    """Bring the database to today's schema."""
    with said_plainly() as settings, running_database(settings):
        say(f"the database is at revision {head_revision()}")


app.command("retention")(retention.show_or_drop)


app.command("pause")(admin.pause)
app.command("resume")(admin.resume)


if __name__ == "__main__":
    app()
