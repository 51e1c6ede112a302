"""How a stream's labels reach the platform, and how long its answers take. Pure.

The truth about a row (`Stream.labels`) keeps the score. What is said about it, and when, is another matter: a label may
be late, never come, or be wrong.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.lab.stream import Stream, Windows


@dataclass(frozen=True, eq=False)
class Feed:
    """Row by row: when its label comes (seconds since the epoch, infinite for never), what it says, and how many
    milliseconds the answer takes."""

    known_at: NDArray[np.float64]
    said: NDArray[np.int64]
    latencies_ms: NDArray[np.float64]

    @classmethod
    def of(cls, stream: Stream, windows: Windows) -> "Feed":
        """True labels that all come when the window that is `label_delay` later closes."""
        known = np.full(len(stream), np.inf)
        known[: windows.train_rows] = -np.inf
        for at, span in enumerate(windows.spans):
            if at + windows.label_delay < len(windows.spans):
                known[span.start : span.stop] = windows.spans[at + windows.label_delay].to_at.timestamp()
        return cls(known, stream.labels, np.zeros(len(stream)))
