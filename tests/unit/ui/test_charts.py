"""Figures say what the data say, and say nothing when there is nothing."""

import base64
import math
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ui import charts, zones
from ui.charts import Cell, Difference, Marker, Point

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def at(step: int, value: float | None, **more: Any) -> Point:
    return Point(at=NOW + timedelta(hours=step), value=value, n=100, **more)


def trace(figure: Any, name: str) -> Any:
    return next(found for found in figure.data if found.name == name)


def drawn(figure: Any) -> Any:
    """The figure, which must be there."""
    assert figure is not None
    return figure


def test_nothing_to_draw_is_none_and_not_an_empty_frame() -> None:
    assert charts.metric_over_time([], [], charts.LIGHT) is None
    assert charts.metric_over_time([at(0, None)], [at(1, None)], charts.LIGHT) is None
    assert charts.dot_and_whisker([], charts.LIGHT) is None
    assert charts.dot_and_whisker([Difference("f1", None, None, None, "inconclusive")], charts.LIGHT) is None
    assert charts.drift_strip([], charts.LIGHT) is None
    assert charts.trend([], charts.LIGHT) is None
    assert charts.bars([], [], charts.LIGHT, title="") is None
    assert charts.overlaid([], charts.LIGHT, title="") is None
    assert charts.reliability([], charts.LIGHT) is None
    assert charts.confusion(charts.Answers(0, 0, 0, 0), charts.LIGHT) is None
    assert charts.wrong_answers([], [], charts.LIGHT, unit="EUR") is None
    assert charts.trend([at(0, None)], charts.LIGHT, before=[at(0, 1.0)]) is None


def test_measured_and_estimated_differ_by_dash_and_not_by_colour_alone() -> None:
    figure = drawn(charts.metric_over_time([at(0, 0.8), at(1, 0.7)], [at(0, 0.8), at(2, 0.6)], charts.LIGHT))
    dashes = {found.line.dash for found in figure.data if found.mode == "lines+markers"}
    assert dashes == {"solid", "dash"}


def test_a_window_without_a_figure_leaves_a_gap_in_the_points_but_not_in_the_chart() -> None:
    figure = drawn(charts.metric_over_time([at(0, 0.8), at(1, None), at(2, 0.7)], [], charts.LIGHT))
    assert list(trace(figure, "measured").y) == [0.8, 0.7]


def test_one_window_alone_shows_its_interval_as_a_whisker() -> None:
    figure = drawn(charts.metric_over_time([at(0, 0.8, low=0.7, high=0.9)], [], charts.DARK))
    whiskers = [list(found.y) for found in figure.data if found.mode == "lines"]
    assert whiskers == [[0.7, 0.9]]


def test_the_lines_it_is_held_against_and_the_deployments_are_drawn() -> None:
    figure = drawn(
        charts.metric_over_time(
            [at(0, 0.8)], [], charts.LIGHT, reference=0.82, minimum=0.75, markers=[Marker(NOW, "v1")]
        )
    )
    texts = " ".join(str(note.text) for note in figure.layout.annotations)
    assert figure.layout.template.layout.font.color == charts.LIGHT.text
    named = {shape.name for shape in figure.layout.shapes if shape.showlegend}
    assert named == {"reference 0.820", "floor 0.750"}
    assert "v1" in texts


def test_whiskers_reach_exactly_to_the_interval() -> None:
    figure = drawn(charts.dot_and_whisker([Difference("F1", 0.078, 0.034, 0.121, "better")], charts.LIGHT))
    point = figure.data[0]
    assert point.x[0] + point.error_x.array[0] == pytest.approx(0.121)
    assert point.x[0] - point.error_x.arrayminus[0] == pytest.approx(0.034)


def test_an_inconclusive_difference_is_hollow() -> None:
    rows = [Difference("a", 0.1, 0.05, 0.2, "better"), Difference("b", 0.0, -0.1, 0.1, "inconclusive")]
    symbols = {found.y[0]: found.marker.symbol for found in drawn(charts.dot_and_whisker(rows, charts.LIGHT)).data}
    assert symbols["b"].endswith("open")
    assert not symbols["a"].endswith("open")


def test_a_drifted_square_carries_a_shape_and_a_missing_one_is_left_empty() -> None:
    cells = [Cell("cp", "1", 0.1, "ok"), Cell("cp", "2", 0.4, "warn"), Cell("age", "2", None, "inconclusive")]
    grid = drawn(charts.drift_strip(cells, charts.LIGHT)).data[0]
    assert [list(row) for row in grid.text] == [["", "▲"], ["", "○"]]
    assert grid.z[1][0] is None


