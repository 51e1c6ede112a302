"""What lines over time are made of: points with intervals, lines, bands, and marks of what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import plotly.graph_objects as go

from ui import wording, zones
from ui.charts.look import SMALLEST, Look, Stroke


@dataclass(frozen=True)
class Point:
    """One figure at one time, with its interval where there is one. `pick`: what a click on it chooses."""

    at: datetime
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    verdict: str | None = None
    label: str = ""
    pick: int | None = None


@dataclass(frozen=True)
class Marker:
    """Something that happened: another version began to serve, an incident began, an action took effect."""

    at: datetime
    text: str
    kind: str = "deployment"


def clock(at: datetime) -> datetime:
    """A moment as an axis shows it: the hands of the chosen zone's clock. Plotly knows no zones, so it is told none."""
    return zones.here(at).replace(tzinfo=None)


def time_axis(figure: go.Figure, begins: datetime, ends: datetime, *, titled: bool = True, **place: Any) -> None:
    """The axis of a span, in the chosen zone, whose name stands below it."""
    figure.update_xaxes(
        type="date",
        range=[clock(begins), clock(ends)],
        title_text=f"time, {zones.label(ends)}" if titled else None,
        nticks=5,
        tickangle=0,
        **place,
    )


_SHAPES = {"warn": "triangle-up", "crit": "square", "inconclusive": "circle-open"}


def _symbols(points: Sequence[Point], stroke: Stroke) -> list[str]:
    return [_SHAPES.get(point.verdict or "ok", stroke.symbol) for point in points]


def hover(point: Point) -> str:
    """What a point says when it is pointed at."""
    lines = [point.label or wording.moment(point.at)]
    spread = wording.interval(point.low, point.high)
    lines.append(wording.number(point.value) + ("" if spread == wording.NOTHING else f" {spread}"))
    if point.n is not None:
        lines.append(f"n = {wording.count(point.n)}")
    if point.verdict:
        lines.append(point.verdict)
    return "<br>".join(lines)


def with_line(
    figure: go.Figure,
    points: Sequence[Point],
    name: str,
    stroke: Stroke,
    *,
    size: int = 9,
    marks: bool = True,
    place: Mapping[str, Any] | None = None,
) -> None:
    """A line through the points that have a value; each is marked by what was judged of it."""
    shown = [point for point in points if point.value is not None]
    figure.add_trace(
        go.Scatter(
            x=[clock(point.at) for point in shown],
            y=[point.value for point in shown],
            name=name,
            mode="lines+markers" if marks or len(shown) == 1 else "lines",
            line={"color": stroke.colour, "width": 2, "dash": stroke.dash},
            marker={
                "size": size,
                "symbol": _symbols(shown, stroke),
                "color": stroke.colour,
                "line": {"width": 1.5, "color": stroke.colour},
            },
            cliponaxis=False,
            hovertext=[hover(point) for point in shown],
            hoverinfo="text",
            customdata=[point.pick for point in shown],
            showlegend=bool(name),
        ),
        **(place or {}),
    )


def with_band(
    figure: go.Figure, points: Sequence[Point], colours: Look, *, place: Mapping[str, Any] | None = None
) -> None:
    """The 95 % intervals as a band; of one point alone, as a whisker."""
    whole = [point for point in points if point.low is not None and point.high is not None]
    if len(whole) == 1:
        (point,) = whole
        figure.add_trace(
            go.Scatter(
                x=[clock(point.at)] * 2,
                y=[point.low, point.high],
                mode="lines",
                line={"color": colours.blue, "width": 1.5},
                hoverinfo="skip",
                showlegend=False,
            ),
            **(place or {}),
        )
    elif whole:
        figure.add_trace(
            go.Scatter(
                x=[clock(point.at) for point in (*whole, *reversed(whole))],
                y=[point.high for point in whole] + [point.low for point in reversed(whole)],
                mode="lines",
                fill="toself",
                fillcolor=colours.band,
                line={"width": 0},
                hoverinfo="skip",
                name="95 % interval",
            ),
            **(place or {}),
        )


_KINDS = {"deployment": ("dot", ""), "incident": ("solid", "▲ "), "action": ("dash", "◆ ")}


def with_markers(
    figure: go.Figure, markers: Sequence[Marker], colours: Look, *, words: bool = True, rows: Sequence[int] = ()
) -> None:
    """A thin line where something happened, with its words on top; those that would lie over each other say how many
    they are."""
    for marker in markers:
        dash, _ = _KINDS.get(marker.kind, _KINDS["deployment"])
        colour = colours.vermilion if marker.kind == "incident" else colours.muted
        for row in rows or (None,):
            place = {} if row is None else {"row": row, "col": 1}
            figure.add_vline(x=clock(marker.at), line={"color": colour, "width": 1, "dash": dash}, **place)
    if not words or not markers:
        return
    for at, text in _in_words(markers):
        figure.add_annotation(
            x=clock(at), y=1, yref="paper", yanchor="bottom", xanchor="center", text=text, font={"size": SMALLEST}
        )


def _in_words(markers: Sequence[Marker]) -> list[tuple[datetime, str]]:
    """Markers that stand closer than a tenth of their span share one text."""
    ordered = sorted(markers, key=lambda marker: marker.at)
    near = (ordered[-1].at - ordered[0].at) / 10
    groups: list[list[Marker]] = []
    for marker in ordered:
        if groups and marker.at - groups[-1][0].at <= near:
            groups[-1].append(marker)
        else:
            groups.append([marker])
    told = []
    for group in groups:
        texts = list(dict.fromkeys(_KINDS.get(one.kind, ("", ""))[1] + one.text for one in group))
        told.append((group[0].at, texts[0] if len(texts) == 1 else f"{texts[0]} +{len(texts) - 1}"))
    return told


def picked(event: Any) -> int | None:
    """What was chosen by a click on a point; None when nothing is."""
    selection = getattr(event, "selection", None) or {}
    for point in selection.get("points") or ():
        found = point.get("customdata")
        found = found[0] if isinstance(found, list | tuple) and found else found
        if isinstance(found, int):
            return found
    return None
