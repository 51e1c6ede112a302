"""`steward bench dashboard`: how long a person waits in front of each page, in a real Chromium, on a million rows.

Two times a page: from the beginning of the navigation until its heading and its first block with content stand there,
and from a click on one of its switches until the run that it began has ended. Beside them the time of each question
that the page asks the API, taken alone.
"""

import math
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from database.models import DataQualityResult, DriftReport, PerformanceMetric
from scripts.bench.dashboard_world import furnish_many
from scripts.bench.machine import machine
from scripts.chaos.api_process import ApiProcess
from scripts.chaos.platform import settings_of
from scripts.chaos.ui_process import UiProcess
from scripts.clinic.furnished import MODEL, PASSWORD, World
from scripts.crash.server import CARELESS, own_server
from scripts.plain_speech import CommandFailedError

Say = Callable[[str], None]
FIRST_CONTENT_BAR_MS, AGAIN_BAR_MS, QUESTION_BAR_MS = 2000, 800, 150
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
_HEADLINE = ".st-key-headline h1, .st-key-question h1"
# The heading, and below it a block with a key of its own that holds something to read.
_CONTENT = """() => {
    const seen = (el) => el.getBoundingClientRect().height > 0 && el.innerText.trim().length > 0;
    const main = document.querySelector("[data-testid=stMain]");
    const heading = main && main.querySelector(".st-key-headline h1, .st-key-question h1");
    if (!heading || !seen(heading)) return false;
    const frame = ".st-key-top-bar, .st-key-headline, .st-key-pulse, .st-key-question, .st-key-banner";
    const blocks = [...main.querySelectorAll("[class*=st-key-]")];
    return blocks.some((el) => !el.closest(frame) && seen(el)) ? performance.now() : false;
}"""
_RESTING = "() => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
# From the click until the run that it began has ended.
_AGAIN = """(target) => new Promise((done) => {
    const app = document.querySelector("[data-testid=stApp]");
    const began = performance.now();
    let ran = false;
    const look = () => {
        const state = app.dataset.testScriptState;
        if (state === "running") ran = true;
        if (ran && state === "notRunning") done(performance.now() - began);
        else if (performance.now() - began > 20000) done(null);
        else requestAnimationFrame(look);
    };
    target.click();
    look();
})"""
_SWITCHES = "[data-testid=stMain] [role=radiogroup] [role=radio]:not([data-selected=true])"


@dataclass(frozen=True)
class Shown:
    """A page, and what it asks the API."""

    name: str
    path: str
    asks: tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    """What the pages that show one of many are asked about."""

    model: str
    action: str
    version: int
    judged: int  # the newest window with an answer about its quality
    window: int  # the newest of all
    feature: str
    check: str
    column: str


def examples_of(engine: Engine, world: World) -> Examples:
    """The newest of each kind, as the pages choose when nobody chose."""
    with Session(engine) as session:
        judged, newest = (
            session.scalars(select(func.max(kind.window_id)).where(kind.window_id.is_not(None))).one()
            for kind in (PerformanceMetric, DriftReport)
        )
        report = session.scalars(select(DriftReport).where(DriftReport.window_id == newest)).one()
        failed = session.execute(
            select(DataQualityResult.window_id, DataQualityResult.check_name, DataQualityResult.column_name)
            .where(~DataQualityResult.success, DataQualityResult.column_name.is_not(None))
            .order_by(DataQualityResult.window_id.desc())
            .limit(1)
        ).one()
    return Examples(
        model=MODEL,
        action=str(world.actions["good"].action_id),
        version=world.serving.version,
        judged=int(judged or 0),
        window=int(newest or 0),
        feature=str(report.features[0]["feature"]),
        check=failed.check_name,
        column=failed.column_name,
    )


def pages_of(one: Examples) -> list[Shown]:
    """All pages, each with its own questions, as a test holds it to; `/frame` stands around all of them."""
    of = f"?model={one.model}"
    action, model, month = f"/actions/{one.action}", f"/models/{one.model}", "&days=30"
    version, window, drift = (
        f"{model}/versions/{one.version}",
        f"/performance/windows/{one.judged}",
        f"/drift/{one.window}",
    )
    records = f"/data-quality/{one.window}/records?check={one.check}&column={one.column}"
    agent = (f"/agent/standing{of}", f"/agent/record{of}", f"/agent/now{of}", f"/agent/runs{of}&show=all{month}")
    return [
        Shown("overview", "/", (f"/overview{of}", f"/trends{of}&buckets=24")),
        Shown("approvals", "/approvals", ("/actions?asked=true&limit=500",)),
        Shown("decision", f"/decision?id={one.action}", (action, f"{action}/reach", version)),
        Shown(
            "performance", "/performance",
            (f"/performance{of}&limit=60", window, f"/performance/calibration{of}", f"/trends{of}&buckets=30"),
        ),
        Shown("drift", "/drift", (f"/drift{of}&limit=60", drift, f"{drift}/features/{one.feature}")),
        Shown("trends", "/trends", (f"/trends{of}&buckets=60",)),
        Shown("quality", "/quality", (f"/data-quality{of}", records, f"/refusals{of}&hours=24", "/corrections")),
        Shown("agent", "/agent", (*agent, "/notifications")),
        Shown("models", "/models", (f"{model}/lineage", model, version, f"{version}/lineage")),
        Shown("settings", "/settings", ("/policy", f"/oversight{of}&days=90", "/roles")),
        Shown("audit", "/audit", ("/audit/verified", "/audit/choices", "/audit?limit=50")),
        Shown("frame", "", (f"/frame{of}",)),
    ]  # fmt: skip


