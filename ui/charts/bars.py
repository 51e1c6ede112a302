"""Lengths side by side."""

from collections.abc import Sequence

import plotly.graph_objects as go

from ui.charts.look import Look, blank


def bars(names: Sequence[str], values: Sequence[float], colours: Look, *, title: str) -> go.Figure | None:
    """The largest on top; for shares and influences."""
    if not names:
        return None
    figure = blank(colours, 80 + 24 * len(names))
    figure.add_trace(
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
    return figure
