"""Small charts on one time axis."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

import plotly.graph_objects as go

from ui import wording
from ui.charts.look import Look, blank
from ui.charts.series import Marker, Point, clock, time_axis, with_band, with_line, with_markers

_DENSE = 40  # with more points than these, marks would hide the line


def trend(
    points: Sequence[Point],
    colours: Look,
    *,
    before: Sequence[Point] = (),
    reference: float | None = None,
    markers: Sequence[Marker] = (),
    span: tuple[datetime, datetime] | None = None,
    bars_of: timedelta | None = None,
    scale: Literal["number", "share", "whole"] = "number",
    height: int = 170,
) -> go.Figure | None:
    """One small chart. `before`: the same of the period before, moved onto this one, grey and dotted; `bars_of`: how
    long a slice is that is drawn as a bar; `scale`: shares are told in percent, those of a whole from 0 to 100."""
    known = [point for point in points if point.value is not None]
    if not known:
        return None
    figure = blank(colours, height)
    if any(point.value is not None for point in before):
        with_line(figure, before, "", colours.reference, marks=False)
    if bars_of is not None:
        _with_bars(figure, known, colours, bars_of)
    else:
        with_band(figure, points, colours)
        judged = any(point.verdict not in {None, "ok"} for point in known)
        with_line(figure, points, "", colours.current, size=6, marks=judged or len(known) <= _DENSE)
    if reference is not None:
        figure.add_hline(y=reference, line={"color": colours.muted, "width": 1.5, "dash": "dash"})
    begins, ends = span or (known[0].at, known[-1].at)
    with_markers(figure, [one for one in markers if begins <= one.at <= ends], colours, words=False)
    air = (ends - begins) / 40
    time_axis(figure, begins - air, ends + air, titled=False)
    figure.update_xaxes(nticks=4)
    figure.update_yaxes(nticks=4, rangemode="normal" if bars_of is None else "tozero")
    if scale != "number":
        figure.update_yaxes(tickformat=".0%", range=[0, 1.05] if scale == "whole" else None)
    figure.update_layout(showlegend=False, margin={"t": 8, "b": 4})
    return figure


def _with_bars(figure: go.Figure, points: Sequence[Point], colours: Look, slice_of: timedelta) -> None:
    figure.add_trace(
        go.Bar(
            x=[clock(point.at + slice_of / 2) for point in points],
            width=0.9 * (slice_of / timedelta(milliseconds=1)),
            y=[point.value for point in points],
            marker={"color": colours.blue, "line": {"width": 0}},
            hovertext=[f"{wording.moment(point.at)}<br>{wording.number(point.value, 0)}" for point in points],
            hoverinfo="text",
        )
    )


def wrong_answers(
    found: Sequence[Point], expected: Sequence[Point], colours: Look, *, unit: str, height: int = 260
) -> go.Figure | None:
    """What wrong answers cost in each slice, as bars; as hollow frames, what they would at the rate of training."""
    known = [point for point in found if point.value is not None]
    if not known:
        return None
    figure, slice_ms = blank(colours, height), _step(known) / timedelta(milliseconds=1)
    for points, name, width, marker in (
        (known, "found", 0.5, {"color": colours.blue}),
        (
            expected,
            "at training's rate",
            0.85,
            {"color": "rgba(0,0,0,0)", "line": {"color": colours.muted, "width": 2}},
        ),
    ):
        figure.add_trace(
            go.Bar(
                x=[clock(point.at) for point in points],
                y=[point.value for point in points],
                name=name,
                width=width * slice_ms,
                marker=marker,
                hovertext=[
                    f"{wording.moment(point.at)}<br>{name}: {wording.number(point.value, 1)} {unit}"
                    f"<br>n = {wording.count(point.n)}"
                    for point in points
                ],
                hoverinfo="text",
            )
        )
    figure.update_layout(barmode="overlay")
    time_axis(figure, known[0].at - _step(known) / 2, known[-1].at + _step(known) / 2)
    figure.update_yaxes(title_text=unit, rangemode="tozero", nticks=5)
    return figure


def _step(points: Sequence[Point]) -> timedelta:
    """How long a slice is."""
    return min((later.at - one.at for one, later in pairwise(points)), default=timedelta(minutes=1))
