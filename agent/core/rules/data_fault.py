"""Data fault: the rows say something about the source of the data, not about the world.

Theory: a broken feed writes values no sound source sends: a zero or 999 in place of "not measured" (a sentinel), values
outside the expected range, a column that became constant, nulls where none are allowed. Such rows teach a model the
fault, so they are alarmed about and kept out of training; nothing is ever retrained on them.

Example: a hospital without a laboratory sends cholesterol 0 for all of its patients.

Refuted by: the checks passing. Missing values in a column that may be missing are no fault but a shift of the
population (a test this hospital does not do); they are counted as a fact against.
"""

from agent.core.rules.finding import Fact, Finding
from agent.core.signals import Check, Signals, Window
from database.enums import Cause, IssueType, Severity, Verdict

MISSING_CHECKS = ("null", "missing")
CERTAIN = 0.9
LIKELY = 0.55
FAINT = 0.3


def _about_missing(check: Check) -> bool:
    return any(word in check.name for word in MISSING_CHECKS)


def faults_of(signals: Signals, window: Window) -> tuple[Fact, ...]:
    """The failed checks of a window that only a broken source explains, and its share of suspect rows."""
    facts = [
        Fact(f"{c.name} failed on {c.column or 'rows'}: {c.failed_rows} of {c.n} rows", c.share, c.n)
        for c in window.checks
        if c.verdict is Verdict.CRIT and not (_about_missing(c) and c.column in signals.nullable)
    ]
    if window.n >= signals.min_rows and window.suspect_share >= signals.suspect_limit:
        facts.append(
            Fact(
                f"{window.suspect_n} of {window.n} rows hold a value no sound source sends "
                f"(limit {signals.suspect_limit:.0%})",
                window.suspect_share,
                window.n,
            )
        )
    return tuple(facts)


def consider(signals: Signals) -> Finding:
    """Judge the newest window of whichever version: a fault of the data outlives a change of the model. Older windows
    with a fault are named too, so that their rows are quarantined."""
    latest = signals.windows[-1] if signals.windows else None
    issue, cause = IssueType.DATA_QUALITY, Cause.DATA_FAULT
    if latest is None or (not latest.checks and latest.n < signals.min_rows):
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look="no window with data checks yet")
    faulty = tuple(w for w in signals.windows if faults_of(signals, w))
    facts = faults_of(signals, latest)
    warned = tuple(
        Fact(f"{c.name} is unusual on {c.column or 'rows'}: {c.failed_rows} of {c.n} rows", c.share, c.n)
        for c in latest.checks
        if c.verdict is Verdict.WARN and not (_about_missing(c) and c.column in signals.nullable)
    )
    against = tuple(
        Fact(f"{c.column} is missing in {c.failed_rows} of {c.n} rows, which the contract allows", c.share, c.n)
        for c in latest.checks
        if c.verdict is not Verdict.OK and _about_missing(c) and c.column in signals.nullable
    )
    if not facts:
        passed = Fact(f"no check failed for certain on {latest.n} rows", None, latest.n)
        return Finding(cause, issue, FAINT if warned else 0.0, Severity.INFO, warned, (*against, passed))
    share = max(fact.value or 0.0 for fact in facts)
    severity = Severity.CRITICAL if share >= 0.5 else Severity.WARNING
    support = CERTAIN if share >= signals.suspect_limit else LIKELY
    return Finding(cause, issue, support, severity, (*facts, *warned), against, windows=tuple(w.id for w in faulty))
