"""Bad release: when the version changed, quality fell or answers became slow, and the version before does better.

Theory: a change-point at the activation is a coincidence until the old version is shown to be better. For quality it is
replayed on exactly the rows the new one answered: as near to a controlled experiment as production gets. For speed it
is held to what it took in windows of its own: slow from the new version's first window on until now, by a factor that
is no noise, and the old version fast to its last window. Slowness that began later is the host's.

Example: a version trained on half of the columns by mistake goes live; F1 falls within the hour. Or one of a thousand
trees, which takes half a second to answer.

Measured on windows of 400 rows whose p95 varies by 15 % and more: none of 6,000 releases that are no slower are called
slow, nor those before which or after which a host became so; of releases 4 times as slow 82 %, 5 times 98 %, 10 times
all.

Refuted by: the replay. If the old version is no better on these rows, going back to it helps nobody. Of speed: a first
window as fast as those before.
"""

from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from agent.core import wording
from agent.core.harm import Harm, harm
from agent.core.rules import loss as shared
from agent.core.rules.data_fault import faults_of
from agent.core.rules.finding import Fact, Finding, weigh
from agent.core.signals import Figure, Signals, Window
from config.vocabulary import LATENCY
from config.yardsticks import slow_from
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict

REPLAY_WEIGHT = 0.6
LOSS_WEIGHT = 0.3
# Going back is the answer only while the change is recent: later, the world has moved too.
RECENT_WINDOWS = 6
SLOW_WEIGHT = 0.8
# So much slower is severe.
SEVERELY_SLOWER_TIMES = 10.0
# Nothing but its own scores speak against it.
EXPECTED_WEIGHT = 0.55
# So many windows of the version before say what was usual.
PROMISES_OF = 3
# A p95 over so many rows needs no second window.
MANY_ROWS = 200


def consider(signals: Signals) -> Finding:
    """Judge the last activation, if there was a version before it: quality first, then speed."""
    found, slow = _quality(signals), slowed(signals)
    if slow is None:
        return found
    fact = Fact(f"{wording.loss(slow)}; it was slow from its first window on", slow.figure.value, slow.figure.n)
    if found.holds:
        return replace(found, facts_for=(*found.facts_for, fact))
    severe = (slow.figure.value or 0.0) > SEVERELY_SLOWER_TIMES * (slow.figure.reference or 0.0)
    return Finding(
        Cause.BAD_RELEASE,
        IssueType.PREDICTION_ANOMALY,
        SLOW_WEIGHT,
        Severity.CRITICAL if severe else Severity.WARNING,
        (fact,),
        windows=(slow.window_id,),
        harm=slow,
    )


def slowed(signals: Signals) -> Harm | None:
    """The loss of speed since the activation, against the windows of the version before."""
    before, since = signals.previous_version_id, signals.activated_at
    if before is None or since is None or before == signals.version_id:
        return None
    new = _latencies(w for w in signals.own if w.to_at > since)
    if not new:
        return None
    began = new[0][0].seq
    old = _latencies(w for w in signals.windows if w.version_id == before and w.seq < began)
    if not _enough(new) or not _enough(old):
        return None
    usual = max(median(value for _, value in old), old[-1][1])
    now = median(value for _, value in new)
    if min(now, new[0][1], new[-1][1]) <= slow_from(usual):
        return None
    low, high = min(value for _, value in new), max(value for _, value in new)
    latest, n = new[-1][0], sum(window.n for window, _ in new)
    figure = Figure(LATENCY, MetricKind.PREDICTION, now, low, high, n, usual, Verdict.CRIT, pooled=len(new))
    return Harm(figure, now - usual, low - usual, high - usual, latest.id, latest.seq, against=before)


def _latencies(windows: Iterable[Window]) -> list[tuple[Window, float]]:
    """The windows whose latency is known, with it."""
    figures = ((window, window.figure(MetricKind.PREDICTION, LATENCY)) for window in windows)
    return [
        (window, figure.value)
        for window, figure in figures
        if figure is not None and figure.value is not None and figure.verdict is not Verdict.INCONCLUSIVE
    ]


def _enough(known: list[tuple[Window, float]]) -> bool:
    return len(known) > 1 or any(window.n >= MANY_ROWS for window, _ in known)


