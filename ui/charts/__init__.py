"""Data in, figure out, all with one look. No Streamlit here, so every figure can be tested without a browser.

Every builder is pure and answers `None` when there is nothing to draw: the page then says why, instead of showing an
empty frame. How everything looks is said once, in the template of `look`; which series is which, in its strokes.
"""

from ui.charts.bars import bars
from ui.charts.confusion import Answers, confusion
from ui.charts.differences import Difference, dot_and_whisker
from ui.charts.drift import Cell, drift_strip
from ui.charts.histogram import Bin, overlaid
from ui.charts.look import DARK, LIGHT, Look, Stroke, look
from ui.charts.metric import metric_over_time
from ui.charts.reliability import ReliabilityBin, reliability
from ui.charts.series import Marker, Point, picked
from ui.charts.spark import spark
from ui.charts.trend import trend, wrong_answers

__all__ = [
    "DARK",
    "LIGHT",
    "Answers",
    "Bin",
    "Cell",
    "Difference",
    "Look",
    "Marker",
    "Point",
    "ReliabilityBin",
    "Stroke",
    "bars",
    "confusion",
    "dot_and_whisker",
    "drift_strip",
    "look",
    "metric_over_time",
    "overlaid",
    "picked",
    "reliability",
    "spark",
    "trend",
    "wrong_answers",
]
