"""How every figure looks: two palettes, and one registered Plotly template for each.

Reference is grey, current is blue, candidate is amber, and never red against green. A series is told by its dash and
its marker as well as by its colour, so a print without colours and a colour-blind eye read the same chart.
"""

from dataclasses import dataclass

import plotly.graph_objects as go
import plotly.io as pio

# Nothing in a figure is written smaller.
SMALLEST = 12
_FONT = "Source Sans, Source Sans Pro, sans-serif"


@dataclass(frozen=True)
class Stroke:
    """How one series is drawn."""

    colour: str
    dash: str
    symbol: str


@dataclass(frozen=True)
class Look:
    """The colours of one theme."""

    name: str
    background: str
    text: str
    muted: str
    grid: str
    blue: str
    amber: str
    green: str
    vermilion: str
    band: str

    @property
    def template(self) -> str:
        """The name under which Plotly knows this look."""
        return f"steward-{self.name}"

    @property
    def current(self) -> Stroke:
        """What is measured now."""
        return Stroke(self.blue, "solid", "circle")

    @property
    def candidate(self) -> Stroke:
        """What is estimated, or what could be."""
        return Stroke(self.amber, "dash", "diamond")

    @property
    def reference(self) -> Stroke:
        """What was, or what is promised."""
        return Stroke(self.muted, "dot", "x-thin-open")

    @property
    def strokes(self) -> dict[str, Stroke]:
        """All that may meet in one chart."""
        return {"current": self.current, "candidate": self.candidate, "reference": self.reference}


LIGHT = Look(
    name="light",
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
    name="dark",
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


def template_of(colours: Look) -> go.layout.Template:
    """All that figures share. What a figure adds is data, heights, and what its own axes are about."""
    axis = {
        "gridcolor": colours.grid,
        "linecolor": colours.grid,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"color": colours.muted, "size": SMALLEST},
        "title": {"font": {"color": colours.muted, "size": SMALLEST}, "standoff": 8},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "margin": {"l": 8, "r": 12, "t": 28, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [stroke.colour for stroke in colours.strokes.values()],
            "font": {"family": _FONT, "size": 13, "color": colours.text},
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.02,
                "yanchor": "bottom",
                "font": {"color": colours.muted, "size": SMALLEST},
                "itemclick": False,
                "itemdoubleclick": False,
            },
            "hoverlabel": {
                "bgcolor": colours.background,
                "bordercolor": colours.grid,
                "font": {"family": _FONT, "color": colours.text, "size": 13},
            },
            "hovermode": "closest",
            "dragmode": False,
            "bargap": 0.2,
            "xaxis": axis,
            "yaxis": axis,
            "annotationdefaults": {"font": {"color": colours.muted, "size": SMALLEST}, "showarrow": False},
        }
    )


def blank(colours: Look, height: int) -> go.Figure:
    """A figure without data, in this look."""
    return go.Figure(layout={"template": colours.template, "height": height})


for _one in (LIGHT, DARK):
    pio.templates[_one.template] = template_of(_one)
