"""`steward`: one command for everything. Each part prints for people, and with `--json` for programs.

Errors a person can mend are one sentence on stderr and exit code 1; wrong usage is exit code 2.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import OperationalError

from config.logging_config import configure_logging
from config.settings import Settings
from config.yaml_source import ConfigError
from database.address import running_database
from database.errors import StewardError
from database.migrations import head_revision
from scripts import admin
from scripts.bench.stack import bench_stack
from scripts.demo import DemoFailedError, run_demo
from scripts.platform_roles import DEFAULT_ROLES, PortInUseError
from scripts.supervisor import (
    AlreadyRunningError,
    StopRequested,
    run_until_stopped,
    running_stack,
    running_stacks,
    stop_running,
)

app = typer.Typer(
    name="steward",
    help="Serve tabular models, watch them, and let an agent ask before it acts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(admin.keys, name="keys")
app.add_typer(admin.users, name="users")
app.add_typer(admin.audit, name="audit")
bench = typer.Typer(help="Measure speed and size on this machine.", no_args_is_help=True)
app.add_typer(bench, name="bench")

JsonFlag = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else on stdout")]
console = Console(stderr=True, highlight=False)


@contextmanager
def _said_plainly() -> Iterator[Settings]:
    """Read the settings, run the block, and turn what a person can mend into one sentence."""
    try:
        settings = Settings()
        configure_logging("steward", level="WARNING", as_json=settings.platform.log_json)
        yield settings
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        _fail(f"settings: {faults} (see .env.example)")
    except OperationalError as error:
        _fail(f"the database does not answer ({str(error.orig).strip()}): is it running, and is DATABASE_URL right?")
    except (StewardError, ConfigError, AlreadyRunningError, PortInUseError, DemoFailedError) as error:
        _fail(str(error))
    except (TimeoutError, RuntimeError, ValueError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _say("stopped")
        raise typer.Exit(130) from None


def _fail(sentence: str) -> None:
    console.print(f"[bold red]error[/] {sentence}", soft_wrap=True)
    raise typer.Exit(1)


def _say(line: str) -> None:
    console.print(f"  {line}", soft_wrap=True)


@app.command()
def up(
    only: Annotated[str | None, typer.Option(help="roles to run, comma-separated: api,monitor,agent,ui,mlflow")] = None,
    also: Annotated[str | None, typer.Option("--with", help="roles besides the usual ones: mlflow")] = None,
) -> None:
    """Run everything on this machine until Ctrl-C or `steward down`."""
    with _said_plainly() as settings:
        wanted = tuple(only.split(",")) if only else DEFAULT_ROLES
        wanted = (*wanted, *(also.split(",") if also else ()))
        stop = StopRequested()
        with running_stack(settings, wanted, _say) as stack:
            _say("ready; Ctrl-C or `steward down` stops everything")
            run_until_stopped(stack, stop, _say)
            _say("stopping")


@app.command()
def down() -> None:
    """Stop what `steward up` or `steward demo` runs on this STEWARD_HOME."""
    with _said_plainly() as settings:
        _say("stopped" if stop_running(settings) else f"nothing runs on {settings.platform.home}")


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Show what runs on this STEWARD_HOME, with memory and CPU time."""
    with _said_plainly() as settings:
        running = running_stacks(settings)
        if not running:
            if as_json:
                print(json.dumps({"running": False, "processes": []}))
            else:
                _say(f"nothing runs on {settings.platform.home}")
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
    check: Annotated[bool, typer.Option(help="exit 1 when a figure misses its bar")] = False,
) -> None:
    """Replay real patients of four hospitals; ends with a decision waiting for you."""
    with _said_plainly():
        report = run_demo(headless=headless, quiet=as_json)
        if as_json:
            print(json.dumps(report, indent=1))
        if headless and not report["closed"]:
            raise typer.Exit(1)
        if check and not all(figure["ok"] for figure in report["figures"].values() if figure["ok"] is not None):
            raise typer.Exit(1)


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="the model's name: config/models/<name>.yml")],
    csv: Annotated[Path | None, typer.Option(help="labelled table; default: the contract's own source")] = None,
    activate: Annotated[bool, typer.Option(help="serve it at once; for the first version only")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Train the candidates, compare them, and register the best."""
    with _said_plainly() as settings, running_database(settings):
        command = [sys.executable, "-m", "training.train_pipeline", model]
        command += ["--csv", str(csv)] if csv else []
        command += ["--activate"] if activate else []
        command += ["--json"] if as_json else []
        code = subprocess.run(command, check=False).returncode
    if code:
        raise typer.Exit(code)


@app.command()
def migrate() -> None:
    """Bring the database to today's schema."""
    with _said_plainly() as settings, running_database(settings):
        _say(f"the database is at revision {head_revision()}")


@bench.command("stack")
def stack_bench(
    seconds: Annotated[float, typer.Option(min=1, help="how long to measure")] = 60.0,
    as_json: JsonFlag = False,
    check: Annotated[bool, typer.Option(help="exit 1 when a figure misses its bar")] = False,
) -> None:
    """Memory and CPU of the whole embedded platform at rest."""
    with _said_plainly():
        report = bench_stack(seconds, _say)
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        table = Table("process", "memory MB", "of it shared fairly MB", "CPU % of a core")
        for name, part in report["parts"].items():
            cells = (part["resident_mb"], part["proportional_mb"], part["cpu_percent_of_a_core"])
            table.add_row(name, *map(str, cells))
        Console().print(table)
        for name, figure in report["figures"].items():
            _say(f"{name}: {figure['value']} ({figure['bar']}: {'met' if figure['ok'] else 'MISSED'})")
    if check and not all(figure["ok"] for figure in report["figures"].values()):
        raise typer.Exit(1)


app.command("pause")(admin.pause)
app.command("resume")(admin.resume)


if __name__ == "__main__":
    app()
