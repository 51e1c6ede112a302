"""What a run came to: one JSON object, and tables for people. Pure but for printing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.bench.serving.figures import BARS, Figure, Pace, Round, medians


@dataclass(frozen=True)
class Report:
    """Everything about one run."""

    machine: Mapping[str, Any]
    setup: Mapping[str, Any]
    about: Mapping[str, str]
    missing: Mapping[str, str]
    resident_mb: Mapping[str, float]
    rounds: Sequence[Round]
    figures: Sequence[Figure]
    seconds: float

    @property
    def missed(self) -> bool:
        """Whether a bar was missed. What could not be measured is no success, and stands in the report as such."""
        return any(figure.ok is False for figure in self.figures)

    def to_json(self) -> dict[str, Any]:
        """One object."""
        names = [name for name in self.about if name not in self.missing]
        found = medians(self.rounds)
        return {
            "command": "bench serving",
            "machine": self.machine,
            "setup": self.setup,
            "servers": {
                name: {
                    "about": self.about[name],
                    "resident_mb": self.resident_mb.get(name),
                    "connections": {str(count): _told(pace) for count, pace in found.get(name, {}).items()},
                    "rounds": [
                        {str(count): _told(pace) for count, pace in one.get(name, {}).items()} for one in self.rounds
                    ],
                }
                for name in names
            },
            "missing": dict(self.missing),
            "figures": {figure.bar.name: figure.to_json() for figure in self.figures},
            "seconds": round(self.seconds, 1),
        }

    def show(self, console: Console) -> None:
        """As tables."""
        found = medians(self.rounds)
        counts = list(dict.fromkeys(count for at in found.values() for count in at))
        table = Table("requests/s (p99 ms)", *(f"{count} connections" for count in counts), "memory MB")
        for name, at in found.items():
            cells = [
                f"{at[count].requests_per_s:,.0f} ({at[count].p99_ms:.1f})" if count in at else "" for count in counts
            ]
            table.add_row(name, *cells, f"{self.resident_mb.get(name, 0):.0f}")
        for name, why in self.missing.items():
            table.add_row(name, f"missing: {why}")
        console.print(table)
        table = Table("figure", "measured", "bar", "")
        for figure in self.figures:
            bar = figure.bar
            limit = f"{bar.kind} {bar.limit:g} {bar.unit}"
            if figure.value is None:
                table.add_row(bar.says, "–", limit, f"not measured: {figure.why}")
                continue
            spread = f" ({figure.low:,.4g} – {figure.high:,.4g})" if figure.n > 1 else ""
            said = f"{figure.value:,.4g} {bar.unit}{spread}" + (f", {figure.why}" if figure.why else "")
            table.add_row(bar.says, said, limit, "ok" if figure.ok else "MISSED")
        console.print(table)


def _told(pace: Pace) -> dict[str, float]:
    return {
        "requests_per_s": round(pace.requests_per_s, 1),
        "p50_ms": round(pace.p50_ms, 3),
        "p99_ms": round(pace.p99_ms, 3),
        "failed": pace.failed,
    }


def in_order(figures: Sequence[Figure]) -> list[Figure]:
    """A figure for each bar, in the order of the table; one that nobody measured says so."""
    found = {figure.bar.name: figure for figure in figures}
    return [found.get(bar.name) or Figure(bar, None, why="it was not measured") for bar in BARS]
