"""`uvicorn --workers 2`: whichever worker a scrape meets, it tells what both have done."""

import re
import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.api.conftest import ApiProcess, Installation, wait_until
from tests.serving_factories import EXAMPLE

SERIES = re.compile(r'^steward_predictions_total\{.*worker="([^"]+)".*\} ([0-9.e+]+)$', re.MULTILINE)


@pytest.fixture
def two_workers(installed: Installation) -> Iterator[ApiProcess]:
    process = ApiProcess(installed.settings, workers=2)
    process.start()
    try:
        wait_until(lambda: len(set(re.findall(r'worker="([^"]+)"', _scrape(process)))) == 2, 20)
        yield process
    finally:
        process.end(signal.SIGTERM)


def _scrape(process: ApiProcess) -> str:
    return httpx.get(f"{process.url}/metrics", timeout=5).text


def _counted(text: str) -> dict[str, float]:
    """Rows answered, by worker."""
    found: dict[str, float] = {}
    for worker, value in SERIES.findall(text):
        found[worker] = found.get(worker, 0.0) + float(value)
    return found


def test_every_scrape_tells_what_all_workers_did(two_workers: ApiProcess, installed: Installation) -> None:
    answered = _ask_until_both_answered(two_workers, installed)
    wait_until(lambda: sum(_counted(_scrape(two_workers)).values()) == answered, 5)
    for _ in range(10):  # a new connection each time: any of the two may be met
        text = _scrape(two_workers)
        assert sum(_counted(text).values()) == answered
        assert len(re.findall(r"^# TYPE steward_predictions_total", text, re.MULTILINE)) == 1


def _ask_until_both_answered(process: ApiProcess, installed: Installation) -> int:
    answered = 0
    for _ in range(200):
        with httpx.Client(base_url=process.url, headers={"X-API-Key": installed.keys.everything}, timeout=5) as client:
            answered += sum(client.post("/predict", json=EXAMPLE).status_code == 200 for _ in range(3))
        counted = _counted(_scrape(process))
        if len(counted) == 2 and all(counted.values()):
            return answered
    raise AssertionError("one worker answered everything")
