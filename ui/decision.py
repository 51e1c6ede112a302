"""What the decision page says about an action, worked out of the API's answer. Pure: no Streamlit, no clock.

Evidence is read forgivingly, since each kind of action brings its own; a figure that is not there is a dash, and a
difference whose interval includes zero is inconclusive whatever anybody else called it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ui import vocabulary, wording
from ui.api_types import ActionCard, ActionDetail, Json, MetricPoint, VersionRef
from ui.charts import Difference


def _objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _figure(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def name_of(version: VersionRef | None, beside: Mapping[str, Any] | None = None) -> str:
    """`v12`; from the evidence where the action itself does not name a version yet."""
    if version is not None:
        return f"v{version.version}"
    number = (beside or {}).get("version")
    return f"v{number}" if number is not None else "the new version"


def person(actor: str) -> str:
    """`person:ada` is shown as `ada`, `agent:…` as the agent."""
    kind, _, name = actor.partition(":")
    return "the agent" if kind == "agent" else name or actor


@dataclass(frozen=True)
class Versions:
    """The two versions a decision is between."""

    old: str
    new: str


def versions_of(action: ActionDetail) -> Versions:
    evidence = _object(action.evidence)
    return Versions(
        old=name_of(action.from_version, _object(evidence.get("champion"))),
        new=name_of(action.to_version, _object(evidence.get("challenger")) or _object(evidence.get("target"))),
    )


def in_two(question: str) -> tuple[str, str]:
    """The question itself, and the sentence of why behind it."""
    asked, mark, why = question.partition("? ")
    return (asked + "?", why) if mark else (question, "")


def headline(action: ActionDetail) -> str:
    """The question in one line, naming both versions as soon as there are two."""
    pair = versions_of(action)
    if not pair.new.removeprefix("v").isdigit():
        return in_two(action.question)[0]
    return {
        "retrain_model": f"Replace {pair.old} by {pair.new}?",
        "rollback_model": f"Go back from {pair.old} to {pair.new}?",
        "adjust_threshold": f"Move the decision threshold, {pair.old} to {pair.new}?",
    }.get(action.action_type, action.question)


# --------------------------------------------------------------------------------------------------- the evidence


@dataclass(frozen=True)
class Comparison:
    """One metric, or one segment, before and after."""

    name: str
    metric: str
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    n: int | None
    verdict: str


def verdict_of(low: float | None, high: float | None, said: str) -> str:
    """An interval that includes zero, or is not there, is inconclusive; one wholly below zero is worse, whatever was
    said, since it is safe to see harm too often."""
    if low is None or high is None or low <= 0 <= high:
        return "inconclusive"
    if high < 0:
        return "worse"
    return "better" if said == "better" else "inconclusive"


def comparisons(evidence: Json | None, part: str) -> list[Comparison]:
    """The rows of `metrics` or `segments`."""
    rows = []
    for row in _objects(_object(evidence).get(part)):
        low, high = _figure(row.get("low")), _figure(row.get("high"))
        metric = vocabulary.words(vocabulary.METRICS, str(row.get("metric") or "the primary metric"))
        rows.append(
            Comparison(
                name=metric if part == "metrics" else str(row.get("segment") or ""),
                metric=metric,
                before=_figure(row.get("before")),
                after=_figure(row.get("after")),
                difference=_figure(row.get("difference")),
                low=low,
                high=high,
                n=_whole(row.get("n")),
                verdict=verdict_of(low, high, str(row.get("verdict", ""))),
            )
        )
    return rows


def _falls(row: Comparison) -> str:
    loss = None if row.difference is None else -row.difference
    spread = wording.interval(None if row.high is None else -row.high, None if row.low is None else -row.low)
    return f"{row.metric} falls by {wording.number(loss)} {spread}"


def _worse(rows: Iterable[Comparison]) -> list[Comparison]:
    return [row for row in rows if row.verdict == "worse"]


def _worse_since_onset(evidence: Json | None) -> list[Comparison]:
    return _worse(comparisons(_object(_object(evidence).get("since_onset")), "metrics"))


def losses(evidence: Json | None) -> list[str]:
    """Everything that is surely worse, each in a sentence: metrics, then segments, then metrics since the onset."""
    return [
        *(f"{_falls(row)}." for row in _worse(comparisons(evidence, "metrics"))),
        *(f"{_falls(row)} for {row.name}." for row in _worse(comparisons(evidence, "segments"))),
        *(f"{_falls(row)} on the rows since the incident began." for row in _worse_since_onset(evidence)),
    ]


def differences(rows: Sequence[Comparison]) -> list[Difference]:
    """The same for the chart."""
    return [Difference(row.name, row.difference, row.low, row.high, row.verdict) for row in rows]


@dataclass(frozen=True)
class Check:
    """One test of the evidence: passed, failed or not known."""

    name: str
    ok: bool | None
    says: str


def checks(evidence: Json | None) -> list[Check]:
    """What speaks against comes first: failed, then not known, then passed."""
    found = [
        Check(
            name=str(check.get("name", "")).replace("_", " "),
            ok=check["ok"] if isinstance(check.get("ok"), bool) else None,
            says=str(check.get("says") or ""),
        )
        for check in _objects(_object(evidence).get("checks"))
    ]
    return sorted(found, key=lambda check: {False: 0, None: 1, True: 2}[check.ok])


def _of_metric(row: Comparison) -> Check:
    spread = f"{wording.signed(row.difference)} {wording.interval(row.low, row.high, sign=True)}"
    ok = {"better": True, "worse": False}.get(row.verdict)
    return Check(row.name, ok, f"{spread}, n = {wording.count(row.n)}, {row.verdict}")


# Of the evidence's checks, the one that looks at the primary figure alone and not at its interval.
_RESTS_ON_PRIMARY = "no step back"


def strip(action: ActionDetail) -> list[Check]:
    """The verdict strip: the evidence's checks; the primary metric, whatever is surely worse, and segments as checks
    of their own. Where the question is supported by the rows since the incident began, these are the check, and what
    all rows say, most of them older, is not known.

    Nothing passes on a figure that does not decide: where the primary metric is inconclusive, or better only until it
    is known how many metrics were looked at, it is not known, and neither is what rests on it.
    """
    rows, segments = comparisons(action.evidence, "metrics"), comparisons(action.evidence, "segments")
    by_onset = _object(action.evidence).get("rests_on") == "since_onset"
    lately = comparisons(_object(_object(action.evidence).get("since_onset")), "metrics")
    told = [row for row in lately if row.verdict == "worse" or (by_onset and row.verdict == "better")]
    onset = [_of_metric(replace(row, name=f"{row.name} since the incident began")) for row in told]
    older = [_with_older_rows(check) if by_onset else check for check in map(_of_metric, _worse(rows[1:]))]
    found = [*older, *onset, *checks(action.evidence)]
    if segments:
        worse = [row.name for row in _worse(segments)]
        says = f"worse in {', '.join(worse)}" if worse else f"none of {len(segments)} is worse for certain"
        found.insert(0, Check("segments", not worse, says))
    if rows:
        first = _of_metric(rows[0])
        if first.ok is False and by_onset:
            first = _with_older_rows(first)
        if first.ok and action.recommended is False and all(check.ok is not False for check in found):
            first = replace(first, ok=None, says=f"{first.says} if looked at alone")
        if first.ok is None:
            found = [_where_primary_is_open(check, by_onset=by_onset) for check in found]
        found.insert(0, first)
    return sorted(found, key=lambda check: {False: 0, None: 1, True: 2}[check.ok])


def _where_primary_is_open(check: Check, *, by_onset: bool) -> Check:
    """What rests on the primary figure alone decides nothing where that one does not."""
    if check.name != _RESTS_ON_PRIMARY:
        return check
    if by_onset and check.ok is False:
        return _with_older_rows(check)
    return replace(check, ok=None, says=f"{check.says}; its interval does not show it") if check.ok else check


def _with_older_rows(check: Check) -> Check:
    """What all rows say does not decide where those since the incident began do."""
    return replace(check, ok=None, says=f"{check.says}; with older rows")


def in_short(action: ActionDetail) -> str:
    """The strip in one sentence: what is not shown to be better is not called worse."""
    if action.recommended:
        return "The evidence supports this" + (", but not in everything." if losses(action.evidence) else ".")
    if any(check.ok is False for check in strip(action)):
        return "The evidence speaks against this."
    return "The evidence does not decide this."


def speaks_against(action: ActionDetail) -> bool:
    """Approving needs a written reason when a check failed or the evidence does not recommend it."""
    return any(check.ok is False for check in strip(action)) or action.recommended is False


# ------------------------------------------------------------------------------------------------------------ why


@dataclass(frozen=True)
class Why:
    """Why now: the sentence, the facts on both sides, and the explanations that were considered and rejected."""

    says: str
    cause: str
    facts_for: list[str]
    facts_against: list[str]
    rejected: list[str]


def _said(fact: object) -> str:
    if isinstance(fact, dict):
        words = str(fact.get("says") or fact.get("why") or fact.get("reason") or "").strip()
        n = _whole(fact.get("n"))
        told = f"n = {n}" in words or f"of {n} " in words
        return wording.sentence(
            f"{words.removesuffix('.')} (n = {wording.count(n)})" if words and n and not told else words
        )
    return wording.sentence(str(fact))


def _all_said(facts: object) -> list[str]:
    return [words for fact in (facts if isinstance(facts, list) else []) if (words := _said(fact))]


def _explanation(item: object) -> str:
    if not isinstance(item, dict):
        return wording.sentence(str(item))
    cause = vocabulary.words(vocabulary.CAUSES, str(item.get("cause") or item.get("name") or ""))
    reasons: Iterable[str] = [_said(item), str(item.get("could_not_look") or "")]
    reason = next((wording.sentence(words) for words in reasons if words), "Not supported by the numbers.")
    return f"{wording.sentence(cause).removesuffix('.')}: {reason}"


def why(action: ActionDetail) -> Why:
    """Read from the diagnosis stored with the action, wherever its parts stand in it."""
    stored = action.why
    diagnosis = _object(stored.get("diagnosis")) or stored
    rejected = diagnosis.get("rejected") or stored.get("rejected") or stored.get("alternatives") or []
    return Why(
        says=wording.sentence(str(stored.get("says") or diagnosis.get("says") or "")),
        cause=vocabulary.words(vocabulary.CAUSES, action.cause) if action.cause else "",
        facts_for=_all_said(diagnosis.get("for") or stored.get("facts")),
        facts_against=_all_said(diagnosis.get("against")),
        rejected=[_explanation(item) for item in (rejected if isinstance(rejected, list) else [])],
    )


def radius(evidence: Json | None) -> list[str]:
    """What the change would touch, in sentences."""
    body = _object(evidence)
    said = []
    changed = _object(body.get("answers_changed"))
    if n := _whole(changed.get("n")):
        share = _figure(changed.get("share"))
        said.append(
            f"{wording.count(_whole(changed.get('changed')))} of {wording.count(n)} recent answers would be different "
            f"({wording.percent(share)})."
        )
    latency = _object(body.get("latency_ms"))
    if latency:
        before, after = _figure(latency.get("before")), _figure(latency.get("after"))
        said.append(f"An answer takes {wording.number(before, 2)} ms now and {wording.number(after, 2)} ms afterwards.")
    worse = [row.name for row in _worse(comparisons(evidence, "segments"))]
    if worse:
        said.append(f"It would be worse for {', '.join(worse)}.")
    return said


_UNSEEN = {
    "later_rows": "Neither version was trained on them.",
    "cross_fitted": (
        "The serving version never saw them; for the new one each was answered by a model that had not learnt from it "
        "(cross-fitting)."
    ),
}


def since_onset(evidence: Json | None) -> str | None:
    """The primary figure on the rows since the incident began, which may say less than all recent rows together."""
    since = _object(_object(evidence).get("since_onset"))
    return _difference_on("since the incident began", since, _objects(since.get("metrics"))[:1])


def mended(evidence: Json | None) -> str | None:
    """What becomes of the part of the rows that lost, when the question is about one."""
    part = _object(_object(evidence).get("segment"))
    figures = [row for row in _objects(part.get("metrics")) if row.get("metric") == "accuracy"]
    return _difference_on(f"of {part.get('of')}, which lost", part, figures)


def _difference_on(which: str, block: Json, figures: Sequence[Json]) -> str | None:
    """One figure on some of the rows."""
    if not figures:
        return None
    first = figures[0]
    spread = wording.interval(_figure(first.get("low")), _figure(first.get("high")))
    return (
        f"On the {wording.count(_whole(block.get('n')))} rows {which}: "
        f"{vocabulary.words(vocabulary.METRICS, str(first.get('metric')))} "
        f"{wording.signed(_figure(first.get('difference')))} {spread}, "
        f"{first.get('verdict')}."
    )


def rested_on(evidence: Json | None) -> list[str]:
    """The rows the evidence was made from."""
    body = _object(evidence)
    said = []
    holdout, training = _object(body.get("holdout")), _object(body.get("training"))
    if holdout:
        positives = _whole(holdout.get("positives"))
        said.append(
            f"Compared on {wording.count(_whole(holdout.get('n')))} recent labelled rows"
            + (f", {wording.count(positives)} of them positive. " if positives is not None else ". ")
            + _UNSEEN.get(str(holdout.get("method")), _UNSEEN["later_rows"])
        )
    if training:
        said.append(
            f"Trained on {wording.count(_whole(training.get('rows')))} rows: "
            f"{wording.count(_whole(training.get('original_rows')))} original and "
            f"{wording.count(_whole(training.get('traffic_rows')))} from traffic."
        )
        left_out = (_whole(training.get("quarantined_rows")) or 0) + (
            _whole(training.get("suspect_rows_left_out")) or 0
        )
        said.append(f"{wording.plural(left_out, 'row')} that failed a data check were left out.")
        if equal := _whole(training.get("equal_rows_left_out")):
            said.append(f"{wording.plural(equal, 'row')} equal to others were left out: sent again and again.")
    said.extend(told for told in (since_onset(evidence), mended(evidence)) if told is not None)
    return said


def inaction(action: ActionDetail) -> str:
    """What doing nothing costs, with its interval: from the evidence, or as it was reckoned when this was proposed."""
    cost = _object(_object(action.evidence).get("inaction")) or _object(action.why.get("inaction"))
    per_day = _figure(cost.get("per_day"))
    says = wording.sentence(str(cost.get("says") or ""))
    if per_day is None or "[" in says:
        return says
    spread = wording.interval(_figure(cost.get("low")), _figure(cost.get("high")), 1)
    figure = f"{wording.number(per_day, 1)} {spread} {cost.get('currency') or 'errors'} per day."
    return f"{figure} {says}".strip()


# ------------------------------------------------------------------------------------------------- what comes next


@dataclass(frozen=True)
class Consequences:
    """What follows from each way this can end."""

    approve: list[str]
    reject: list[str]
    nobody: list[str]
    undo: list[str]


def consequences(action: ActionDetail, now: datetime) -> Consequences:
    """Said for exactly this action: its versions, its success test, its expiry."""
    pair, test = versions_of(action), _object(action.success_test)
    margin, rows = _figure(test.get("margin")), _whole(test.get("min_rows"))
    metric = vocabulary.words(vocabulary.METRICS, str(test.get("metric") or "the primary metric"))
    remaining = action.approvers_needed - action.approvals_given
    approve = [
        "Evidence, expiry and the version that serves are checked once more; if anything changed, nothing happens.",
        f"{pair.new} is activated in place of {pair.old}; every replica loads it and proves it on its golden rows.",
        f"The change is watched on the next {wording.count(rows) if rows else 'labelled'} labelled answers.",
    ]
    if remaining > 1:
        approve.insert(
            0,
            f"Your approval counts; {wording.plural(remaining - 1, 'other person', 'other people')} must approve too.",
        )
    lost = f"by more than {wording.number(margin)} {metric}" if margin is not None else "for certain"
    undo = [
        f"If {pair.new} proves worse than {pair.old} {lost}, the agent goes back to {pair.old} by itself, once.",
        f"You can go back at any time: Models → {pair.old} → Propose rollback.",
    ]
    cost = inaction(action)
    stays = f"{pair.old} keeps serving."
    return Consequences(
        approve=approve,
        reject=[stays, "The agent does not ask the same thing again before its stand-back time is over."]
        + ([f"What goes on: {cost}"] if cost else []),
        nobody=[
            f"This expires {wording.when(action.expires_at, now)} and nothing changes: silence is never consent."
            if action.expires_at
            else "Nothing changes: silence is never consent."
        ],
        undo=undo,
    )


_COURSE = {"approved": "about to be carried out", "executing": "being carried out", "verifying": "being verified"}


def course(action: ActionCard) -> str:
    """Who decided, and what has become of it since: `approved by ada, being verified`."""
    word = vocabulary.ACTION_STATUSES.get(action.status, vocabulary.UNKNOWN).word.lower()
    stands = _COURSE.get(action.status, word)
    if action.reviewed_by is None:
        return stands
    if action.status == "rejected":
        return f"rejected by {person(action.reviewed_by)}"
    return f"approved by {approved_by(action)}, {stands}"


def approved_by(action: ActionCard) -> str:
    """Everybody whose approval counted; where the votes are not at hand, the one who decided last."""
    votes = action.approvals if isinstance(action, ActionDetail) else []
    names = dict.fromkeys(vote.user for vote in votes if vote.current and vote.decision == "approve")
    return " and ".join(names) or person(action.reviewed_by or "")


@dataclass(frozen=True)
class Watched:
    """How far the verification of a change has come."""

    says: str
    share: float


def watched(action: ActionDetail, figures: Sequence[MetricPoint]) -> Watched:
    """From what was measured after the change: the labelled rows so far, of those that the first and the last look at
    them need."""
    test = _object(action.success_test)
    least, most = _whole(test.get("min_rows")), _whole(test.get("max_rows"))
    seen = max((point.n for point in figures if point.metadata.get("action_id") == action.action_id), default=0)
    of = f" of {wording.count(least)}–{wording.count(most)}" if least and most else ""
    says = f"{course(action)}: {wording.count(seen)}{of} labelled rows so far"
    return Watched(wording.sentence(says), min(seen / most, 1.0) if most else 0.0)


def asks_for_typed_version(action: ActionDetail) -> bool:
    """The highest risk is confirmed by typing the version, so that no reflex can do it."""
    return action.risk == "high"


@dataclass(frozen=True)
class Standing:
    """Whether the person may decide on what the page shows, and the sentence when not."""

    open: bool
    says: str = ""


def standing(seen: ActionDetail, newest: ActionDetail, now: datetime) -> Standing:
    """The page shows `seen`; `newest` is what the API says now. A decision counts only on what was shown."""
    if newest.status == "stale":
        return Standing(False, "What this rested on has changed. The evidence is being gathered again.")
    if newest.status not in {"pending_approval", *vocabulary.OPEN_ACTIONS}:
        return Standing(False, f"This is no longer open: {course(newest)}.")
    if newest.status in {"proposed", "gathering_evidence"}:
        return Standing(False, "The evidence is still being gathered. There is nothing to decide yet.")
    if newest.expires_at is not None and newest.expires_at <= now:
        return Standing(False, f"This expired {wording.when(newest.expires_at, now)}. Nothing was changed.")
    if newest.evidence_digest != seen.evidence_digest or newest.version != seen.version:
        return Standing(False, "There is newer evidence than this page shows. Read it before you decide.")
    if not newest.may_decide.allowed:
        return Standing(False, wording.sentence(newest.may_decide.why_not or "You may not decide this."))
    return Standing(True)
