"""What came in and could not be used: refused requests, dead letters, and the records behind a check. Pure."""

from datetime import datetime
from typing import Any

from ui import wording
from ui.answers.intake import DeadLetterList, LettersReplayed, Refusals
from ui.answers.windows import Records

# More columns than these nobody compares; the one of the check comes first.
MOST_COLUMNS = 14
MASKED = "•••"


def refused_headline(found: Refusals, hours: int) -> str:
    """How many, in how long."""
    span = f"{hours} h" if hours < 48 else f"{hours // 24} days"
    if not found.requests:
        return f"No prediction or label was refused in the last {span}."
    return f"{wording.plural(found.requests, 'request')} refused in the last {span}."


def refused_rows(found: Refusals, now: datetime) -> list[dict[str, str]]:
    """What was refused as a whole, the commonest first, and below each what was wrong in it."""
    wholes = [one for one in found.reasons if not one.field]
    place = {(one.route, one.status, one.code): at for at, one in enumerate(wholes)}
    ordered = sorted(
        found.reasons,
        key=lambda one: (place.get((one.route, one.status, one.code), len(place)), bool(one.field), -one.n, one.field),
    )
    return [
        {
            "address": wording.plain(one.route) if not one.field else "",
            "answer": f"{one.status} {wording.plain(one.code.replace('_', ' '))}" if not one.field else "",
            "field": wording.plain(one.field) or "**whole request**",
            "expected": wording.plain(wording.sentence(one.says)) or wording.NOTHING,
            "requests": wording.count(one.n),
            "last": wording.plain(wording.relative(one.last_at, now)),
        }
        for one in ordered
    ]


def letter_rows(found: DeadLetterList, now: datetime) -> list[dict[str, str]]:
    """Why each was refused, and what can be read of it."""
    return [
        {
            "refused": wording.plain(wording.relative(one.created_at, now)),
            "model": wording.plain(one.model_name or "unknown"),
            "prediction": f"`{one.prediction_id[:8]}`"
            if one.prediction_id.replace("-", "").isalnum()
            else "unreadable",
            "reason": wording.plain(one.reason),
            "row": wording.plain(_few(one.features, one.masked)),
        }
        for one in found.letters
    ]


def _short(prediction_id: str) -> str:
    """The end of an id, since rows of one moment share its beginning; what a damaged disk left has none."""
    return f"`…{prediction_id[-8:]}`" if prediction_id.replace("-", "").isalnum() else "unreadable"


def _few(features: dict[str, Any] | None, masked: list[str]) -> str:
    if features is None:
        return "nothing of it can be read"
    shown = [f"{name} {_value(value)}" for name, value in list(features.items())[:6]]
    more = len(features) + len(masked) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def replayed(found: LettersReplayed) -> str:
    """What became of them."""
    said = [f"{wording.plural(found.stored, 'row')} stored"]
    if found.known:
        said.append(f"{wording.count(found.known)} had been stored meanwhile")
    if found.refused:
        said.append(f"{wording.count(found.refused)} refused again, with the reason")
    return f"{', '.join(said)}. {wording.plural(found.left, 'dead letter')} left."


def _value(value: object) -> str:
    if value is None:
        return "null"
    return wording.number(value, 2).rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def record_rows(found: Records) -> list[dict[str, str]]:
    """The records as a table, the column of the check first and masked ones covered."""
    columns = found.columns[:MOST_COLUMNS]
    hidden = found.masked if found.column_name in found.masked else found.masked[: max(0, MOST_COLUMNS - len(columns))]
    return [
        {
            "prediction": _short(one.prediction_id),
            "when": wording.plain(wording.moment(one.created_at)),
            **{wording.plain(name): MASKED for name in hidden},
            **{wording.plain(name): wording.plain(_value(one.features.get(name))) for name in columns},
        }
        for one in found.records
    ]


def records_note(found: Records) -> str:
    """What is shown, of how much, and what is not."""
    looked = f"among the newest {wording.plural(found.looked_through, 'row')} of the window"
    if found.every_row:
        said = f"This check speaks of the column as a whole, so any row shows it: the newest {len(found.records)}."
    elif not found.records:
        said = f"None {looked}: what was found lies further back, or was counted otherwise."
    else:
        most = " at most" if len(found.records) >= 20 else ""
        said = f"{wording.plural(len(found.records), 'record')}{most} {looked}."
    left = len(found.columns) - MOST_COLUMNS
    if left > 0:
        said += f" {wording.plural(left, 'column')} not shown."
    if found.masked:
        said += f" Masked by the contract: {', '.join(found.masked)}."
    return said
