"""What the agent activity page says, worked out of the API's answer. Pure.

A cycle's diagnoses and decisions are JSON as the agent wrote them, so they are read forgivingly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

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
    """One cycle, or several in a row with the same conclusion, after the first of which nothing more was done.

    What was done is that of the first of them, the figures and the reasons those of the newest.
    """

    first_at: datetime
    last_at: datetime
    times: int
    windows: tuple[int, ...]
    dry_run: bool
    conclusion: tuple[tuple[str, str], ...]
    concluded: tuple[Line, ...]
    chosen: tuple[Line, ...]

    @property
    def quiet(self) -> bool:
        """Nothing was done, and nothing found that would be worth it."""
        return not self.did

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
    new = tuple(fact for fact in _facts(found.get("for")) if fact.removesuffix(".").casefold() not in says.casefold())
    return Line(sign, f"{wording.sentence(cause)} {says}".strip(), new)


def _decision(found: Json) -> Line:
    kind = found.get("action_type")
    action = vocabulary.words(vocabulary.ACTIONS, str(kind)) if kind else ""
    why = found.get("why")
    question = str(found.get("question") or "")
    if question and found.get("does") != "nothing":
        return Line(_DID, wording.sentence(question))
    said = why if isinstance(why, str) else str(found.get("says") or "nothing to do")
    return Line(_LEFT, f"{action}: {wording.sentence(said)}" if action else wording.sentence(said))


def _window(cycle: CycleOut) -> tuple[int, ...]:
    latest = cycle.observed.get("latest")
    seq = latest.get("seq") if isinstance(latest, dict) else None
    return (seq,) if isinstance(seq, int) else ()


def _entry(cycle: CycleOut) -> Entry:
    return Entry(
        first_at=cycle.created_at,
        last_at=cycle.created_at,
        times=1,
        windows=_window(cycle),
        dry_run=cycle.dry_run,
        conclusion=tuple(sorted((str(d.get("cause")), str(d.get("severity"))) for d in cycle.diagnoses)),
        concluded=tuple(_diagnosis(found) for found in cycle.diagnoses),
        chosen=tuple(_decision(found) for found in cycle.decisions),
    )


def _joined(before: Entry, newer: Entry) -> Entry:
    return replace(
        before,
        last_at=newer.last_at,
        times=before.times + 1,
        windows=tuple(dict.fromkeys(before.windows + newer.windows)),
        concluded=newer.concluded,
        chosen=before.did + newer.left_alone,
    )


def timeline(cycles: Sequence[CycleOut], *, with_quiet: bool) -> list[Entry]:
    """Newest first; a pass that concluded what the one before it did, and did nothing more, adds to its count."""
    entries: list[Entry] = []
    for entry in map(_entry, reversed(cycles)):
        last = entries[-1] if entries else None
        goes_on = last is not None and (last.conclusion, last.dry_run) == (entry.conclusion, entry.dry_run)
        if last is not None and goes_on and not entry.did:
            entries[-1] = _joined(last, entry)
        else:
            entries.append(entry)
    return [entry for entry in reversed(entries) if with_quiet or not entry.quiet or entry.concluded]


def passes(entry: Entry, now: datetime) -> str:
    """When, about which windows, and how long it stayed so."""
    about = "no window yet"
    if entry.windows:
        first, last = entry.windows[0], entry.windows[-1]
        about = f"window {first}" if first == last else f"windows {first} to {last}"
    begun = f"{wording.when(entry.first_at, now)} · {about}"
    if entry.times == 1:
        return begun
    more = wording.plural(entry.times - 1, "more pass", "more passes")
    return f"{begun} · the same for {more} until {wording.when(entry.last_at, now)}"


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