def _quality(signals: Signals) -> Finding:
    cause, issue = Cause.BAD_RELEASE, IssueType.PERFORMANCE_DEGRADATION
    behind = _behind(signals) or _expected_behind(signals)
    loss = harm(signals) or behind
    if loss is None:
        return shared.no_loss(signals, cause)
    severity, windows = shared.severity_of(loss), (loss.window_id,)
    if signals.previous_version_id is None:
        first = Fact("this is the first version that ever served")
        return Finding(cause, issue, 0.0, severity, (), (first,), windows=windows)
    if len(signals.own) > RECENT_WINDOWS:
        old = Fact(f"it has served {len(signals.own)} windows since it was activated")
        return Finding(cause, issue, 0.0, severity, (), (old,), windows=windows)
    replay = signals.replay
    if behind is not None and behind.figure.kind is MetricKind.ESTIMATED:
        expected = Fact(wording.loss(behind), behind.loss, behind.figure.n)
        return Finding(cause, issue, EXPECTED_WEIGHT, severity, (expected,), windows=windows, harm=behind)
    if replay is None or replay.n < signals.min_rows:
        says = "the version before was not replayed on enough of the same rows yet"
        return Finding(cause, issue, 0.0, severity, could_not_look=says, windows=windows)
    told = (
        f"new minus old {wording.metric(replay.metric)} on the same rows: "
        f"{replay.value:+.3f} [{replay.low:+.3f}, {replay.high:+.3f}], n = {replay.n}"
    )
    worse = Fact(told, replay.value, replay.n) if replay.high < 0 else None
    support, facts = weigh((REPLAY_WEIGHT, worse), (LOSS_WEIGHT, Fact(wording.loss(loss), loss.loss, loss.figure.n)))
    against = () if worse else (Fact(f"{told}: the old version is not shown to be better", replay.value, replay.n),)
    # Of what is no loss to its own record, only the version before tells.
    own = behind if worse else None
    return Finding(cause, issue, support, severity, facts, against, windows=windows, harm=own)


def _behind(signals: Signals) -> Harm | None:
    """What is lost against the version before, surely and by more than the margin: a version that was bad from the
    beginning keeps all that it promised."""
    replay, judged = signals.replay, signals.judged
    if replay is None or judged is None or replay.n < signals.min_rows or replay.high >= -signals.harm_margin:
        return None
    seen = judged.shown(replay.metric)
    if seen is None or seen.value is None:
        return None
    figure = replace(seen, reference=seen.value - replay.value, n=replay.n, verdict=Verdict.CRIT)
    return Harm(figure, -replay.value, -replay.high, -replay.low, judged.id, judged.seq, against=replay.old_version_id)


def _expected_behind(signals: Signals) -> Harm | None:
    """What the new version's own scores promise, against what the one before reached in its last windows: shown, or
    promised where no label has come. Only for as long as no label says how right the new one is, and not on rows at
    fault: any version promises less on those."""
    latest, metric = signals.latest, signals.primary
    if latest is None or signals.judged is not None or signals.previous_version_id is None:
        return None
    if faults_of(signals, latest):
        return None
    now = latest.figure(MetricKind.ESTIMATED, metric)
    before = [w for w in signals.windows if w.version_id == signals.previous_version_id and w.seq < signals.own[0].seq]
    reached = [value for w in before[-PROMISES_OF:] if (value := _reached(w, metric)) is not None]
    if now is None or now.value is None or now.high is None or now.low is None or len(reached) < PROMISES_OF:
        return None
    usual = median(reached)
    if now.high >= usual - signals.harm_margin:
        return None
    figure = replace(now, reference=usual, verdict=Verdict.CRIT)
    against = signals.previous_version_id
    return Harm(figure, usual - now.value, usual - now.high, usual - now.low, latest.id, latest.seq, against=against)


def _reached(window: Window, metric: str) -> float | None:
    """How right the answers of a window were, or were promised to be; the lesser where both are known."""
    kinds = (MetricKind.REALISED_CLEAN, MetricKind.REALISED, MetricKind.ESTIMATED)
    values = [f.value for kind in kinds if (f := window.figure(kind, metric)) is not None and f.value is not None]
    return min(values, default=None)
