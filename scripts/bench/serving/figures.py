"""From rounds to figures and from figures to bars. Pure.

A ratio is taken within one round, where both sides met the same machine, and its median stands; so are the paces.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

# Servers by the names that figures speak of.
OURS, ECHO = "steward", "echo"
MLFLOW, MLFLOW_ONNX = "mlflow", "mlflow-onnx"
TUTORIAL, TUTORIAL_INSERT = "tutorial", "tutorial-insert"
SAME_ONNX = (MLFLOW_ONNX, "bentoml-onnx", "litserve-onnx")
PEERS = (MLFLOW, MLFLOW_ONNX, "bentoml", "bentoml-onnx", "litserve", "litserve-onnx", TUTORIAL, TUTORIAL_INSERT)


@dataclass(frozen=True)
class Pace:
    """How one server answered for a while. `failed`: answers that were not 200, and connections that broke."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int = 0


# One round: what each server did at each number of connections.
Round = Mapping[str, Mapping[int, Pace]]
CONNECTIONS = 16


@dataclass(frozen=True)
class Bar:
    """What a figure is held to, from the design's table."""

    name: str
    says: str
    limit: float
    kind: Literal["at least", "at most"]
    unit: str
    moonshot: float | None = None

    def met(self, value: float) -> bool:
        return value >= self.limit if self.kind == "at least" else value <= self.limit


BARS = (
    Bar("against_mlflow", "against `mlflow models serve`, its default flavour", 60, "at least", "times"),
    Bar("against_best_same_onnx", "against the best peer with the same ONNX model", 5, "at least", "times", 10),
    Bar("against_tutorial_insert", "against the tutorial API that inserts a row", 50, "at least", "times", 100),
    Bar("share_of_echo", "share of the bare Starlette echo", 0.40, "at least", "of it", 0.60),
    Bar("p99_against_echo", "p99 at 16 connections against the echo's", 4, "at most", "times"),
    Bar("stored_exactly_once", "every 2xx is in PostgreSQL exactly once after the drain", 1.0, "at least", "of it"),
    Bar("batch_rows_per_s", "batches of 1,000 rows, logged", 60_000, "at least", "rows/s"),
    Bar("start_s", "API process, from start to the first 200", 1.5, "at most", "s"),
    Bar("memory_mb", "API process, resident memory", 130, "at most", "MB"),
    Bar("swap_failed_requests", "swap under load: failed requests", 0, "at most", "requests"),
    Bar("swap_wrong_rows", "swap under load: rows another version computed than is stamped", 0, "at most", "rows"),
    Bar("rollback_s", "a rollback committed, until every replica serves it", 2.0, "at most", "s"),
)


@dataclass(frozen=True)
class Figure:
    """A bar and what was measured: the median of `n`, the lowest and the highest. `value` None: `why` says why not."""

    bar: Bar
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    why: str = ""

    @property
    def ok(self) -> bool | None:
        return None if self.value is None else self.bar.met(self.value)

    def to_json(self) -> dict[str, Any]:
        bar = self.bar
        return {
            "value": self.value, "low": self.low, "high": self.high, "n": self.n, "unit": bar.unit,
            "bar": f"{bar.kind} {bar.limit:g}", "moonshot": bar.moonshot, "ok": self.ok, "why": self.why,
        }  # fmt: skip


def of_values(bar: Bar, values: Sequence[float], why: str = "") -> Figure:
    """The median of several measurements; none of them says why."""
    if not values:
        return Figure(bar, None, why=why or "it was not measured")
    return Figure(bar, statistics.median(values), min(values), max(values), len(values), why)


def of_rounds(rounds: Sequence[Round], missing: Mapping[str, str]) -> list[Figure]:
    """The five that compare servers. `missing`: why a server took no part."""
    best = best_of(rounds, SAME_ONNX)
    return [
        _against(rounds, MLFLOW, "against_mlflow", _pace, missing),
        _against(rounds, best or SAME_ONNX[0], "against_best_same_onnx", _pace, missing, why=best or ""),
        _against(rounds, TUTORIAL_INSERT, "against_tutorial_insert", _pace, missing),
        _against(rounds, ECHO, "share_of_echo", _pace, missing),
        _against(rounds, ECHO, "p99_against_echo", lambda pace: pace.p99_ms, missing),
    ]


def bar(name: str) -> Bar:
    """A bar by its name. Raises StopIteration for a name that is not in the table."""
    return next(one for one in BARS if one.name == name)


def medians(rounds: Sequence[Round]) -> dict[str, dict[int, Pace]]:
    """Each server's pace at each number of connections, in the order of the first round."""
    found: dict[str, dict[int, Pace]] = {}
    for name in dict.fromkeys(name for one in rounds for name in one):
        at = dict.fromkeys(count for one in rounds for count in one.get(name, {}))
        found[name] = {
            count: _median([one[name][count] for one in rounds if count in one.get(name, {})]) for count in at
        }
    return found


def best_of(rounds: Sequence[Round], names: Iterable[str]) -> str | None:
    """The quickest of these by its median; None when none took part."""
    paces = {name: at[CONNECTIONS].requests_per_s for name, at in medians(rounds).items() if CONNECTIONS in at}
    return max((name for name in names if name in paces), key=lambda name: paces[name], default=None)


def _against(
    rounds: Sequence[Round],
    other: str,
    name: str,
    value: Callable[[Pace], float],
    missing: Mapping[str, str],
    why: str = "",
) -> Figure:
    """Ours over the other's, within each round."""
    ratios = []
    for one in rounds:
        mine, theirs = one.get(OURS, {}).get(CONNECTIONS), one.get(other, {}).get(CONNECTIONS)
        if mine and theirs and value(theirs) > 0:
            ratios.append(value(mine) / value(theirs))
    return of_values(bar(name), ratios, why or missing.get(other, ""))


def _pace(pace: Pace) -> float:
    return pace.requests_per_s


def _median(paces: Sequence[Pace]) -> Pace:
    return Pace(
        requests_per_s=statistics.median(pace.requests_per_s for pace in paces),
        p50_ms=statistics.median(pace.p50_ms for pace in paces),
        p99_ms=statistics.median(pace.p99_ms for pace in paces),
        failed=sum(pace.failed for pace in paces),
    )
