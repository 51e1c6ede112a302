"""The palettes can be read by everybody: on paper without colours, by who sees no red and green, in both themes."""

from itertools import combinations
from typing import Any

import numpy as np
import plotly.io as pio
import pytest

from ui import charts
from ui.charts.look import SMALLEST, Look, Stroke

LOOKS = pytest.mark.parametrize("look", [charts.LIGHT, charts.DARK], ids=["light", "dark"])
# Deuteranopia on linear sRGB: Machado, Oliveira, Fernandes 2009, severity 1.0.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
SRGB_TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip # noqa: E501
D65 = np.array([0.95047, 1.0, 1.08883])


def linear(colour: str) -> Any:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    bright = sorted((float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other)), reverse=True)
    return (bright[0] + 0.05) / (bright[1] + 0.05)


def lab(rgb: Any) -> Any:
    ratio = SRGB_TO_XYZ @ np.clip(rgb, 0, 1) / D65
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, *, seen: Any = None) -> float:
    """CIE76 between two colours, as somebody sees them."""
    through = np.eye(3) if seen is None else seen
    return float(np.linalg.norm(lab(through @ linear(one)) - lab(through @ linear(other))))


def greys(one: str, other: str) -> float:
    """How far apart two colours lie on paper without colours."""
    luminance = np.tile([0.2126, 0.7152, 0.0722], (3, 1))
    return distance(one, other, seen=luminance)


def told_apart(one: Stroke, other: Stroke, apart: float) -> bool:
    return apart >= 10 or (one.dash != other.dash and one.symbol != other.symbol)


def test_the_yardsticks_are_right() -> None:
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#FFFFFF", "#0072B2") == pytest.approx(5.2, abs=0.05)
    assert distance("#FFFFFF", "#000000") == pytest.approx(100, abs=0.1)
    red, green = "#C80000", "#645000"
    assert distance(red, green, seen=DEUTERANOPIA) < distance(red, green) / 2, "they are hardly told apart"


@LOOKS
def test_text_has_contrast_four_and_a_half_and_marks_have_three(look: Look) -> None:
    for text in (look.text, look.muted):
        assert contrast(text, look.background) >= 4.5
    for mark in (look.blue, look.amber, look.green, look.vermilion, look.muted):
        assert contrast(mark, look.background) >= 3


@LOOKS
def test_a_mark_on_a_square_of_the_strip_is_read(look: Look) -> None:
    for square in (look.amber, look.vermilion):
        assert contrast(look.background, square) >= 4.5


@LOOKS
def test_every_pair_of_series_is_told_apart_without_red_and_green_and_without_colours(look: Look) -> None:
    for one, other in combinations(look.strokes.values(), 2):
        assert told_apart(one, other, distance(one.colour, other.colour, seen=DEUTERANOPIA))
        assert told_apart(one, other, greys(one.colour, other.colour))
        assert one.dash != other.dash, "dashes alone tell them apart as well"
        assert one.symbol != other.symbol


@LOOKS
def test_a_theme_is_one_registered_template_and_writes_nothing_small(look: Look) -> None:
    template = pio.templates[look.template].layout
    sizes = [template.font.size, template.legend.font.size, template.hoverlabel.font.size]
    sizes += [axis.tickfont.size for axis in (template.xaxis, template.yaxis)]
    sizes += [axis.title.font.size for axis in (template.xaxis, template.yaxis)]
    assert min(sizes) >= SMALLEST >= 11
    assert template.colorway == tuple(stroke.colour for stroke in look.strokes.values())
