"""Answers against the truth, as four squares."""

from dataclasses import dataclass

import plotly.graph_objects as go

from ui import wording
from ui.charts.look import Look, blank


@dataclass(frozen=True)
class Answers:
    """Right and wrong answers; positive is the class called 1."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def n(self) -> int:
        return self.true_positive + self.false_positive + self.true_negative + self.false_negative


def confusion(
    found: Answers, colours: Look, *, positive: str = "positive", negative: str = "negative"
) -> go.Figure | None:
    """Right ones are blue and marked ✓, wrong ones vermilion and marked ✕; the more rows, the stronger."""
    if not found.n:
        return None
    grid = [[found.true_positive, found.false_negative], [found.false_positive, found.true_negative]]
    right = [[True, False], [False, True]]
    figure = blank(colours, 240)
    for row in range(2):
        for column in range(2):
            n, ok = grid[row][column], right[row][column]
            share = n / found.n
            figure.add_shape(
                type="rect",
                x0=column - 0.48,
                x1=column + 0.48,
                y0=row - 0.47,
                y1=row + 0.47,
                line={
                    "color": colours.blue if ok else colours.vermilion,
                    "width": 1.5,
                    "dash": "solid" if ok else "dot",
                },
                fillcolor=colours.blue if ok else colours.vermilion,
                opacity=0.10 + 0.25 * share,
                layer="below",
            )
            figure.add_annotation(
                x=column,
                y=row,
                text=f"{'✓' if ok else '✕'} <b>{wording.count(n)}</b><br>{wording.percent(share, 0)}",
                font={"size": 15, "color": colours.text},
            )
    figure.update_xaxes(
        range=[-0.5, 1.5],
        tickvals=[0, 1],
        ticktext=[f"answered {positive}", f"answered {negative}"],
        showgrid=False,
        side="top",
    )
    figure.update_yaxes(
        range=[1.5, -0.5], tickvals=[0, 1], ticktext=[f"truly {positive}", f"truly {negative}"], showgrid=False
    )
    return figure
