"""Data fault: the rows say something about the source of the data, not about the world.

Theory: a broken feed writes values no sound source sends: a zero or 999 in place of "not measured" (a sentinel), values
outside the expected range, a column that became constant or came in another unit, two columns that changed places,
categories nobody knew, the same rows again and again, nulls where none are allowed, or where all other columns stayed
as they were. Such rows teach a model the fault, so they are alarmed about and kept out of training; nothing is ever
retrained on them. A source from which hardly anything comes any more is a fault, too, though what comes is sound.

Example: a hospital without a laboratory sends cholesterol 0 for all of its patients.

One column that moved while all others stayed is a hint beside a failed check, and no cause without one.

Refuted by: the checks passing. Missing values in a column that may be missing are no fault but a shift of the
population (a test this hospital does not do); they are counted as a fact against.
"""

from collections.abc import Iterable

from agent.core import wording
from agent.core.rules.finding import Fact, Finding
from agent.core.signals import Check, Figure, Signals, Window
from config.vocabulary import ROWS_PER_HOUR
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict

CERTAIN = 0.9
LIKELY = 0.55
FAINT = 0.3
MOST_ROWS = 0.5
# What moves when answers do.
ANSWERS = ("positive_share", "score_psi")


# The check that says most clearly what is wrong with a column comes first.
CLEAREST = (
    "unit",
    "swapped",
    "categories",
    "seen_differs",
    "suspect_rows",
    "expected",
    "sentinel",
    "range",
    "constant",
)


def _allowed(check: Check, signals: Signals) -> bool:
    return check.about_missing and check.column in signals.nullable


def _clearest_first(checks: Iterable[Check]) -> list[Check]:
    rank = {name: place for place, name in enumerate(CLEAREST)}
    return sorted(checks, key=lambda c: (rank.get(c.name, len(CLEAREST)), -c.share))


def _failed(signals: Signals, window: Window) -> list[Check]:
    """The checks of a window that failed for certain, but for missing values that the contract allows."""
    return [c for c in window.checks if c.verdict is Verdict.CRIT and not _allowed(c, signals)]


def columns_at_fault(signals: Signals, window: Window) -> tuple[str, ...]:
    """The columns with a failed check that only a broken source explains."""
    return tuple(sorted({c.column for c in _failed(signals, window) if c.column is not None}))


def faults_of(signals: Signals, window: Window) -> tuple[Fact, ...]:
    """The failed checks of a window that only a broken source explains, and its share of suspect rows."""
    failed = _failed(signals, window)
    many = window.n >= signals.min_rows and window.suspect_share >= signals.suspect_limit
    if many and not any(c.name == "suspect_rows" for c in failed):
        failed.append(Check("suspect_rows", None, Verdict.CRIT, window.suspect_n, window.n))
    return tuple(Fact(wording.check(c, of_suspects=many), c.share, c.n) for c in _clearest_first(failed))


def _silence(signals: Signals, window: Window) -> Figure | None:
    """The traffic of a window of the version that serves, if it is far below the usual: others are running out."""
    volume = window.figure(MetricKind.PREDICTION, ROWS_PER_HOUR)
    own = volume is not None and window.version_id == signals.version_id
    return volume if own and volume is not None and volume.verdict in {Verdict.CRIT, Verdict.WARN} else None


def _alone(window: Window) -> tuple[Fact, ...]:
    """One column moved and all others stayed."""
    moved = [f for f in window.features if f.drifted]
    if len(moved) != 1 or len(window.features) < 3:
        return ()
    others = len(window.features) - 1
    return (Fact(f"{moved[0].title} moved alone, the {others} other columns are as they were", None, window.n),)


def _severity(signals: Signals, window: Window) -> Severity:
    """Critical where most rows are wrong in a column and the answers moved with it, as far as these can be judged."""
    shares = [c.share for c in _failed(signals, window) if c.column]
    if max([*shares, window.suspect_share]) < MOST_ROWS:
        return Severity.WARNING
    answers = [f for f in window.of(MetricKind.PREDICTION, ANSWERS) if f.verdict is not Verdict.INCONCLUSIVE]
    unmoved = bool(answers) and all(f.verdict is Verdict.OK for f in answers)
    return Severity.WARNING if unmoved else Severity.CRITICAL


def left_among_sound(signals: Signals, window: Window) -> tuple[Check, ...]:
    """The faults of a window whose rows pass for sound: a constant, another unit inside the expected range, a sentinel
    there, rows that repeat.

    Only a value outside `expected` takes its row out of what is learned from and judged on. Rows that repeat are sound
    each by itself, and nobody can say which of them is the true one: they stay, and a loss seen on a storm of them
    proves nothing.
    """
    taken_out = {c.column: c.failed_rows for c in window.checks if c.name == "expected"}
    return tuple(
        c
        for c in _failed(signals, window)
        if c.name not in {"expected", "suspect_rows"} and c.failed_rows > taken_out.get(c.column, 0)
    )


def consider(signals: Signals) -> Finding:
    """Judge the newest window of whichever version: a fault of the data outlives a change of the model. Older windows
    with a fault are named too, so that their rows are quarantined."""
    latest = signals.windows[-1] if signals.windows else None
    issue, cause = IssueType.DATA_QUALITY, Cause.DATA_FAULT
    silence = _silence(signals, latest) if latest else None
    if latest is None or (not latest.checks and silence is None and latest.n < signals.min_rows):
        return Finding(cause, issue, 0.0, Severity.INFO, could_not_look="no window with data checks yet")
    faulty = tuple(w for w in signals.windows if faults_of(signals, w))
    facts = faults_of(signals, latest)
    warned = tuple(
        Fact(wording.check(c), c.share, c.n)
        for c in _clearest_first(latest.checks)
        if c.verdict is Verdict.WARN and not _allowed(c, signals)
    )
    quiet = () if silence is None else (Fact(wording.traffic(silence), silence.value, silence.n),)
    silent = {c.column for c in latest.checks if c.name == "seen_differs" and c.verdict is Verdict.CRIT}
    against = tuple(
        Fact(f"{c.title} is missing in {c.failed_rows} of {c.n} rows, which the contract allows", c.share, c.n)
        for c in latest.checks
        if c.verdict is not Verdict.OK and _allowed(c, signals) and c.column not in silent
    )
    share = max((fact.value or 0.0 for fact in facts), default=0.0)
    severity, columns = _severity(signals, latest), columns_at_fault(signals, latest)
    if silence is not None and silence.verdict is Verdict.CRIT:
        shown = dict.fromkeys((*(w.id for w in faulty), latest.id))
        seen = (*facts, *quiet, *warned)
        return Finding(cause, issue, CERTAIN, severity, seen, against, windows=tuple(shown), columns=columns)
    if not facts:
        passed = Fact(f"no check failed for certain on {latest.n} rows", None, latest.n)
        hints = (*warned, *quiet)
        return Finding(cause, issue, FAINT if hints else 0.0, Severity.INFO, hints, (*against, passed))
    support = CERTAIN if share >= signals.suspect_limit else LIKELY
    seen = (*facts, *_alone(latest), *warned, *quiet)
    windows = tuple(w.id for w in faulty)
    return Finding(cause, issue, support, severity, seen, against, windows=windows, columns=columns)
