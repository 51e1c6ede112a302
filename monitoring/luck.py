"""How often luck alone makes two groups of rows differ as much as they do. Pure."""

import numpy as np


def more_hits(hits: int, n: int, others_hits: int, others_n: int) -> float:
    """How often `n` rows drawn from both groups hold at least so many hits (Fisher's exact test, one-sided)."""
    every_hit, every = hits + others_hits, n + others_n
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, every + 1)))])
    taken = np.arange(hits, min(n, every_hit) + 1)
    chances = (
        logs[every_hit] - logs[taken] - logs[every_hit - taken]
        + logs[every - every_hit] - logs[n - taken] - logs[every - every_hit - n + taken]
        + logs[n] + logs[others_n] - logs[every]
    )  # fmt: skip
    return min(1.0, float(np.exp(chances).sum()))
