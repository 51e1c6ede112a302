"""A made stream as a CSV, so that anybody can repeat a backtest: `python -m scripts.lab.made_stream agrawal FILE`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from scripts.lab.generators import Made, agrawal, hyperplane, sea

_DRIFTS = (0.4, 0.6, 0.8)


class Kind(StrEnum):
    """The streams there are (`scripts.lab.generators`)."""

    SEA = "sea"
    HYPERPLANE = "hyperplane"
    AGRAWAL = "agrawal"


def made(kind: Kind, rows: int, seed: int) -> Made:
    """The stream, with sudden changes after 40, 60 and 80 % of its rows."""
    drift_at = tuple(round(share * rows) for share in _DRIFTS)
    if kind is Kind.SEA:
        return sea(rows, seed, drift_at=drift_at)
    if kind is Kind.HYPERPLANE:
        return hyperplane(rows, seed, drift_at=drift_at)
    return agrawal(rows, seed, drift_at=drift_at)


def write(
    kind: Annotated[Kind, typer.Argument(help="which stream")],
    file: Annotated[Path, typer.Argument(help="the CSV to write; its target column is `y`")],
    rows: Annotated[int, typer.Option(min=1000)] = 20_000,
    seed: Annotated[int, typer.Option()] = 101,
) -> None:
    """Write a made stream whose relation changes three times."""
    stream = made(kind, rows, seed).stream
    frame = pd.DataFrame(list(stream.rows))
    frame["y"] = ["yes" if label else "no" for label in stream.labels]
    frame.to_csv(file, index=False)


if __name__ == "__main__":
    typer.run(write)
