"""What the data quality page says, worked out of the API's answer. Pure."""

from datetime import datetime, timedelta

from ui import vocabulary, wording
from ui.api_types import CheckOut, DataQuality, Intake
from ui.overview import Figure

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


def failed(found: DataQuality, seq: int) -> list[dict[str, str]]:
    """The checks of one window that did not pass, the loudest first."""
    checks = [check for check in _checks(found, seq) if not check.success or check.verdict != "ok"]
    rank = {verdict: place for place, verdict in enumerate(LOUD_FIRST)}
    checks.sort(key=lambda check: (rank.get(check.verdict, len(rank)), -check.failed_rows, check.column_name or ""))
    lines = []
    for check in checks:
        sign = vocabulary.VERDICTS.get(check.verdict, vocabulary.UNKNOWN)
        column = check.column_name or ""
        lines.append(
            {
                "state": f":{sign.colour}-badge[{sign.shape} {sign.word}]",
                "column": wording.plain(found.labels.get(column, column) or "whole rows"),
                "check": wording.plain(WORDS.get(check.check_name, check.check_name.replace("_", " "))),
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


def intake(counts: Intake) -> list[Figure]:
    """What came in, and what could not be used."""
    coverage = counts.coverage
    lag = timedelta(seconds=coverage.median_lag_s) if coverage.median_lag_s is not None else None
    odd = vocabulary.Sign("Look at these", "▲", "orange")
    return [
        Figure(
            "intake-labels",
            "Labels",
            wording.count(counts.labels),
            f"{wording.percent(coverage.share, 0)} of predictions"
            + (f", median after {wording.span(lag)}" if lag is not None else ""),
        ),
        Figure(
            "intake-unknown",
            "Labels without a prediction",
            wording.count(counts.unknown_labels),
            f"of the newest 1,000; {wording.count(counts.revised_labels)} of those were revised later. In all, "
            f"{wording.count(counts.unclaimed_labels)} have waited for more than 30 days",
            odd if counts.unknown_labels or counts.unclaimed_labels else None,
        ),
        Figure(
            "intake-quarantined",
            "Quarantined rows",
            wording.count(counts.quarantined_rows),
            "never learned from",
        ),
        Figure(
            "intake-dead",
            "Rows the database refused",
            wording.count(counts.dead_letters),
            f"kept with the reason; {wording.count(counts.spool_depth)} rows are on their way",
            odd if counts.dead_letters else None,
        ),
    ]