def spread(times: Sequence[float]) -> dict[str, Any]:
    """Median and 95th percentile (the nearest rank) in milliseconds; empty without a time."""
    if not times:
        return {}
    ranked = sorted(times)
    p95 = ranked[max(0, math.ceil(0.95 * len(ranked)) - 1)]
    return {"p50_ms": round(statistics.median(ranked), 1), "p95_ms": round(p95, 1), "n": len(ranked)}


@dataclass(frozen=True)
class Asked:
    """How much is made, and how often it is looked at."""

    rows: int
    days: int
    times: int
    only: tuple[str, ...] = ()


def bench_dashboard(asked: Asked, say: Say) -> dict[str, Any]:
    """Fill a database, start the API and the dashboard, and look at each page. Raises `CommandFailedError` without a
    Chromium, or for a page that is not there."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise CommandFailedError("there is no Chromium on this machine (Debian: apt install chromium)")
    with ExitStack() as stack:
        server, directory = stack.enter_context(own_server("bench", "steward", {**CARELESS, "max_wal_size": "4GB"}))
        settings = settings_of(directory, server.url("steward"))
        engine = create_engine(server.url("steward"))
        stack.callback(engine.dispose)
        began = time.monotonic()
        world = furnish_many(engine, settings, asked.rows, asked.days)
        say(f"{asked.rows:,} predictions over {asked.days} days, in {time.monotonic() - began:.0f} s")
        api = ApiProcess(settings)
        ui = UiProcess(api.url, directory / "ui.txt")
        stack.callback(api.stop)
        stack.callback(ui.stop)
        api.start()
        ui.launch()
        ui.wait()
        browser = stack.enter_context(_chromium(found))
        pages = [one for one in pages_of(examples_of(engine, world)) if not asked.only or one.name in asked.only]
        if not pages:
            raise CommandFailedError(f"none of these is a page: {', '.join(asked.only)}")
        measured = {"machine": machine(), "rows": asked.rows, "days": asked.days}
        return {**measured, "pages": _measured(browser, api.url, ui.url, pages, asked.times, say)}


@contextmanager
def _chromium(found: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


def _measured(
    browser: Browser, api: str, ui: str, pages: list[Shown], times: int, say: Say
) -> dict[str, dict[str, Any]]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{ui}/auth/login")
    page.locator("input[name=name]").fill("ada")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit]").first.click()
    page.locator(_HEADLINE).first.wait_for()
    found: dict[str, dict[str, Any]] = {}
    for shown in pages:
        about: dict[str, Any] = {"questions": {path: _alone(api, path, times) for path in shown.asks}}
        if shown.path:
            first = [_first_content(page, ui + shown.path) for _ in range(times + 1)]
            about["cold_ms"] = round(first[0], 1)
            about["first_content"] = spread(first[1:])
            about["again"] = spread(_agains(page, times))
        found[shown.name] = about
        say(_line(shown.name, about))
    context.close()
    return found


def _first_content(page: Page, url: str) -> float:
    page.goto(url, wait_until="commit")
    shown = float(page.wait_for_function(_CONTENT, polling="raf").json_value())
    page.wait_for_function(_RESTING)
    return shown


def _agains(page: Page, times: int) -> list[float]:
    """One switch of the page after the other, each to another value than it has; none on a page that has no switch."""
    found: list[float] = []
    for _ in range(times):
        switches = page.locator(_SWITCHES)
        if not switches.count():
            return found
        taken = switches.first.evaluate(_AGAIN)
        if taken is not None:
            found.append(float(taken))
        page.wait_for_function(_RESTING)
    return found


def _alone(api: str, path: str, times: int) -> dict[str, Any]:
    """The question on its own, over a connection that is there; the first one warms up."""
    with httpx.Client(base_url=api, timeout=30) as client:
        token = client.post("/auth/login", json={"name": "ada", "password": PASSWORD}).json()["token"]
        taken = []
        for _ in range(times + 1):
            began = time.perf_counter()
            answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
            taken.append((time.perf_counter() - began) * 1000)
            if answer.is_error:
                raise CommandFailedError(f"{path} answered {answer.status_code}: {answer.text[:200]}")
    return spread(taken[1:])


def _line(name: str, about: dict[str, Any]) -> str:
    cells = [f"first content {about['first_content']['p95_ms']:.0f} ms"] if "first_content" in about else []
    cells += [f"again {about['again']['p95_ms']:.0f} ms"] if about.get("again") else []
    cells += [f"{path} {taken['p95_ms']:.0f} ms" for path, taken in about["questions"].items()]
    return f"{name}: {', '.join(cells)} (p95)"


def missed(report: dict[str, Any]) -> list[str]:
    """Every figure above its bar."""
    found = []
    for name, about in report["pages"].items():
        told = [(f"{name}, first content", about.get("first_content"), FIRST_CONTENT_BAR_MS)]
        told += [(f"{name}, again", about.get("again"), AGAIN_BAR_MS)]
        told += [(path, taken, QUESTION_BAR_MS) for path, taken in about["questions"].items()]
        found += [
            f"{what}: {taken['p95_ms']:.0f} ms, {bar} are allowed"
            for what, taken, bar in told
            if taken and taken["p95_ms"] > bar
        ]
    return found


def show(report: dict[str, Any], console: Console) -> None:
    table = Table("page", "first content p50", "p95", "again p50", "p95", "questions of the API, p95")
    for name, about in report["pages"].items():
        first, again = about.get("first_content") or {}, about.get("again") or {}
        figures = [first.get("p50_ms"), first.get("p95_ms"), again.get("p50_ms"), again.get("p95_ms")]
        asked = ", ".join(f"{path} {taken['p95_ms']:.0f}" for path, taken in about["questions"].items())
        table.add_row(name, *("" if one is None else f"{one:.0f}" for one in figures), asked)
    console.print(table)
