"""A worker whose own clock is an hour off takes over nothing early: only the database's clock counts."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from agent.core.executor import EXECUTING
from agent.core.work import Json, Work
from config.settings import Settings
from tests.integration.agent.conftest import MakeExecutor
from tests.integration.agent.test_executor import effects, probe
from tests.integration.agent.world import approved_automatic, reread

FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed: no process can be given another clock")
@pytest.mark.parametrize("offset", ["+1h", "-1h"])
def test_a_worker_with_another_clock_takes_no_lease_early_and_writes_no_time_of_its_own(
    engine: Engine, champion: int, agent_settings: Settings, make_executor: MakeExecutor, offset: str
) -> None:
    assert champion
    (action_id,) = approved_automatic(engine, "collect_diagnostics", 1)
    entered, go_on = threading.Event(), threading.Event()

    def prepare(_: Work) -> Json:
        entered.set()
        assert go_on.wait(60)
        return {}

    worker = threading.Thread(target=probe(make_executor, prepare).run_all, args=(EXECUTING,))
    worker.start()
    try:
        assert entered.wait(10)
        clock = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        url = agent_settings.database.url
        assert url is not None
        skewed = subprocess.run(
            [sys.executable, "-m", "agent.main", "--once"],
            env=os.environ | clock, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert skewed.returncode == 0, skewed.stderr
        held = reread(engine, action_id)
        assert (held.status, held.lease_epoch) == ("executing", 1)
    finally:
        go_on.set()
        worker.join(20)
    assert reread(engine, action_id).status == "succeeded"
    assert len(effects(engine)) == 1
    with engine.connect() as connection:
        off = connection.scalar(
            text(
                "SELECT count(*) FROM (SELECT seen_at AS at FROM heartbeats WHERE service = 'agent'"
                " UNION ALL SELECT created_at FROM agent_cycles UNION ALL SELECT at FROM audit_log) t"
                " WHERE abs(extract(epoch FROM now() - at)) > 300"
            )
        )
        looked = connection.execute(text("SELECT count(*), min(seconds) FROM agent_cycles")).one()
    assert off == 0
    assert looked[0] > 0
    assert looked[1] >= 0
