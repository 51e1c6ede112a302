"""Charts as they are drawn: told apart without colour, and told in words and as a table too."""

import re

import pytest

from tests.e2e.dashboard.colours import apart, confused
from tests.e2e.dashboard.desk import PAGES, Desk, Theme

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
# What the legend of the page's first chart tells apart: colour, and the shape of the line, its marks or the area.
_SERIES = """() => {
    const found = {};
    const plot = document.querySelector("[data-testid=stMain] .js-plotly-plot");
    for (const trace of plot.querySelectorAll(".legend .traces")) {
        const [line, area, mark] = ["legendlines", "legendfill", "legendpoints"].map(
            (part) => trace.querySelector(`.${part} path`)
        );
        const drawn = line && parseFloat(getComputedStyle(line).strokeWidth) > 0;
        const dashes = drawn ? getComputedStyle(line).strokeDasharray : "";
        const colour = drawn ? getComputedStyle(line).stroke : getComputedStyle(area || mark).fill;
        const marks = mark ? mark.getAttribute("d").replace(/[\\d.,-]+/g, "") : "";
        found[trace.textContent] = [colour, [drawn ? "line" : "area", dashes, marks].join()];
    }
    return found;
}"""
_CHARTS = """() => [...document.querySelectorAll("[data-testid=stMain] [data-testid=stPlotlyChart]")].map((chart) => {
    const named = chart.closest("[aria-label]") || chart.querySelector("[aria-label], [role=img][aria-label], title");
    return named ? named.getAttribute("aria-label") || named.textContent : "";
})"""


def test_the_same_to_all_eyes_is_found_out() -> None:
    assert confused({"red": ("#B84A00", ""), "green": ("#5A7A00", "")}), "alike to who does not tell red from green"
    assert not confused({"red": ("#B84A00", "solid"), "green": ("#5A7A00", "dashed")})
    assert apart("#000000", "rgb(255, 255, 255)", grey=True) == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_four_series_are_told_apart_in_grey_and_without_red_and_green(desk: Desk, theme: Theme) -> None:
    with desk.sits("vera", theme=theme) as seat:
        page = seat.open("/performance")
        page.locator("[data-testid=stMain] .js-plotly-plot .legend .traces").first.wait_for(state="attached")
        series = {name: (colour, shape) for name, (colour, shape) in page.evaluate(_SERIES).items()}
        assert len(series) >= 4, series
        assert confused(series) == []


def test_every_chart_is_told_in_a_sentence_as_well(desk: Desk) -> None:
    silent: list[str] = []
    drawn = 0
    with desk.sits("vera") as seat:
        for name in ("overview", "performance", "drift", "trends"):
            page = seat.open(PAGES[name])
            told = page.evaluate(_CHARTS)
            drawn += len(told)
            silent += [
                f"{name}: chart {at}"
                for at, says in enumerate(told)
                if not re.search(r"[A-Za-z]{3}.*\d|\w+ \w+ \w+", says)
            ]
    assert drawn > 0
    assert silent == []
