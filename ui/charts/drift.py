"""Which feature moved in which window, as a strip of squares."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from ui import wording
from ui.charts.look import Look, blank


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
    figure = blank(colours, 84 + 26 * len(features))
    figure.add_trace(
        go.Heatmap(
            x=windows,
            y=[_short(feature) for feature in features],
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
            customdata=[
                [f"{feature}<br>score {wording.number(cell.score) if cell else wording.NOTHING}" for cell in row]
                for feature, row in zip(features, grid, strict=True)
            ],
            hovertemplate="window %{x}<br>%{customdata}<extra></extra>",
        )
    )
    figure.update_xaxes(type="category", side="bottom", title_text="window", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


# On a small screen the names would leave no room for what they name; the table has them whole.
_LONGEST = 24


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1].rstrip() + "…"
