"""Each page once in each theme, and on that visit everything that must hold on every page."""

import re

import pytest

from scripts.clinic.furnished import World
from tests.e2e.dashboard import looking
from tests.e2e.dashboard.desk import HEIGHTS, PAGES, Desk, Seat, Theme, key

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
NARROW_MS = 250  # charts follow a new width a moment later


def _at_all_widths(seat: Seat, name: str) -> list[str]:
    found = []
    for width, height in HEIGHTS.items():
        seat.page.set_viewport_size({"width": width, "height": height})
        seat.page.wait_for_timeout(NARROW_MS)
        for what in ("overflow", "clipped", "overlapping", "targets"):
            found += [f"{name} at {width} px, {what}: {says}" for says in looking.sees(seat.page, what)]
    seat.page.set_viewport_size({"width": 1440, "height": 900})
    return found


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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_whole_readable_and_calm_at_each_width(desk: Desk, world: World, theme: Theme) -> None:
    found: list[str] = []
    with desk.sits("ada", theme=theme) as seat:
        for name, path in {**PAGES, "decision": world.path("harmful")}.items():
            seat.open(path)
            found += _at_all_widths(seat, name)
            found += _as_it_is(seat, name)
        assert seat.elsewhere == []
        found += [f"console: {said}" for said in seat.said]
    assert found == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_dialogs_are_whole_readable_and_named(desk: Desk, world: World, theme: Theme) -> None:
    found: list[str] = []
    with desk.sits("ada", theme=theme) as seat:
        for name in ("grave", "harmful"):
            seat.open(world.path(name))
            for button in ("approve", "reject"):
                key(seat.page, button).get_by_role("button").click()
                key(seat.page, f"confirm-{button}").wait_for()
                seat.page.wait_for_timeout(NARROW_MS)  # it fades in, and half there it has half the contrast
                found += _as_it_is(seat, f"{button} of {name}")
                found += _at_all_widths(seat, f"{button} of {name}")
                seat.page.keyboard.press("Escape")
                seat.page.get_by_role("dialog").wait_for(state="detached")
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
