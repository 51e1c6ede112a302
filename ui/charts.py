"""Data in, figure out, all with one look. No Streamlit here, so every figure can be tested without a browser.

Series are told apart by dash and marker as well as by colour. Every builder answers `None` when there is nothing to
draw: the page then says why, instead of showing an empty frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import plotly.graph_objects as go

from ui import wording


@dataclass(frozen=True)
class Look:
    """The colours of one theme. Reference is grey, current is blue, candidate is amber."""

    background: str
    text: str
    muted: str
    grid: str
    blue: str
    amber: str
    green: str
    vermilion: str
    band: str


LIGHT = Look(
    background="#FFFFFF",
    text="#1B1F24",
    muted="#57606A",
    grid="#E3E8ED",
    blue="#0072B2",
    amber="#9A6A00",
    green="#00735A",
    vermilion="#B84A00",
    band="rgba(0, 114, 178, 0.14)",
)
DARK = Look(
    background="#0E1117",
    text="#E8ECF1",
    muted="#9DA7B3",
    grid="#262D37",
    blue="#56B4E9",
    amber="#E69F00",
    green="#3DDBA4",
    vermilion="#FF8A3D",
    band="rgba(86, 180, 233, 0.18)",
)


def look(theme: str | None) -> Look:
    """The look for the browser's theme; light when it is not known."""
    return DARK if theme == "dark" else LIGHT


@dataclass(frozen=True)
class Point:
    """One figure at one time, with its interval where there is one."""

    at: datetime
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    verdict: str | None = None
    label: str = ""


