"""A metric window by window, with what it is held against and how much of each window was labelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ui import wording
from ui.charts.look import Look
from ui.charts.series import Marker, Point, clock, time_axis, with_band, with_line, with_markers

_COVERAGE, _MAIN = 2, 1


@dataclass(frozen=True)
class _Line:
    """A level the metric is held against."""

    value: float | None
    text: str
    dash: str


def metric_over_time(
    realised: Sequence[Point],
    estimated: Sequence[Point],
    colours: Look,
    *,
    reference: float | None = None,
    minimum: float | None = None,
    markers: Sequence[Marker] = (),
    coverage: Sequence[Point] = (),
    height: int = 340,
) -> go.Figure | None:
    """Measured with its interval, estimated dashed, the lines it is held against; below, the share of each window's
    rows that has a label."""
    known = [point for point in (*realised, *estimated) if point.value is not None]
    if not known:
        return None
    figure = make_subplots(
        rows=2 if coverage else 1,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.82, 0.18] if coverage else None,
    )
    figure.update_layout(template=colours.template, height=height + (70 if coverage else 0))
    place = {"row": _MAIN, "col": 1}
    with_band(figure, realised, colours, place=place)
    if any(point.value is not None for point in realised):
        with_line(figure, realised, "measured", colours.current, place=place)
    if any(point.value is not None for point in estimated):
        with_line(figure, estimated, "estimated, without labels", colours.candidate, place=place)
    for line in (_Line(reference, "reference", "dash"), _Line(minimum, "floor", "dot")):
        _with_level(figure, line, colours)
    begins, ends = _span(known)
    shown = [marker for marker in markers if begins <= marker.at <= ends]
    with_markers(figure, shown, colours, rows=[_MAIN])
    if shown:
        figure.update_layout(margin={"t": 44}, legend={"y": 1.09})
    if coverage:
        _with_coverage(figure, coverage, colours)
    time_axis(figure, begins, ends, titled=False, row=_MAIN, col=1)
    time_axis(figure, begins, ends, row=_COVERAGE if coverage else _MAIN, col=1)
    return figure


def _span(points: Sequence[Point]) -> tuple[datetime, datetime]:
    """From the first to the last point, with some air on both sides."""
    first, last = min(point.at for point in points), max(point.at for point in points)
    air = max((last - first) * 0.03, timedelta(seconds=1))
    return first - air, last + air


def _with_level(figure: go.Figure, line: _Line, colours: Look) -> None:
    if line.value is None:
        return
    figure.add_hline(
        y=line.value,
        line={"color": colours.muted, "width": 1.5, "dash": line.dash},
        name=f"{line.text} {wording.number(line.value)}",
        showlegend=True,
        row=_MAIN,
        col=1,
    )


def _with_coverage(figure: go.Figure, coverage: Sequence[Point], colours: Look) -> None:
    """Thin bars: how much of a window was labelled when it was looked at last."""
    for point in coverage:
        figure.add_trace(
            go.Scatter(
                x=[clock(point.at)] * 2,
                y=[0, point.value],
                mode="lines",
                line={"color": colours.muted, "width": 5},
                hovertext=f"{point.label}<br>{wording.percent(point.value, 0)} of {wording.count(point.n)} labelled",
                hoverinfo="text",
                showlegend=False,
            ),
            row=_COVERAGE,
            col=1,
        )
    figure.update_yaxes(
        range=[0, 1.05], tickvals=[0, 1], ticktext=["0 %", "100 %"], title_text="labelled", row=_COVERAGE, col=1
    )
