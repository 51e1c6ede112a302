"""Figures say what the data say, and say nothing when there is nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ui import charts
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


def _brightness(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((_brightness(one), _brightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("look", [charts.LIGHT, charts.DARK])
def test_text_has_contrast_four_and_a_half_and_marks_have_three(look: charts.Look) -> None:
    for text in (look.text, look.muted):
        assert contrast(text, look.background) >= 4.5
    for mark in (look.blue, look.amber, look.green, look.vermilion):
        assert contrast(mark, look.background) >= 3


def test_nothing_to_draw_is_none_and_not_an_empty_frame() -> None:
    assert charts.metric_over_time([], [], charts.LIGHT) is None
    assert charts.metric_over_time([at(0, None)], [at(1, None)], charts.LIGHT) is None
    assert charts.dot_and_whisker([], charts.LIGHT) is None
    assert charts.dot_and_whisker([Difference("f1", None, None, None, "inconclusive")], charts.LIGHT) is None
    assert charts.drift_strip([], charts.LIGHT) is None
    assert charts.trend([], charts.LIGHT) is None
    assert charts.bars([], [], charts.LIGHT, title="") is None


def test_measured_and_estimated_differ_by_dash_and_not_by_colour_alone() -> None:
    figure = drawn(charts.metric_over_time([at(0, 0.8), at(1, 0.7)], [at(0, 0.8), at(2, 0.6)], charts.LIGHT))
    dashes = {found.line.dash for found in figure.data if found.mode == "lines+markers"}
    assert dashes == {"solid", "dash"}


def test_a_window_without_a_figure_leaves_a_gap_in_the_points_but_not_in_the_chart() -> None:
    figure = drawn(charts.metric_over_time([at(0, 0.8), at(1, None), at(2, 0.7)], [], charts.LIGHT))
    assert list(trace(figure, "Measured against labels").y) == [0.8, 0.7]


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
    named = {shape.name for shape in figure.layout.shapes if shape.showlegend}
    assert named == {"reference 0.820", "minimum 0.750"}
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