@dataclass(frozen=True)
class Marker:
    """Something that happened: a deployment, an action."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Difference:
    """One row of a before/after comparison."""

    name: str
    difference: float | None
    low: float | None
    high: float | None
    verdict: str


def _frame(figure: go.Figure, colours: Look, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Source Sans, Source Sans Pro, sans-serif", "size": 13, "color": colours.text},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"color": colours.muted}},
        hoverlabel={"bgcolor": colours.background, "bordercolor": colours.grid, "font": {"color": colours.text}},
        hovermode="closest",
    )
    axis = {
        "gridcolor": colours.grid,
        "linecolor": colours.grid,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"color": colours.muted, "size": 12},
        "title": {"font": {"color": colours.muted, "size": 12}},
        "automargin": True,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure


_SHAPES = {"ok": "circle", "warn": "triangle-up", "crit": "square", "inconclusive": "circle-open"}


def _shapes(points: Sequence[Point]) -> list[str]:
    return [_SHAPES.get(point.verdict or "ok", "circle") for point in points]


def _hover(point: Point) -> str:
    lines = [
        f"{point.label or wording.moment(point.at)}",
        f"{wording.number(point.value)} {wording.interval(point.low, point.high)}",
        f"n = {wording.count(point.n)}",
    ]
    if point.verdict:
        lines.append(point.verdict)
    return "<br>".join(lines)


def _with_line(
    figure: go.Figure, points: Sequence[Point], name: str, colour: str, *, dash: str = "solid", size: int = 9
) -> None:
    shown = [point for point in points if point.value is not None]
    figure.add_trace(
        go.Scatter(
            x=[point.at for point in shown],
            y=[point.value for point in shown],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2, "dash": dash},
            marker={"size": size, "symbol": _shapes(shown), "color": colour, "line": {"width": 1.5, "color": colour}},
            cliponaxis=False,
            hovertext=[_hover(point) for point in shown],
            hoverinfo="text",
        )
    )


def _with_band(figure: go.Figure, points: Sequence[Point], colours: Look) -> None:
    whole = [point for point in points if point.low is not None and point.high is not None]
    if len(whole) < 2:
        for point in whole:
            figure.add_trace(
                go.Scatter(
                    x=[point.at, point.at],
                    y=[point.low, point.high],
                    mode="lines",
                    line={"color": colours.blue, "width": 1.5},
                    hoverinfo="skip",
                    showlegend=False,
                )
            )
        return
    figure.add_trace(
        go.Scatter(
            x=[point.at for point in whole] + [point.at for point in reversed(whole)],
            y=[point.high for point in whole] + [point.low for point in reversed(whole)],
            mode="lines",
            fill="toself",
            fillcolor=colours.band,
            line={"width": 0},
            hoverinfo="skip",
            name="95 % interval",
        )
    )


def _with_markers(figure: go.Figure, markers: Sequence[Marker], colours: Look) -> None:
    for marker in markers:
        figure.add_vline(x=marker.at, line={"color": colours.muted, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=marker.at,
            y=1,
            yref="paper",
            yanchor="top",
            xanchor="left",
            text=f" {marker.text}",
            showarrow=False,
            font={"size": 12, "color": colours.muted},
        )


def metric_over_time(
    realised: Sequence[Point],
    estimated: Sequence[Point],
    colours: Look,
    *,
    reference: float | None = None,
    minimum: float | None = None,
    markers: Sequence[Marker] = (),
    height: int = 340,
) -> go.Figure | None:
    """A metric window by window: measured with its interval, estimated dashed, and the lines it is held against."""
    if not any(point.value is not None for point in (*realised, *estimated)):
        return None
    figure = go.Figure()
    _with_band(figure, realised, colours)
    if realised:
        _with_line(figure, realised, "Measured against labels", colours.blue)
    if estimated:
        _with_line(figure, estimated, "Estimated, no labels needed", colours.amber, dash="dash")
    for value, text, dash in ((reference, "reference", "dash"), (minimum, "minimum", "dot")):
        if value is not None:
            figure.add_hline(
                y=value,
                line={"color": colours.muted, "width": 1.5, "dash": dash},
                name=f"{text} {wording.number(value)}",
                showlegend=True,
            )
    _with_markers(figure, markers, colours)
    return _frame(figure, colours, height)


def dot_and_whisker(rows: Sequence[Difference], colours: Look) -> go.Figure | None:
    """Each difference with its interval against a line at zero. An interval that crosses zero is drawn hollow."""
    shown = [row for row in rows if row.difference is not None]
    if not shown:
        return None
    paint = {"better": colours.green, "worse": colours.vermilion}
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": colours.muted, "width": 1.5})
    for row in reversed(shown):
        colour = paint.get(row.verdict, colours.muted)
        symbol = {"better": "diamond", "worse": "square"}.get(row.verdict, "circle-open")
        value = row.difference or 0.0
        low = row.low if row.low is not None else value
        high = row.high if row.high is not None else value
        spread = wording.interval(low, high, sign=True)
        figure.add_trace(
            go.Scatter(
                x=[value],
                y=[row.name],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - value],
                    "arrayminus": [value - low],
                    "color": colour,
                    "thickness": 2,
                    "width": 5,
                },
                mode="markers",
                marker={"size": 11, "symbol": symbol, "color": colour, "line": {"width": 2, "color": colour}},
                hovertext=f"{row.name}: {wording.signed(value)} {spread}, {row.verdict}",
                hoverinfo="text",
                showlegend=False,
            )
        )
    figure.update_xaxes(title_text="difference, new minus serving (95 % interval)")
    return _frame(figure, colours, 92 + 34 * len(shown))


@dataclass(frozen=True)
class Cell:
    """One feature in one window of the drift strip."""

    feature: str
    window: str
    score: float | None
    verdict: str


_LEVELS = {"inconclusive": 0, "ok": 1, "warn": 2, "crit": 3}
_MARKS = {"inconclusive": "○", "ok": "", "warn": "▲", "crit": "■"}


def drift_strip(cells: Sequence[Cell], colours: Look) -> go.Figure | None:
    """Features down, windows across: how loud each one is, marked by shape where it counts as drifted."""
    if not cells:
        return None
    windows = list(dict.fromkeys(cell.window for cell in cells))
    features = list(dict.fromkeys(cell.feature for cell in cells))
    by_place = {(cell.feature, cell.window): cell for cell in cells}
    grid = [[by_place.get((feature, window)) for window in windows] for feature in features]
    levels = [colours.background, colours.grid, colours.amber, colours.vermilion]
    scale = [[edge, levels[step]] for step in range(4) for edge in (step / 4, (step + 1) / 4)]
    figure = go.Figure(
        go.Heatmap(
            x=windows,
            y=features,
            z=[[_LEVELS.get(cell.verdict, 0) if cell else None for cell in row] for row in grid],
            zmin=-0.5,
            zmax=3.5,
            colorscale=scale,
            showscale=False,
            xgap=3,
            ygap=3,
            text=[[_MARKS.get(cell.verdict, "○") if cell else "" for cell in row] for row in grid],
            texttemplate="%{text}",
            textfont={"color": colours.background, "size": 13},
            customdata=[[wording.number(cell.score) if cell else wording.NOTHING for cell in row] for row in grid],
            hovertemplate="%{y} · window %{x}<br>score %{customdata}<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", side="bottom", title_text="window", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return _frame(figure, colours, 90 + 26 * len(features))


def trend(
    points: Sequence[Point], colours: Look, *, markers: Sequence[Marker] = (), height: int = 190
) -> go.Figure | None:
    """One small line of the trends page."""
    if not any(point.value is not None for point in points):
        return None
    figure = go.Figure()
    _with_band(figure, points, colours)
    _with_line(figure, points, "", colours.blue, size=5)
    _with_markers(figure, markers, colours)
    figure.update_layout(showlegend=False)
    figure = _frame(figure, colours, height)
    figure.update_layout(margin={"l": 8, "r": 12, "t": 6, "b": 4})
    return figure


def bars(names: Sequence[str], values: Sequence[float], colours: Look, *, title: str) -> go.Figure | None:
    """Lengths side by side, the largest on top; for shares and influences."""
    if not names:
        return None
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=list(names),
            orientation="h",
            marker={"color": colours.blue},
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text=title)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return _frame(figure, colours, 80 + 24 * len(names))
