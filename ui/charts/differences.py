"""Before and after, as dots and whiskers."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from ui import wording
from ui.charts.look import Look, blank


@dataclass(frozen=True)
class Difference:
    """One row of a before/after comparison."""

    name: str
    difference: float | None
    low: float | None
    high: float | None
    verdict: str


def dot_and_whisker(rows: Sequence[Difference], colours: Look) -> go.Figure | None:
    """Each difference with its interval against a line at zero. An interval that crosses zero is drawn hollow."""
    shown = [row for row in rows if row.difference is not None]
    if not shown:
        return None
    paint = {"better": colours.green, "worse": colours.vermilion}
    figure = blank(colours, 92 + 34 * len(shown))
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
    return figure
