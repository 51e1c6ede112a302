"""Pictures of a candidate for the experiment log, as PNG bytes. Drawn without a display and without global state."""

import io
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.evaluator import Scored, calibration_curve, confusion, roc_curve

_SIZE, _DPI = (4.5, 4.0), 100


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _axes(title: str, x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def confusion_matrix(labels: NDArray[Any], scored: Scored, negative: str, positive: str) -> bytes:
    cells = confusion(labels, scored.answers)
    figure, axes = _axes("Confusion matrix, out of fold", "answer", "truth")
    table = [[cells.tn, cells.fp], [cells.fn, cells.tp]]
    axes.imshow(table, cmap="Blues")
    for row, line in enumerate(table):
        for column, count in enumerate(line):
            colour = "white" if count > max(map(max, table)) / 2 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=14)
    axes.set_xticks([0, 1], [negative, positive])
    axes.set_yticks([0, 1], [negative, positive])
    return _png(figure)


def roc(labels: NDArray[Any], scored: Scored) -> bytes:
    figure, axes = _axes("ROC, out of fold", "false positive rate", "true positive rate")
    if (curve := roc_curve(labels, scored.probabilities)) is not None:
        axes.plot(*curve)
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    return _png(figure)


def calibration(labels: NDArray[Any], scored: Scored) -> bytes:
    figure, axes = _axes("Calibration, out of fold", "said on average", "came true")
    bins = calibration_curve(labels, scored.probabilities)
    axes.plot([b.said for b in bins], [b.came_true for b in bins], marker="o")
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    return _png(figure)


def feature_importance(influence: Mapping[str, float]) -> bytes:
    figure, axes = _axes("What the model's knowledge hangs on", "share (permutation)", "")
    ordered = sorted(influence.items(), key=lambda item: item[1])
    axes.barh([name for name, _ in ordered], [share for _, share in ordered])
    return _png(figure)
