"""Somebody in front of the dashboard: signed in, at a page that has come to rest, hearing what the browser says."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from scripts.clinic.furnished import PASSWORD

Theme = Literal["light", "dark"]
PAGES = {
    "overview": "/", "approvals": "/approvals", "performance": "/performance", "drift": "/drift",
    "trends": "/trends", "quality": "/quality", "agent": "/agent", "models": "/models",
    "settings": "/settings", "audit": "/audit",
}  # fmt: skip
SECTIONS = ("Policy", "Automation", "Schedules", "People", "Keys", "Messages", "Data", "You")
HEIGHTS = {1440: 900, 768: 1024, 360: 740}
HEADLINE = ".st-key-headline h1, .st-key-question h1"
# Streamlit asks for its health under the page's own address first: harmless, and said in the console.
HARMLESS = re.compile(r"404 .*/_stcore/(?:health|host-config)")
_RESTING = (
    "() => document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') === 'notRunning'"
    " && !document.querySelector('[data-testid=stSkeleton]')"
)
# Nothing fades, and nothing that has a name or is drawn has moved for a fifth of a second.
_STILL = """() => new Promise((resolve) => {
    const places = () => [...document.querySelectorAll("[class*=st-key-], [role=dialog], .main-svg")].map((el) => {
        const box = el.getBoundingClientRect();
        return [box.left, box.top, box.width, box.height].map(Math.round).join();
    }).join(" ");
    const fades = () => document.getAnimations().some(
        (one) => one.playState === "running" && one.effect?.getComputedTiming().endTime < Infinity
    );
    let before = "", same = 0;
    const look = () => {
        const now = places();
        same = now === before && !fades() ? same + 1 : 0;
        before = now;
        if (same < 4) setTimeout(look, 50); else resolve(true);
    };
    look();
})"""


@dataclass
class Seat:
    """One browser window of one person."""

    page: Page
    url: str
    name: str
    said: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go there, through the door if it is closed, and wait until the page has come to rest."""
        self.page.goto(self.url + path)
        if "/auth/" in self.page.url:
            sign_in(self.page, self.name)
        settled(self.page)
        return self.page

    def heard(self, message: ConsoleMessage) -> None:
        where = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not HARMLESS.search(where):
            self.said.append(where)

    def asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws"), "data:", "blob:")):
            self.elsewhere.append(request.url)


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").first.click()


def settled(page: Page) -> None:
    """Until the page's heading stands there and nothing is being worked out any more."""
    expect(page.locator(HEADLINE).first).to_be_visible()
    page.wait_for_function(_RESTING)


def still(page: Page) -> None:
    """Until what is shown has found its place: charts follow a new width a moment later, and dialogs fade in."""
    page.evaluate(_STILL)


def key(page: Page | Locator, name: str) -> Locator:
    """The element that the page calls so."""
    return page.locator(f".st-key-{name}")


class Desk:
    """Opens windows of people; who was signed in once is not asked again."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self._url = browser, url
        self._known: dict[str, Any] = {}

    @contextmanager
    def sits(
        self, name: str, *, theme: Theme = "light", width: int = 1440, zone: str = "UTC", afresh: bool = False
    ) -> Iterator[Seat]:
        """A window of this person; `afresh`: in a browser that was never signed in."""
        context = self._browser.new_context(
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme=theme,
            reduced_motion="reduce",
            timezone_id=zone,
            storage_state=None if afresh else self._cookies(name),
        )
        context.set_default_timeout(40_000)
        try:
            yield self._seat(context, name)
        finally:
            context.close()

    def _seat(self, context: BrowserContext, name: str) -> Seat:
        seat = Seat(context.new_page(), self._url, name)
        seat.page.on("console", seat.heard)
        seat.page.on("request", seat.asked)
        seat.page.on("pageerror", lambda error: seat.said.append(str(error)))
        return seat

    def _cookies(self, name: str) -> Any:
        if name not in self._known:
            context = self._browser.new_context()
            page = context.new_page()
            page.goto(self._url + "/auth/login")
            sign_in(page, name)
            page.wait_for_url(lambda url: "/auth/" not in url)
            self._known[name] = context.storage_state()
            context.close()
        return self._known[name]
