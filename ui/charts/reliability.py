"""Whether a score of 0.7 comes true in seven of ten."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ui import wording
from ui.charts.look import Look


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows whose score lies in [low, high): what was promised on average, and what came true."""

    low: float
    high: float
    n: int
    promised: float
    came_true: float
    came_low: float
    came_high: float


def reliability(bins: Sequence[ReliabilityBin], colours: Look, *, height: int = 400) -> go.Figure | None:
    """What came true against what was promised, with 95 % intervals and the rows of each bin below it. On the dotted
    line scores mean what they say."""
    shown = [one for one in bins if one.n]
    if not shown:
        return None
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.76, 0.24])
    figure.update_layout(template=colours.template, height=height)
    figure.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name="as promised",
            line={"color": colours.muted, "width": 1.5, "dash": colours.reference.dash},
            hoverinfo="skip",
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Scatter(
            x=[one.promised for one in shown],
            y=[one.came_true for one in shown],
            mode="markers+lines",
            name="came true",
            line={"color": colours.blue, "width": 2},
            marker={"color": colours.blue, "size": 9},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [one.came_high - one.came_true for one in shown],
                "arrayminus": [one.came_true - one.came_low for one in shown],
                "color": colours.blue,
                "thickness": 1.5,
                "width": 4,
            },
            hovertext=[
                f"scores {wording.number(one.low, 1)} to {wording.number(one.high, 1)}, n = {wording.count(one.n)}"
                f"<br>promised {wording.percent(one.promised)}, came true {wording.percent(one.came_true)} "
                f"[{wording.percent(one.came_low, 0)}, {wording.percent(one.came_high, 0)}]"
                for one in shown
            ],
            hoverinfo="text",
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Bar(
            x=[(one.low + one.high) / 2 for one in bins],
            y=[one.n for one in bins],
            width=0.08,
            marker={"color": colours.muted},
            showlegend=False,
            hovertext=[f"n = {wording.count(one.n)}" for one in bins],
            hoverinfo="text",
        ),
        row=2,
        col=1,
    )
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_xaxes(title_text="score: what was promised", row=2, col=1)
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%", title_text="came true", row=1, col=1)
    figure.update_yaxes(title_text="rows", nticks=3, rangemode="tozero", row=2, col=1)
    return figure
