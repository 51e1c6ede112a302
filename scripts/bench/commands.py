"""`steward bench`: what each bench is asked, and how it is shown."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from scripts.bench.stack import bench_stack
from scripts.plain_speech import CheckFlag, CommandFailedError, JsonFlag, fail, said_plainly, say

bench = typer.Typer(help="Measure speed and size on this machine.", no_args_is_help=True)


@bench.command("stack")
def stack_bench(
    seconds: Annotated[float, typer.Option(min=1, help="how long to measure")] = 60.0,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """Memory and CPU of the whole embedded platform at rest."""
    with said_plainly():
        report = bench_stack(seconds, say)
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        table = Table("process", "memory MB", "of it shared fairly MB", "CPU % of a core")
        for name, part in report["parts"].items():
            cells = (part["resident_mb"], part["proportional_mb"], part["cpu_percent_of_a_core"])
            table.add_row(name, *map(str, cells))
        Console().print(table)
        for name, figure in report["figures"].items():
            say(f"{name}: {figure['value']} ({figure['bar']}: {'met' if figure['ok'] else 'MISSED'})")
    if check and not all(figure["ok"] for figure in report["figures"].values()):
        raise typer.Exit(1)


@bench.command("serving")
def serving_bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="one to three minutes instead of ten; figures are rougher")
    ] = False,
    peers: Annotated[bool, typer.Option(help="measure the peers too, where `make bench-peers` installed them")] = True,
    client: Annotated[str | None, typer.Option(help="who asks: wrk or bundled; default: wrk if it is here")] = None,
    profile: Annotated[
        Path | None, typer.Option(help="record where our server's time goes, as a flame graph (SVG) by py-spy")
    ] = None,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """Our server against its peers and a bare echo: one model, one core each."""
    # It loads all that training needs; every other command would wait for it.
    from scripts.bench.serving import command  # noqa: PLC0415

    with said_plainly():
        try:
            report = command.run(command.Asked(quick=quick, with_peers=peers, client=client, profile=profile), say)
        except ValueError as error:
            raise CommandFailedError(str(error)) from None
    if as_json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        report.show(Console())
    if check and report.missed:
        raise typer.Exit(1)


@bench.command("monitoring")
def monitoring_bench(
    quick: Annotated[bool, typer.Option("--quick", help="about a minute, and rougher")] = False,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """What watching a window costs, however many rows it has, beside Evidently, SciPy and a numpy scan."""
    # It loads all that monitoring needs; every other command would wait for it.
    from scripts.bench import monitoring  # noqa: PLC0415

    with said_plainly():
        report = monitoring.bench_monitoring(monitoring.QUICK if quick else monitoring.FULL, say)
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        table = Table("a window of", "seconds, median", "a later one", "memory MB")
        for name, run in report["windows"]["runs"].items():
            again = "" if run["again_s"] is None else f"{run['again_s']:.4f}"
            table.add_row(name, f"{run['median_s']:.4f}", again, str(run["peak_mb"]))
        Console().print(table)
        for name, figure in report["figures"].items():
            said = {True: "met", False: "MISSED", None: "not measured"}[figure["ok"]]
            say(f"{name}: {figure['value']} ({figure['bar']}: {said})")
    if check and any(figure["ok"] is False for figure in report["figures"].values()):
        raise typer.Exit(1)


@bench.command("training")
def training_bench(
    quick: Annotated[bool, typer.Option("--quick", help="1,000 rows only, one round: under a minute")] = False,
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """Cross-validating the four candidates, beside scikit-learn's own loop over the same folds."""
    # It loads all that training needs; every other command would wait for it.
    from scripts.bench import training  # noqa: PLC0415

    with said_plainly():
        report = training.bench_training(training.QUICK if quick else training.FULL, say)
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        training.show(report, Console())
    if check and any(figure["ok"] is False for figure in report["figures"].values()):
        raise typer.Exit(1)


@bench.command("dashboard")
def dashboard_bench(
    rows: Annotated[int, typer.Option(min=1000, help="how many predictions there are")] = 1_000_000,
    days: Annotated[int, typer.Option(min=1, help="over so many days")] = 30,
    times: Annotated[int, typer.Option(min=2, help="how often each page is opened, and each switch pressed")] = 20,
    pages: Annotated[str, typer.Option(help="only these, with commas between")] = "",
    as_json: JsonFlag = False,
    check: CheckFlag = False,
) -> None:
    """How long a person waits in front of each page, in a real Chromium, and what the API takes of it."""
    # It loads a browser and all that training needs; every other command would wait for it.
    try:
        from scripts.bench import dashboard  # noqa: PLC0415
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed here: `make setup` installs what this bench looks with")

    only = tuple(name.strip() for name in pages.split(",") if name.strip())
    with said_plainly():
        report = dashboard.bench_dashboard(dashboard.Asked(rows, days, times, only), say)
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        dashboard.show(report, Console())
    for line in dashboard.missed(report):
        say(f"MISSED {line}")
    if check and dashboard.missed(report):
        raise typer.Exit(1)
