"""What figures are held to in more than one room: the same number everywhere, so that it means the same everywhere."""

# The ROC-AUC of a model that knows nothing.
CHANCE = 0.5
# From an interval of 95 % to one of 99.7 %.
_WIDER = 1.5
# Slower than this times the usual p95, and slower than a person would call instant: worth a warning.
SLOWER_TIMES = 3.0
SLOWER_LEAST_MS = 50.0


def slow_from(usual_ms: float) -> float:
    """Above this p95 answers are slow, be it between two versions or within the windows of one."""
    return max(SLOWER_LEAST_MS, SLOWER_TIMES * usual_ms)


def surely_above(value: float, low: float, least: float = 0.0) -> bool:
    """Whether an interval of 99.7 %, half as wide again as the one of 95 % that ends at `low`, still lies above
    `least`."""
    return value - _WIDER * (value - low) > least
