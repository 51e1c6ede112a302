"""What differs between a question as it was shown and as it stands now, in words. Pure.

A person who read the one and comes back to the other reads only what changed. What the two have in common is left out,
and so is a figure that neither of them has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.core import wording
from config.vocabulary import capital

Json = dict[str, Any]
Triple = tuple[str, str, str]  # what, then, now
NONE = "none"
UNKNOWN = "not on record"
GATHERING = "being gathered again"
_DIGITS = 8
_RECOMMENDED = {"approve": "approve", "none": "nothing: it does not decide", "reject": "reject"}


@dataclass(frozen=True)
class Asked:
    """A question at one moment. `serving`: the number of the version it is about, or that serves by now."""

    serving: int | None
    evidence: Json | None = None
    digest: str | None = None
    expires_at: datetime | None = None


def differences(then: Asked | None, now: Asked) -> tuple[Triple, ...]:
    """What changed. Without `then` nobody knows what was shown; `now` without evidence is being gathered again."""
    if then is None:
        return (("Evidence", UNKNOWN, _digest(now.digest) if now.evidence else GATHERING),)
    found = [("Version that serves", _version(then.serving), _version(now.serving))]
    if now.evidence is None:
        found.append(("Evidence", _digest(then.digest), GATHERING))
    else:
        before, after = dict(_figures(then.evidence or {})), dict(_figures(now.evidence))
        names = [*after, *(name for name in before if name not in after)]
        found += [(name, before.get(name, NONE), after.get(name, NONE)) for name in names]
        found.append(("Time to decide", _moment(then.expires_at), _moment(now.expires_at)))
        found.append(("Evidence", _digest(then.digest), _digest(now.digest)))
    return tuple(row for row in found if row[1] != row[2])


def _figures(evidence: Json) -> Iterator[tuple[str, str]]:
    """What a decision rests on, each as a name and its words, in the order in which people ask for it."""
    yield "Version to decide about", _version(_part(evidence, "challenger").get("version"))
    first = next((row for row in evidence.get("metrics") or [] if isinstance(row, dict)), {})
    if first:
        name = capital(wording.metric(str(first.get("metric"))))
        yield f"{name}, new minus old", _difference(first)
    if (rows := _part(evidence, "holdout").get("n", first.get("n"))) is not None:
        yield "Rows compared", str(rows)
    if (learnt := _part(evidence, "training").get("rows")) is not None:
        yield "Rows learnt from", str(learnt)
    if told := evidence.get("recommendation"):
        yield "Recommendation", _RECOMMENDED.get(str(told), str(told))


def _part(evidence: Json, name: str) -> Json:
    part = evidence.get(name)
    return part if isinstance(part, dict) else {}


def _difference(row: Json) -> str:
    middle, low, high = (row.get(end) for end in ("difference", "low", "high"))
    if not all(isinstance(end, int | float) for end in (middle, low, high)):
        return "not known"
    verdict = f", {row['verdict']}" if row.get("verdict") else ""
    return f"{middle:+.3f} [{low:+.3f}, {high:+.3f}]{verdict}"


def _version(number: object) -> str:
    return NONE if number is None else f"v{number}"


def _digest(digest: str | None) -> str:
    return digest[:_DIGITS] if digest else NONE


def _moment(at: datetime | None) -> str:
    return NONE if at is None else f"until {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
