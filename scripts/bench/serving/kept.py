"""What must hold while it is fast: answers are stored once and as told, versions change without a failure, and soon."""

import time
from collections.abc import Callable, Sequence

import httpx

from scripts.bench.serving.figures import Figure, bar, of_values
from scripts.bench.serving.installation import Installation
from scripts.chaos.api_process import ApiProcess
from scripts.chaos.serving import run
from scripts.chaos.serving.plan import schedule
from scripts.chaos.serving.stage import Stage, Version, different
from scripts.chaos.waiting import wait_until
from scripts.crash.world import MODEL

_SEED, _SWAPS = 1, 8
_REPLICAS = 2
_FOLLOWED_S = 30.0


def swaps(installed: Installation, rows: int, say: Callable[[str], None]) -> list[Figure]:
    """Answers under load while the version changes, each followed into PostgreSQL and computed anew. The database must
    hold no other predictions."""
    directory = installed.directory / "told"
    directory.mkdir()
    numbers = range(1, len(installed.versions) + 1)
    versions = [Version(*one) for one in zip(installed.versions, numbers, installed.models, strict=True)]
    pool = different(installed.table.rows)
    stage = Stage(installed.settings, installed.engine, directory, installed.key, versions, pool)
    planned = schedule(rows, _SEED, kills=0, swaps=_SWAPS, versions=len(versions), second=False)
    report = run.play(stage, rows, _SEED, planned, say)
    stage.serve(0)
    names = ("stored_exactly_once", "swap_failed_requests", "swap_wrong_rows")
    found = report.found
    if found is None:
        return [Figure(bar(name), None, why="; ".join(report.violations)) for name in names]
    told = found.acknowledged
    once = (told - found.lost - found.told_twice - found.doubled) / told
    of = f"of {told:,} rows, {report.swaps} swaps"
    failed = sum(found.refused.values()) + found.unanswered
    values = (once, failed, found.wrong + found.not_as_told)
    return [of_values(bar(name), [value], of) for name, value in zip(names, values, strict=True)]


def rollback(installed: Installation, times: int, say: Callable[[str], None]) -> Figure:
    """Seconds from the commit that makes the other version serve until each of two replicas answers with it."""
    apis = [ApiProcess(installed.settings) for _ in range(_REPLICAS)]
    seconds = []
    try:
        for api in apis:
            api.start()
        clients = [httpx.Client(base_url=api.url, headers={"X-API-Key": installed.key}) for api in apis]
        serving = 0
        for _ in range(times):
            serving = 1 - serving
            installed.serve(serving)
            seconds.append(round(_until_all_serve(clients, installed, serving + 1), 3))
            say(f"every replica serves the other version after {seconds[-1]:.3f} s")
        if serving:
            installed.serve(0)
        for client in clients:
            client.close()
    finally:
        for api in apis:
            api.stop()
    return of_values(bar("rollback_s"), seconds, f"{_REPLICAS} replicas")


def _until_all_serve(clients: Sequence[httpx.Client], installed: Installation, version: int) -> float:
    began = time.monotonic()
    for client in clients:
        wait_until(lambda client=client: _version(client, installed) == version, _FOLLOWED_S)
    return time.monotonic() - began


def _version(client: httpx.Client, installed: Installation) -> int:
    answer = client.post(f"/models/{MODEL}/predict", json=installed.example)
    return int(answer.raise_for_status().json()["model_version"])
