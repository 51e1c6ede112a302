"""Each page once in each theme, and on that visit everything that must hold on every page; each dialog likewise.

All widths in the light, a desk in the dark.
"""

import re
from dataclasses import dataclass

import pytest

from scripts.clinic.furnished import World
from tests.e2e.dashboard import looking
from tests.e2e.dashboard.desk import HEIGHTS, PAGES, SECTIONS, Desk, Seat, Theme, key, still

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
DESK = 1440
ROOMS = {
    "decide": ("overview", "approvals", "decision"),
    "observe": ("performance", "drift", "trends", "quality"),
    "explain": ("agent", "models", "audit"),
    "settings": tuple(f"settings, {section}" for section in SECTIONS),
}


def _paths(world: World) -> dict[str, str]:
    """Every address there is, by its name."""
    sections = {f"settings, {section}": f"/settings?section={section}" for section in SECTIONS}
    return {**PAGES, **sections, "decision": world.path("harmful")}


def _at_each_width(seat: Seat, name: str, theme: Theme) -> list[str]:
    """A theme is colours and moves nothing, so the dark is looked at on a desk alone."""
    found = []
    for width in HEIGHTS if theme == "light" else (DESK,):
        _widen(seat, width)
        for what in ("overflow", "clipped", "overlapping", "targets"):
            found += [f"{name} at {width} px, {what}: {says}" for says in looking.sees(seat.page, what)]
    _widen(seat, DESK)
    return found


def _widen(seat: Seat, width: int) -> None:
    size = seat.page.viewport_size
    if size is None or size["width"] != width:
        seat.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        still(seat.page)


def _as_it_is(seat: Seat, name: str) -> list[str]:
    text = looking.text_of(seat.page)
    said = {
        **{what: looking.sees(seat.page, what) for what in ("contrast", "badges", "exceptions")},
        "no value": looking.no_values(text),
        "no zone": looking.without_zone(text),
        "nameless": looking.nameless(seat.page),
        "axe": looking.axe(seat.page),
    }
    return [f"{name}, {what}: {says}" for what, all_of in said.items() for says in all_of]


def test_no_page_and_no_section_of_the_settings_is_left_out(desk: Desk, world: World) -> None:
    visited = {name for room in ROOMS.values() for name in room}
    assert visited == set(_paths(world)) - {"settings"}
    with desk.sits("root") as seat:
        page = seat.open("/settings")
        assert key(page, "section").get_by_role("radio").all_inner_texts() == list(SECTIONS)
        links = page.locator("[data-testid=stSidebarNav] a").all()
        shown = {str(link.get_attribute("href")).rsplit("/", 1)[-1] for link in links}
        assert shown - {"", "overview"} == {path.strip("/") for path in PAGES.values()} - {""}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("room", ROOMS)
def test_every_page_is_whole_readable_and_calm_at_each_width(desk: Desk, world: World, room: str, theme: Theme) -> None:
    found: list[str] = []
    paths = _paths(world)
    with desk.sits("root" if room == "settings" else "ada", theme=theme) as seat:
        for name in ROOMS[room]:
            seat.open(paths[name])
            still(seat.page)
            found += _at_each_width(seat, name, theme)
            found += _as_it_is(seat, name)
        assert seat.elsewhere == []
        found += [f"console: {said}" for said in seat.said]
    assert found == []


@dataclass(frozen=True)
class Dialog:
    """Where a dialog is opened and by which button; `shows`: what stands in it."""

    path: str
    button: str
    shows: str


GRAVE, HARMFUL = "grave", "harmful"
DIALOGS = {
    "ada": (
        Dialog(GRAVE, "approve", "confirm-approve"),
        Dialog(GRAVE, "reject", "confirm-reject"),
        Dialog(GRAVE, "snooze", "snooze-1-hour"),
        Dialog(HARMFUL, "approve", "confirm-approve"),
        Dialog("/", "automation", "automation-confirm"),
        Dialog("/models", "propose-retrain", "confirm-proposal"),
    ),
    "root": (
        Dialog("/settings?section=People", "invite", "invite-confirm"),
        Dialog("/settings?section=People", "change-vera", "person-disable"),
        Dialog("/settings?section=Keys", "key-make", "key-confirm"),
    ),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", DIALOGS)
def test_the_dialogs_are_whole_readable_and_named(desk: Desk, world: World, theme: Theme, name: str) -> None:
    found: list[str] = []
    with desk.sits(name, theme=theme) as seat:
        before = ""
        for one in DIALOGS[name]:
            path = one.path if one.path.startswith("/") else world.path(one.path)
            if path != before:
                seat.open(path)
            before = path
            key(seat.page, one.button).get_by_role("button").click()
            seat.page.get_by_role("dialog").locator(f"[class*=st-key-{one.shows}]").first.wait_for()
            still(seat.page)
            found += _as_it_is(seat, f"{one.button} of {one.path}")
            found += _at_each_width(seat, f"{one.button} of {one.path}", theme)
            seat.page.keyboard.press("Escape")
            seat.page.get_by_role("dialog").wait_for(state="detached")
        assert seat.elsewhere == []
        found += [f"console: {said}" for said in seat.said]
    assert found == []


def test_no_table_of_a_comparison_lacks_a_figure(desk: Desk, world: World) -> None:
    """Old, new, difference, interval, n and verdict in every row."""
    with desk.sits("vera") as seat:
        page = seat.open(world.path("harmful"))
        rows = [row for row in key(page, "dec-3").locator("tbody tr").all_inner_texts() if re.search(r"\d", row)]
        assert len(rows) >= 5
        figure = r"[−+]?\d+\.\d+"
        for row in rows:
            assert re.search(rf"\[{figure}, {figure}\]", row), row
            assert re.search(r"better|worse|inconclusive", row, re.IGNORECASE), row
            assert len(re.findall(figure, row)) >= 5, row
            assert re.search(r"\b\d{2,3}\b", re.sub(figure, "", row)), row
