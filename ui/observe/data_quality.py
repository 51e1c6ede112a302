"""What the data quality page says, worked out of the API's answer. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ui import vocabulary, wording
from ui.api_types import CheckOut, DataQuality, Intake
from ui.figures import Figure

# So many rows are shipped in a moment; more that wait mean that the database is slow or away.
WAITING_LONG = 1000
LOUD_FIRST = ("crit", "warn", "inconclusive", "ok")
WORDS = {
    "suspect_rows": "rows no sound source sends",
    "null": "missing values",
    "missing": "missing values",
    "null_jump": "more missing values than before",
    "sentinel": "one value stands for “not measured”",
    "range": "outside the expected range",
    "expected": "outside the expected range",
    "constant": "always the same value",
    "duplicates": "rows that repeat",
    "duplicate_rows": "rows that repeat",
    "categories": "values that are no known category",
    "unit": "in another unit",
    "swapped": "changed places with another column",
    "could_not_look": "a check that failed itself",
    "seen_differs": "the model sees something else than was sent",
}


def _checks(found: DataQuality, seq: int) -> list[CheckOut]:
    return [check for check in found.checks if check.seq == seq]


def headline(found: DataQuality, seq: int) -> str:
    """How many checks of this window failed; one that had too few rows did not, and did not pass either."""
    checks = _checks(found, seq)
    if not checks:
        return f"Window {seq} has not been checked yet."
    of, wrong, unknown = wording.plural(len(checks), "check"), _failed(checks), _not_known(checks)
    not_known = f"{unknown} had too few rows to judge." if unknown else ""
    if wrong:
        return f"{wrong} of {of} of window {seq} failed. {not_known}".strip()
    return f"No check of window {seq} failed. {not_known}" if unknown else f"All {of} of window {seq} passed."


def _not_known(checks: list[CheckOut]) -> int:
    return sum(check.verdict == "inconclusive" for check in checks)


def _failed(checks: list[CheckOut]) -> int:
    return sum(not check.success and check.verdict != "inconclusive" for check in checks)


def _details(check: CheckOut) -> str:
    said = check.details.get("why") or check.details.get("says") or check.details.get("reason")
    if said:
        return wording.sentence(str(said))
    shown = [
        f"{name.replace('_', ' ')} {wording.number(value, 3) if isinstance(value, float) else value}"
        for name, value in check.details.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    ]
    return ", ".join(shown[:4])


def _loud(found: DataQuality, seq: int) -> list[CheckOut]:
    """The checks of one window that did not pass, the loudest first."""
    checks = [check for check in _checks(found, seq) if not check.success or check.verdict != "ok"]
    rank = {verdict: place for place, verdict in enumerate(LOUD_FIRST)}
    return sorted(
        checks, key=lambda check: (rank.get(check.verdict, len(rank)), -check.failed_rows, check.column_name or "")
    )


def _column(found: DataQuality, check: CheckOut) -> str:
    column = check.column_name or ""
    return found.labels.get(column, column) or "whole rows"


def _what(check: CheckOut) -> str:
    return WORDS.get(check.check_name, check.check_name.replace("_", " "))


def failed(found: DataQuality, seq: int) -> list[dict[str, str]]:
    """The same as a table."""
    lines = []
    for check in _loud(found, seq):
        sign = vocabulary.VERDICTS.get(check.verdict, vocabulary.UNKNOWN)
        lines.append(
            {
                "state": f":{sign.colour}-badge[{sign.shape} {sign.word}]",
                "column": wording.plain(_column(found, check)),
                "check": wording.plain(_what(check)),
                "failed rows": f"{wording.count(check.failed_rows)} of {wording.count(check.n)}",
                "details": wording.plain(_details(check)) or wording.NOTHING,
            }
        )
    return lines


def windows(found: DataQuality, now: datetime) -> list[dict[str, str]]:
    """Suspect rows window by window, newest first."""
    return [
        {
            "window": f"{window.seq} · v{window.version}",
            "until": wording.plain(wording.relative(window.to_at, now)),
            "rows": wording.count(window.n),
            "suspect rows": wording.plain(
                f"{wording.count(window.suspect_n)} ({wording.percent(window.suspect_n / max(window.n, 1))})"
            ),
            "failed checks": wording.count(_failed(_checks(found, window.seq))),
        }
        for window in sorted(found.windows, key=lambda window: window.seq, reverse=True)
    ]


@dataclass(frozen=True)
class Found:
    """A check that found something, as one chooses it to see its records."""

    check: str
    column: str | None
    words: str


def choices(found: DataQuality, seq: int) -> list[Found]:
    """The checks of a window that did not pass, in the order of the table."""
    return [
        Found(
            check.check_name,
            check.column_name,
            f"{_column(found, check)}: {_what(check)} ({wording.count(check.failed_rows)} of {wording.count(check.n)})",
        )
        for check in _loud(found, seq)
        if check.verdict != "inconclusive"
    ]


def intake(counts: Intake, now: datetime) -> list[Figure]:
    """What came in, and what could not be used."""
    coverage = counts.coverage
    lag = timedelta(seconds=coverage.median_lag_s) if coverage.median_lag_s is not None else None
    odd = vocabulary.Sign("Look at these", "▲", "orange")
    newest = counts.newest_prediction_at
    return [
        Figure(
            "intake-labels",
            "Labelled predictions",
            wording.count(counts.labels),
            (
                f"of {wording.count(counts.predictions)}; of the newest {wording.count(coverage.predictions)}, "
                f"{wording.percent(coverage.share, 0)}"
                + (f", median after {wording.span(lag)}" if lag is not None else "")
            )
            if coverage.predictions
            else "no prediction yet",
        ),
        Figure(
            "intake-unknown",
            "Labels without a prediction",
            wording.count(counts.unknown_labels),
            f"of the newest {wording.count(1000)} labels of all models; "
            f"{wording.count(counts.revised_labels)} of those were revised. "
            f"In all, {wording.count(counts.unclaimed_labels)} have waited for more than 30 days",
            odd if counts.unknown_labels or counts.unclaimed_labels else None,
        ),
        Figure(
            "intake-quarantined",
            "Quarantined rows",
            wording.count(counts.quarantined_rows),
            "answered, and never learned from",
        ),
        Figure(
            "intake-dead",
            "Rows the database refused",
            wording.count(counts.dead_letters),
            "dead letters of all models, kept with the reason" if counts.dead_letters else "no dead letter",
            odd if counts.dead_letters else None,
        ),
        Figure(
            "intake-spool",
            "Rows on their way",
            wording.count(counts.spool_depth),
            "answered, on disk, not yet in the database",
            odd if counts.spool_depth > WAITING_LONG else None,
        ),
        Figure(
            "intake-delay",
            "Newest prediction",
            wording.relative(newest, now) if newest else "none yet",
            wording.moment(newest) if newest else "Send one: POST /predict with an API key",
        ),
    ]
