"""From signals to named causes: every rule is asked, the explanations compete, the losers are kept with the reason.

A cause is only named when its evidence holds. A loss that no rule explains is called unknown, and one that sits only
in rows that failed the data checks belongs to the data fault.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.core import wording
from agent.core.harm import Harm, harm, harm_on, raw_loss
from agent.core.rules.data_fault import left_among_sound
from agent.core.rules.finding import HOLDS, Fact, Finding
from agent.core.rules.loss import seen_on, severity_of
from agent.core.rules.registry import RULES
from agent.core.signals import Signals, Window
from config.vocabulary import capital
from database.enums import Cause, IssueType, MetricKind, Severity, Verdict

# A column with less of the model's influence is not behind a loss.
UNHEARD = 0.01
# Nor is a fault that stood beside right answers in so many windows; one window may be right by luck.
RIGHT_BEFORE = 3
# These explain the same loss, so at most one of them is named.
LOSS_CAUSES = frozenset({Cause.COVARIATE_SHIFT_HARMFUL, Cause.PRIOR_SHIFT, Cause.CONCEPT_DRIFT, Cause.BAD_RELEASE})


@dataclass(frozen=True)
class Rejected:
    """An explanation that was looked at and not chosen."""

    cause: Cause
    issue: IssueType
    support: float
    why: str


@dataclass(frozen=True)
class Diagnosis:
    """A named cause with the numbers behind it, the loss it explains and the explanations it beat."""

    cause: Cause
    issue: IssueType
    severity: Severity
    support: float
    says: str
    facts_for: tuple[Fact, ...]
    facts_against: tuple[Fact, ...]
    rejected: tuple[Rejected, ...]
    windows: tuple[int, ...]
    harm: Harm | None = None
    columns: tuple[str, ...] = ()  # at fault

    def to_json(self) -> dict[str, Any]:
        """As it is kept on incidents, actions and cycles."""
        return {
            "cause": self.cause,
            "issue": self.issue,
            "severity": self.severity,
            "support": round(self.support, 3),
            "says": self.says,
            "for": [vars(fact) for fact in self.facts_for],
            "against": [vars(fact) for fact in self.facts_against],
            "rejected": [
                {"cause": r.cause, "issue": r.issue, "support": round(r.support, 3), "why": r.why}
                for r in self.rejected
            ],
            "windows": list(self.windows),
            "columns": list(self.columns),
            "harm": _harm_json(self.harm),
        }


def _harm_json(found: Harm | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "metric": found.figure.name,
        "kind": found.figure.kind,
        "value": found.figure.value,
        "reference": found.figure.reference,
        "loss": found.loss,
        "low": found.low,
        "high": found.high,
        "n": found.figure.n,
        "window_id": found.window_id,
        "says": wording.loss(found),
        **({"against_version_id": found.against} if found.against is not None else {}),
        **({"segment": found.part.segment.to_json() | {"of": found.figure.of}} if found.part else {}),
    }


def diagnose(signals: Signals, rules: tuple[Callable[[Signals], Finding], ...] = RULES) -> tuple[Diagnosis, ...]:
    """Every cause that holds, the gravest first. Empty when nothing is wrong or nothing can be seen."""
    if signals.blind is not None:
        return ()
    findings = tuple(rule(signals) for rule in rules)
    holding = [f for f in findings if f.holds]
    # Labels that are only late so far say nothing against those that have come: a note hides no loss.
    labels_broken = any(f.cause is Cause.LABEL_FEED_FAULT and f.severity is not Severity.INFO for f in holding)
    loss = None if labels_broken else harm(signals)
    named = [f for f in holding if f.cause not in LOSS_CAUSES or f.apart]
    in_season = any(f.cause is Cause.SEASONAL for f in holding)
    # Nor is a loss on rows that are faulty and pass for sound anything but the fault's, though it may be over since.
    at_fault = loss is not None and fault_behind(signals, loss) is not None
    loss = None if at_fault else loss
    # A loss that such days always had is the season's: no rule about the loss alone knows that it comes back.
    explaining = [f for f in holding if f.cause in LOSS_CAUSES and f not in named and (loss or f.harm) is not None]
    best = max(explaining, key=lambda f: f.support, default=None)
    # No season makes a version worse than the one before on the same rows.
    replayed = best is not None and best.harm is not None and best.harm.figure.kind is not MetricKind.ESTIMATED
    if best is not None and not ((in_season and not replayed) or at_fault or labels_broken):
        named.append(best)
    named = [f for f in named if not _explained_away(f, named)]
    if not at_fault and (abstained := _abstain(signals, named, loss, labels_broken)) is not None:
        named.append(abstained)
    made = tuple(_diagnosis(f, findings, tuple(named), loss) for f in named)
    order = list(Severity)
    return tuple(sorted(made, key=lambda d: (-order.index(d.severity), -d.support)))


def fault_behind(signals: Signals, loss: Harm) -> str | None:
    """What is wrong with the rows a loss was seen on that leaving out suspect rows does not mend.

    Not what the model does not listen to, and not a column that was faulty already beside right answers in several
    windows. (Rows that repeat are others in each window: that they did no harm says nothing.)
    """
    seen = seen_on(signals, loss)
    first = min((w.seq for w in seen), default=loss.window_seq)
    right: Counter[tuple[str, str | None]] = Counter(
        (check.name, check.column)
        for window in signals.own
        if window.mature and window.seq < first and harm_on(signals, window) is None and _was_right(signals, window)
        for check in left_among_sound(signals, window)
        if check.column is not None
    )
    # What is found in a window since, in a column that had moved already, was there before it was found.
    moved = {feature.name for window in seen for feature in window.features if feature.drifted}
    for window in (*seen, *(w for w in signals.own if w.seq > loss.window_seq)):
        heard = {feature.name: feature.influence for feature in window.features}
        for check in left_among_sound(signals, window):
            if window.seq > loss.window_seq and check.column not in moved:
                continue
            if right[check.name, check.column] < RIGHT_BEFORE and heard.get(check.column or "", 1.0) >= UNHEARD:
                return wording.check(check)
    return None


def _was_right(signals: Signals, window: Window) -> bool:
    figure = window.shown(signals.primary)
    return figure is not None and figure.verdict is Verdict.OK


def _explained_away(finding: Finding, named: list[Finding]) -> bool:
    """Odd answers need no name of their own when a named cause explains them; nor does doubt about inputs that a season
    brings."""
    stronger = {
        Cause.UNKNOWN: {Cause.DATA_FAULT, *LOSS_CAUSES, Cause.COVARIATE_SHIFT_HARMLESS, Cause.SEASONAL},
        Cause.LOW_CONFIDENCE: {Cause.SEASONAL, Cause.DATA_FAULT, *LOSS_CAUSES},
    }.get(finding.cause, set())
    return any(other.cause in stronger for other in named)


def _abstain(signals: Signals, named: list[Finding], loss: Harm | None, labels_broken: bool) -> Finding | None:
    """A loss nobody explains, said as such."""
    causes = {f.cause for f in named if not f.apart}
    if labels_broken or causes & {*LOSS_CAUSES, Cause.SEASONAL}:
        return None
    judged = signals.judged
    raw = raw_loss(signals, judged) if judged is not None else None
    shown = loss or raw
    # A loss that is only there because of faulty rows is explained by the fault.
    if shown is None or (loss is None and Cause.DATA_FAULT in causes):
        return None
    fact = Fact(wording.loss(shown), shown.loss, shown.figure.n)
    return Finding(
        Cause.UNKNOWN,
        IssueType.PERFORMANCE_DEGRADATION,
        HOLDS,
        severity_of(shown),
        (fact,),
        (Fact("no rule has enough evidence to explain it"),),
        windows=(shown.window_id,),
    )


def _why_rejected(finding: Finding, chosen: Finding) -> str:
    if finding.could_not_look is not None:
        return f"could not be judged: {finding.could_not_look}"
    if finding.holds:
        return f"it would fit too, but a {wording.cause(chosen.cause)} explains more of what was seen"
    against = "; ".join(fact.says for fact in finding.facts_against)
    if against:
        return against
    missing = "nothing that was seen speaks for it"
    return f"not enough speaks for it: only that {finding.facts_for[0].says}" if finding.facts_for else missing


def _diagnosis(
    finding: Finding, findings: tuple[Finding, ...], named: tuple[Finding, ...], loss: Harm | None
) -> Diagnosis:
    explains = finding.harm or (loss if finding.cause in {*LOSS_CAUSES, Cause.UNKNOWN} else None)
    chosen = {(f.cause, f.issue) for f in named}
    rejected = tuple(
        Rejected(f.cause, f.issue, f.support, _why_rejected(f, finding))
        for f in findings
        if (f.cause, f.issue) not in chosen
    )
    lost = wording.loss(explains) if explains else ""
    # The figure of the loss is not said twice.
    new = [fact.says for fact in finding.facts_for if not explains or wording.bare(explains.figure) not in fact.says]
    lead = capital("; ".join(new[:2]))
    told = ". ".join(part for part in (lost if lost not in lead else "", lead) if part)
    return Diagnosis(
        finding.cause,
        finding.issue,
        finding.severity,
        finding.support,
        told,
        finding.facts_for,
        finding.facts_against,
        rejected,
        finding.windows,
        explains,
        finding.columns,
    )
