"""One feature then and now: the share of rows in each bin, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from ui import wording
from ui.charts.look import Look, blank


@dataclass(frozen=True)
class Bin:
    """A bin or a category: its share of the reference and of the window, and the window's rows in it."""

    name: str
    reference: float
    current: float
    rows: int


def overlaid(bins: Sequence[Bin], colours: Look, *, title: str, height: int = 320) -> go.Figure | None:
    """The reference as hollow grey bars, the window as blue ones in front: where blue stands out of the frame there is
    more of it than there was."""
    if not bins or not any(one.reference or one.current for one in bins):
        return None
    names = [one.name for one in bins]
    figure = blank(colours, height)
    figure.add_trace(
        go.Bar(
            x=names,
            y=[one.current for one in bins],
            name="this window",
            width=0.5,
            marker={"color": colours.blue},
            hovertext=[
                f"{one.name}<br>now {wording.percent(one.current)} ({wording.count(one.rows)} rows)" for one in bins
            ],
            hoverinfo="text",
        )
    )
    figure.add_trace(
        go.Bar(
            x=names,
            y=[one.reference for one in bins],
            name="reference",
            width=0.85,
            marker={"color": "rgba(0,0,0,0)", "line": {"color": colours.muted, "width": 2}},
            hovertext=[f"{one.name}<br>reference {wording.percent(one.reference)}" for one in bins],
            hoverinfo="text",
        )
    )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(type="category", title_text=title, showgrid=False)
    figure.update_yaxes(title_text="share of rows", tickformat=".0%", rangemode="tozero")
    return figure
