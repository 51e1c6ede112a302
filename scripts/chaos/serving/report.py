"""What a run came to. Pure."""

from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.chaos.serving.checker import Found


@dataclass
class Report:
    """The figures. `asked_s`: how long clients asked; `found`: what the comparison gave, if it came to one."""

    seed: int
    seconds: float = 0.0
    asked_s: float = 0.0
    drained_s: float = 0.0
    kills: int = 0
    swaps: int = 0
    two_replicas_s: float = 0.0
    found: Found | None = None
    violations: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return asdict(self) | {"as_promised": not self.violations}

    def told(self) -> str:
        """The figures as a line each."""
        lines = [
            f"seed             {self.seed}, {self.seconds:.0f} s",
            f"kills            {self.kills} by kill -9, {self.swaps} changes of the serving version, "
            f"two replicas for {self.two_replicas_s:.0f} s",
        ]
        if (found := self.found) is not None:
            pace = found.acknowledged / self.asked_s if self.asked_s else 0.0
            lines += [
                f"acknowledged     {found.acknowledged:,} rows in {found.requests:,} requests, {found.batches:,} of "
                f"them batches; {pace:,.0f} rows/s",
                f"stored           {found.stored:,}, all of them {self.drained_s:.1f} s after the last answer",
                f"lost             {found.lost}",
                f"doubled          {found.doubled}",
                f"computed anew    {found.stored:,}, {found.wrong} differ; {found.not_as_told} otherwise than told",
                f"counts           {len(found.counts_differ)} differ from a recount, {found.uncounted} rows in none",
                f"not answered     {found.unanswered:,} requests at first, which left {found.unknown:,} rows that "
                f"nobody was told of ({found.kept_twice:,} where a second replica had the spool)",
            ]
        lines.append(f"violations       {len(self.violations)}")
        return "\n".join((*lines, *(f"  {says}" for says in self.violations)))
