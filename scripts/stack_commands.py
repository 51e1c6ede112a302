"""`steward down` and `steward status`, and what `steward up` does on a machine that has no other supervisor."""

import json
from typing import Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

from scripts.first_link import say_first_link
from scripts.plain_speech import JsonFlag, said_plainly, say
from scripts.supervisor import StopRequested, run_until_stopped, running_stack, running_stacks, stop_running


def run_supervised(wanted: tuple[str, ...]) -> None:
    """Start these roles with what they need, and keep them alive until Ctrl-C or `steward down`."""
    with said_plainly() as settings:
        stop = StopRequested()
        with running_stack(settings, wanted, say) as stack:
            if "ui" in wanted and stack.database_url is not None:
                say_first_link(settings, stack.database_url, stack.urls["ui"], say)
            say("ready; Ctrl-C or `steward down` stops everything")
            run_until_stopped(stack, stop, say)
            say("stopping")


def down() -> None:
    """Stop what `steward up` or `steward demo` runs on this STEWARD_HOME."""
    with said_plainly() as settings:
        say("stopped" if stop_running(settings) else f"nothing runs on {settings.platform.home}")


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
