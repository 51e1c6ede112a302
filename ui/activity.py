"""What the agent activity page says, worked out of the API's answer. Pure.

A cycle's diagnoses and decisions are JSON as the agent wrote them, so they are read forgivingly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from ui import vocabulary, wording
from ui.api_types import CycleOut, Json, ServiceOut


@dataclass(frozen=True)
class Line:
    """One thing a cycle concluded or chose: a sign, a sentence, and what it rests on."""

    sign: vocabulary.Sign
    says: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One cycle, or several in a row that came to the same: quiet passes are counted, not listed."""

    first_at: datetime
    last_at: datetime
    times: int
    window_id: int | None
    dry_run: bool
    quiet: bool
    concluded: tuple[Line, ...]
    chosen: tuple[Line, ...]

    @property
    def did(self) -> tuple[Line, ...]:
        return tuple(line for line in self.chosen if line.sign is _DID)

    @property
    def left_alone(self) -> tuple[Line, ...]:
        return tuple(line for line in self.chosen if line.sign is not _DID)


_DID = vocabulary.Sign("Chosen", "▸", "blue")
_LEFT = vocabulary.Sign("Left alone", "○", "gray")


def _facts(found: object) -> tuple[str, ...]:
    facts = found if isinstance(found, list) else []
    return tuple(
        wording.sentence(str(fact.get("says"))) for fact in facts if isinstance(fact, dict) and fact.get("says")
    )


def _diagnosis(found: Json) -> Line:
    cause = vocabulary.words(vocabulary.CAUSES, str(found.get("cause") or "unknown"))
    sign = vocabulary.SEVERITIES.get(str(found.get("severity")), vocabulary.UNKNOWN)
    says = wording.sentence(str(found.get("says") or ""))
    return Line(sign, f"{wording.sentence(cause)} {says}".strip(), _facts(found.get("for")))


def _decision(found: Json) -> Line:
    kind = found.get("action_type")
    action = vocabulary.words(vocabulary.ACTIONS, str(kind)) if kind else ""
    why = found.get("why")
    question = str(found.get("question") or "")
    if question and found.get("does") != "nothing":
        return Line(_DID, f"{action}: {wording.sentence(question)}")
    said = why if isinstance(why, str) else str(found.get("says") or "nothing to do")
    return Line(_LEFT, f"{action}: {wording.sentence(said)}" if action else wording.sentence(said))


def _entry(cycle: CycleOut) -> Entry:
    concluded = tuple(_diagnosis(found) for found in cycle.diagnoses)
    chosen = tuple(_decision(found) for found in cycle.decisions)
    return Entry(
        first_at=cycle.created_at,
        last_at=cycle.created_at,
        times=1,
        window_id=cycle.window_id,
        dry_run=cycle.dry_run,
        quiet=not any(line.sign is _DID for line in chosen),
        concluded=concluded,
        chosen=chosen,
    )


def timeline(cycles: Sequence[CycleOut], *, with_quiet: bool) -> list[Entry]:
    """Newest first; passes in a row that concluded and chose the same are one entry with a count."""
    entries: list[Entry] = []
    alike = groupby((_entry(cycle) for cycle in cycles), key=lambda e: (e.window_id, e.concluded, e.chosen, e.dry_run))
    for _, group in alike:
        same = list(group)
        newest, oldest = same[0], same[-1]
        entries.append(
            Entry(
                first_at=oldest.first_at,
                last_at=newest.last_at,
                times=len(same),
                window_id=newest.window_id,
                dry_run=newest.dry_run,
                quiet=newest.quiet,
                concluded=newest.concluded,
                chosen=newest.chosen,
            )
        )
    return [entry for entry in entries if with_quiet or not entry.quiet or entry.concluded]


def services(found: Sequence[ServiceOut], now: datetime) -> list[dict[str, str]]:
    """Who reported when, and whether that is late."""
    late, fine = vocabulary.Sign("Late", "▲", "orange"), vocabulary.Sign("On time", "●", "green")
    rows = []
    for service in sorted(found, key=lambda service: (not service.late, service.service)):
        sign = late if service.late else fine
        rows.append(
            {
                "process": wording.plain(service.service),
                "instance": wording.plain(service.instance),
                "state": f":{sign.colour}-badge[{sign.shape} {sign.word}]",
                "last sign of life": wording.plain(wording.relative(service.seen_at, now)),
                "reports every": f"{wording.number(service.interval_s, 0)} s",
            }
        )
    return rows
