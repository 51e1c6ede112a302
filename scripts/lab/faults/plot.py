"""A life before it is lived: who comes in each window, what is true about them, what is sent and what is said. Pure.

A plot begins as a quiet life. A scenario then changes one thing from `onset` on; everything else stays as it was drawn,
so the same seed with and without the fault differs by the fault alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from scripts.lab.faults.world import (
    WINDOW_ROWS,
    Columns,
    Floats,
    Population,
    Relation,
    World,
    contract,
    rows_of,
    with_gaps,
)
from scripts.lab.feed import Feed
from scripts.lab.stream import Span, Stream, Windows

TRAIN_ROWS = 3000
ONSET, WINDOWS = 8, 18
DAY = timedelta(days=1)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
# Half of the labels are there after this many hours.
USUAL_WAIT_H = 12.0
USUAL_LATENCY_MS = 12.0


@dataclass(frozen=True)
class Release:
    """An operator puts another version in place. `kind` is known to `cast.py`; it answers `slower` times as slowly."""

    kind: str
    slower: float = 1.0


@dataclass(eq=False)
class Plot:
    """The rows of all windows, one after the other. `columns` is the truth, `sent` what arrives; `odds` are the
    log-odds of the truth; `waits_h` and `lies` are about the labels."""

    world: World
    rng: np.random.Generator
    sizes: list[int]
    onset: int
    columns: Columns
    sent: Columns
    odds: Floats
    luck: Floats
    waits_h: Floats
    lies: NDArray[np.bool_]
    releases: dict[int, Release] = field(default_factory=dict)
    labels_within: timedelta = timedelta(days=3)

    @classmethod
    def quiet(cls, world: World, scenario: int, *, windows: int = WINDOWS, onset: int = ONSET) -> "Plot":
        rng = np.random.default_rng([world.seed, 3, scenario])
        sizes = [int(size) for size in rng.poisson(WINDOW_ROWS, windows)]
        n = sum(sizes)
        columns = world.draw(n, rng)
        return cls(
            world,
            rng,
            sizes,
            onset,
            columns,
            with_gaps(columns, rng),
            world.odds(columns),
            rng.random(n),
            USUAL_WAIT_H * np.exp(rng.normal(0, 0.5, n)),
            np.zeros(n, dtype=np.bool_),
        )

    # ------------------------------------------------------------------------------------------ what a scenario changes

    def rows_in(self, *windows: int) -> NDArray[np.int64]:
        """The rows of some windows; without any, of all from the onset on."""
        starts = np.concatenate([[0], np.cumsum(self.sizes)])
        chosen = windows or range(self.onset, len(self.sizes))
        return np.concatenate([np.arange(starts[at], starts[at + 1]) for at in chosen])

    def come(self, who: Population, *windows: int) -> None:
        """Others come."""
        rows = self.rows_in(*windows)
        self._put(rows, self.world.draw(len(rows), self.rng, who))

    def come_by_class(self, ill: float) -> None:
        """The share of the ill becomes `ill`, and each class is as it was."""
        rows = self.rows_in()
        pool = self.world.draw(12 * len(rows), self.rng)
        truth = self.rng.random(12 * len(rows)) < chance(self.world.odds(pool))
        wanted = self.rng.random(len(rows)) < ill
        chosen = np.empty(len(rows), dtype=np.int64)
        for one in (True, False):
            chosen[wanted == one] = self.rng.choice(np.flatnonzero(truth == one), int((wanted == one).sum()))
        self._put(rows, {name: values[chosen] for name, values in pool.items()})
        shifted = np.log(ill / (1 - ill)) - np.log(truth.mean() / (1 - truth.mean()))
        self.odds[rows] += shifted
        self.luck[rows] = np.where(wanted, 0.0, 1.0)  # drawn already

    def _put(self, rows: NDArray[np.int64], drawn: Columns) -> None:
        gaps = with_gaps(drawn, self.rng)
        for name in self.columns:
            self.columns[name][rows], self.sent[name][rows] = drawn[name], gaps[name]
        self.odds[rows] = self.world.odds(drawn)

    def relate(self, change: Relation, rows: NDArray[np.int64] | None = None) -> None:
        """The same patients become ill for other reasons: log-odds in, log-odds out."""
        rows = self.rows_in() if rows is None else rows
        self.odds[rows] = change({name: values[rows] for name, values in self.columns.items()}, self.odds[rows])

    def send(self, name: str, change: Callable[[NDArray[np.object_]], NDArray[np.object_]], share: float = 1.0) -> None:
        """What arrives in a column is not what was measured, in this share of the rows."""
        rows = self.rows_in()
        rows = rows[self.rng.random(len(rows)) < share]
        self.sent[name][rows] = change(self.sent[name][rows])

    def thin_out(self, share: float) -> None:
        """Only this share of the patients comes."""
        kept = np.ones(sum(self.sizes), dtype=np.bool_)
        starts = np.concatenate([[0], np.cumsum(self.sizes)])
        for at in range(self.onset, len(self.sizes)):
            kept[starts[at] + max(1, round(share * self.sizes[at])) : starts[at + 1]] = False
            self.sizes[at] = max(1, round(share * self.sizes[at]))
        for part in (self.columns, self.sent):
            for name in part:
                part[name] = part[name][kept]
        self.odds, self.luck, self.waits_h, self.lies = (
            self.odds[kept], self.luck[kept], self.waits_h[kept], self.lies[kept],
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------- what it comes to

    @property
    def contract(self) -> ModelContract:
        return contract(labels_within=self.labels_within)

    def chances(self, window: int) -> Floats:
        """How likely each patient of a window is ill: what the best possible answer would know."""
        return chance(self.odds[self.rows_in(window)])

    def stream(self) -> tuple[Stream, Windows, Feed]:
        """The life as the laboratory walks it."""
        labels = (self.luck < chance(self.odds)).astype(np.int64)
        stream = Stream(rows_of(self.sent), labels)
        starts = np.concatenate([[0], np.cumsum(self.sizes)])
        spans = tuple(
            Span(int(starts[at]), int(starts[at + 1]), BEGIN + at * DAY, BEGIN + (at + 1) * DAY)
            for at in range(len(self.sizes))
        )
        came = np.concatenate([[span.when(row).timestamp() for row in range(span.start, span.stop)] for span in spans])
        latencies = USUAL_LATENCY_MS * np.exp(self.rng.normal(0, 0.3, len(labels)))
        feed = Feed(came + 3600 * self.waits_h, np.where(self.lies, 1 - labels, labels), latencies)
        return stream, Windows(0, spans, 1), feed


def chance(odds: Floats) -> Floats:
    """Log-odds as a probability."""
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)