def test_a_click_on_a_point_chooses_its_window_and_nothing_else_does() -> None:
    figure = drawn(charts.metric_over_time([at(0, 0.8, pick=7), at(1, 0.7, pick=8)], [], charts.LIGHT))
    assert list(trace(figure, "measured").customdata) == [7, 8]

    def event(*points: Any) -> Any:
        return SimpleNamespace(selection={"points": list(points)})

    assert charts.picked(event({"customdata": 7})) == 7
    assert charts.picked(event({"customdata": [8]})) == 8
    assert charts.picked(event({"customdata": "7; DROP"})) is None
    assert charts.picked(event()) is None
    assert charts.picked(None) is None


def test_a_time_axis_shows_the_chosen_clock_and_says_which_it_is() -> None:
    zones.use(zones.known("Asia/Tokyo"))
    try:
        figure = drawn(charts.metric_over_time([at(0, 0.8), at(1, 0.7)], [], charts.LIGHT))
    finally:
        zones.use(UTC)
    assert [str(moment) for moment in trace(figure, "measured").x] == ["2026-11-21 09:00:00", "2026-11-21 10:00:00"]
    assert figure.layout.xaxis.title.text == "time, JST"


def test_incidents_that_lie_close_share_one_text() -> None:
    marks = [Marker(NOW + timedelta(minutes=step), f"incident {step}", "incident") for step in (1, 2, 50)]
    figure = drawn(charts.metric_over_time([at(0, 0.8), at(1, 0.7)], [], charts.LIGHT, markers=marks))
    assert [note.text for note in figure.layout.annotations] == ["▲ incident 1 +1", "▲ incident 50"]


def test_the_period_before_is_drawn_dotted_and_behind() -> None:
    figure = drawn(charts.trend([at(0, 1.0), at(1, 2.0)], charts.DARK, before=[at(0, 3.0), at(1, 4.0)]))
    assert [(found.line.dash, list(found.y)) for found in figure.data] == [("dot", [3.0, 4.0]), ("solid", [1.0, 2.0])]


def test_reference_and_window_are_told_apart_without_colour() -> None:
    figure = drawn(charts.overlaid([charts.Bin("a", 0.5, 0.25, 5)], charts.LIGHT, title="cp"))
    now, then = trace(figure, "this window"), trace(figure, "reference")
    assert then.marker.color == "rgba(0,0,0,0)"
    assert then.width > now.width
    assert (now.y[0], then.y[0]) == (0.25, 0.5)


def test_the_whiskers_of_a_reliability_curve_are_its_intervals() -> None:
    one = charts.ReliabilityBin(0.6, 0.7, 40, 0.65, 0.5, 0.35, 0.65)
    figure = drawn(charts.reliability([one], charts.LIGHT))
    points = trace(figure, "came true")
    assert (points.x[0], points.y[0]) == (0.65, 0.5)
    assert (points.error_y.array[0], points.error_y.arrayminus[0]) == (pytest.approx(0.15), pytest.approx(0.15))
    assert [list(found.y) for found in figure.data if found.type == "bar"] == [[40]]


def test_right_and_wrong_squares_differ_by_sign_and_line() -> None:
    figure = drawn(charts.confusion(charts.Answers(5, 1, 3, 2), charts.LIGHT))
    signs = {note.text.split()[0] + note.text.split("<b>")[1].split("<")[0] for note in figure.layout.annotations}
    assert signs == {"✓5", "✕2", "✕1", "✓3"}
    assert {shape.line.dash for shape in figure.layout.shapes} == {"solid", "dot"}


def test_a_small_line_is_a_picture_with_its_newest_value_marked_and_nothing_without_two_values() -> None:
    def picture(*values: float) -> ET.Element:
        address = charts.spark(values, "#0072B2")
        assert address is not None
        return ET.fromstring(base64.b64decode(address.removeprefix("data:image/svg+xml;base64,")))  # noqa: S314

    def heights(*values: float) -> list[float]:
        points = picture(*values)[0].attrib["points"].split()
        return [float(point.split(",")[1]) for point in points]

    low, high, middle = heights(1.0, 3.0, 2.0)
    assert low > middle > high, "downwards is more in a drawing"
    assert picture(1.0, 3.0)[1].attrib["cy"] == str(heights(1.0, 3.0)[-1])
    assert len(set(heights(5.0, 5.0, 5.0))) == 1, "what never changes is a level line"
    assert heights(1.0, math.nan, 3.0) == heights(1.0, 3.0)
    assert charts.spark((), "#0072B2") is None
    assert charts.spark((1.0, math.inf), "#0072B2") is None
