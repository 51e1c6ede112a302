"""What the report of a period says: sentences, figures and rows, worked out of the API's answer. Pure.

A document that is filed speaks of one clock, so its times are in UTC whatever zone a reader has chosen. Texts that came
from data are cut to a length a page can hold; they stay data on their way to the page.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ui import vocabulary, wording
from ui.answers.period import PeriodDecision, PeriodReport, PeriodWindow
from ui.explain.versions import figure
from ui.observe.data_quality import WORDS as CHECKS
from ui.report import report_charts

LONGEST, LONGEST_WORD = 320, 28
# More lines than these are no page to read; the dashboard has them all.
ROWS = 25
GLOSSARY = (
    ("Window", "So many predictions in a row, judged as one; [a, b] is its 95 % interval, n its labelled rows."),
    (
        "Drift",
        "Inputs look different from those the version learned from. By itself it is no reason to change anything.",
    ),
    ("Evidence digest", "The name of exactly what a person was shown and signed; it cannot be changed afterwards."),
)
Rows = list[list[str]]


def text(said: object, most: int = LONGEST) -> str:
    """Text from data, fit for a page: no control characters, no endless words, not longer than `most` characters."""
    whole = str(said).encode("utf-8", "replace").decode("utf-8")
    kept = "".join(one if unicodedata.category(one)[0] != "C" or one == "\u200d" else " " for one in whole)
    words = " ".join(kept.split())
    cut = words if len(words) <= most else words[: most - 1].rstrip() + "…"
    return " ".join(_breakable(word) for word in cut.split(" "))


def _breakable(word: str) -> str:
    pieces = [word[at : at + LONGEST_WORD] for at in range(0, len(word), LONGEST_WORD)]
    return "\u200b".join(pieces)


def moment(at: datetime | None) -> str:
    return wording.NOTHING if at is None else f"{at.astimezone(UTC):%d %b %Y %H:%M}"


def day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %B %Y}".lstrip("0")


def _name(person: str) -> str:
    return text(person.partition(":")[2] or person, 60)


def content(found: PeriodReport, *, made_by: str) -> dict[str, Any]:
    """Everything that stands on the pages, in the order of the pages."""
    metric = vocabulary.words(vocabulary.METRICS, found.primary_metric)
    first, last = day(found.from_at), day(found.to_at)
    return {
        "title": text(found.title, 120),
        "name": text(found.model_name, 64),
        "period": f"{first} to {last}" if first != last else first,
        "exactly": f"[{moment(found.from_at)}, {moment(found.to_at)}) UTC",
        "environment": text(found.environment, 40).capitalize(),
        "made": f"{moment(found.generated_at)} UTC",
        "made_at": [int(part) for part in found.generated_at.astimezone(UTC).strftime("%Y %m %d %H %M %S").split()],
        "made_by": _name(made_by),
        "synthetic": found.synthetic,
        "metric": metric,
        "summary": [text(said, 400) for said in summary(found)],
        "figures": figures(found),
        "quality_chart": report_charts.quality(found.windows, found.minimum),
        "quality_says": text(_quality(found)),
        "windows": _windows(found.windows),
        "windows_note": _of_all(min(len(found.windows), ROWS), found.totals.windows, "window"),
        "drift_chart": report_charts.drift(found.windows),
        "drift_says": text(_drift(found)),
        "drift_legend": report_charts.legend(),
        "checks": _checks(found),
        "decisions": [_decision(one) for one in found.decisions[:ROWS]],
        "decisions_note": _of_all(min(len(found.decisions), ROWS), found.oversight.questions, "question"),
        "oversight": _oversight(found),
        "alone": _alone(found),
        "versions": _versions(found),
        "incidents": _incidents(found),
        "audit": text(_audit(found)),
        "audit_head": found.audit.head[:64],
        "glossary": [list(entry) for entry in GLOSSARY],
    }


# ---------------------------------------------------------------------------------------------------------- sentences


def summary(found: PeriodReport) -> list[str]:
    """Five sentences: what was answered, how well, what moved, what people decided, what the agent did by itself."""
    serving = found.versions[0].version if found.versions else None
    served = f"; v{serving} serves at its end" if serving is not None else "; no version served"
    return [
        f"{found.title} answered {wording.plural(found.answered, 'request')} in this period{served}.",
        _quality(found),
        _drift(found),
        _decided(found),
        _did_alone(found),
    ]


def _quality(found: PeriodReport) -> str:
    name = vocabulary.words(vocabulary.METRICS, found.primary_metric)
    judged = [one for one in found.windows if one.value is not None]
    if not judged:
        return (
            f"No window could be judged: {wording.count(found.totals.labelled)} of "
            f"{wording.count(found.totals.rows)} answers have a label, which is not to say that quality was fine."
        )
    newest, lowest = judged[-1], min(judged, key=lambda one: one.value or 0.0)
    beside = "at least the" if (newest.value or 0.0) >= found.minimum else "below the"
    worst = "" if lowest is newest else f"; lowest was {wording.number(lowest.value)} in window {lowest.seq}"
    return (
        f"{name} was {wording.number(newest.value)} {wording.interval(newest.low, newest.high)} in the newest judged "
        f"window (n = {wording.count(newest.labelled_n)}), {beside} {wording.number(found.minimum)} asked for{worst}."
    )


def _drift(found: PeriodReport) -> str:
    looked = [one for one in found.windows if one.drift and one.drift != "inconclusive"]
    if not looked:
        return "Whether the inputs moved could not be said: too few rows came."
    moved = [one for one in looked if one.drift in {"warn", "crit"}]
    if not moved:
        return f"The inputs looked as in training in all {wording.plural(len(looked), 'window')}."
    often = Counter(name for one in moved for name in one.drifted).most_common(3)
    most = f"; most often {', '.join(name for name, _ in often)}" if often else ""
    return f"Inputs moved in {len(moved)} of {wording.plural(len(looked), 'window')}{most}."


def _decided(found: PeriodReport) -> str:
    asked = found.oversight
    if not asked.questions:
        return "Nobody was asked for a decision."
    parts = [
        (asked.approved, "approved"),
        (asked.rejected, "rejected"),
        (asked.expired, "expired"),
        (asked.waiting, "still open"),
    ]
    called_off = asked.questions - sum(n for n, _ in parts)
    told = ", ".join(f"{n} {word}" for n, word in (*parts, (called_off, "called off before anybody decided")) if n)
    back = f"; {asked.taken_back} taken back afterwards" if asked.taken_back else ""
    return f"People were asked {wording.plural(asked.questions, 'time')}: {told}{back}."


def _did_alone(found: PeriodReport) -> str:
    done, failed = (sum(getattr(one, name) for one in found.done_alone) for name in ("times", "failed"))
    if not done:
        return "The agent did nothing by itself."
    kinds = ", ".join(
        f"{vocabulary.words(vocabulary.ACTIONS, one.action_type).lower()} {one.times} ×" for one in found.done_alone[:3]
    )
    how = f"{failed} failed" if failed else "none failed"
    return f"By itself the agent did {wording.plural(done, 'thing')} that change nothing that serves ({kinds}); {how}."


def _audit(found: PeriodReport) -> str:
    audit = found.audit
    if audit.verified is None:
        walked = "It is too long to be walked for a report: steward audit verify does it."
    elif audit.verified:
        walked = "The whole chain was walked for this report, and every event is as it was written."
    else:
        walked = (
            f"The chain was walked and is NOT whole: {wording.plural(audit.faults, 'fault')}. See steward audit verify."
        )
    return f"It holds {wording.plural(audit.events, 'event')}. {walked}"


# ---------------------------------------------------------------------------------------------------- figures and rows


def figures(found: PeriodReport) -> list[dict[str, str]]:
    """Four figures for the top, none without what it rests on."""
    judged = [one for one in found.windows if one.value is not None]
    newest = judged[-1] if judged else None
    labelled = found.totals.labelled / found.totals.rows if found.totals.rows else None
    wait = found.oversight.median_wait_s
    return [
        {
            "label": vocabulary.words(vocabulary.METRICS, found.primary_metric),
            "value": wording.number(newest.value if newest else None),
            "note": f"{wording.interval(newest.low, newest.high)}, n = {newest.labelled_n}" if newest else "not judged",
        },
        {
            "label": "Answers",
            "value": wording.count(found.answered),
            "note": f"slowest p95 {wording.number(found.latency_p95_ms, 1)} ms"
            if found.latency_p95_ms
            else "no traffic",
        },
        {
            "label": "Labelled",
            "value": wording.percent(labelled, 0),
            "note": f"{wording.count(found.totals.labelled)} of {wording.count(found.totals.rows)} in windows",
        },
        {
            "label": "Time to decide",
            "value": wording.NOTHING if wait is None else wording.span(timedelta(seconds=wait)),
            "note": f"median, {wording.plural(found.oversight.questions, 'question')}",
        },
    ]


def _of_all(shown: int, all_of_them: int, one: str) -> str:
    return f"The newest {shown} of {wording.plural(all_of_them, one)}." if shown < all_of_them else ""


def _windows(windows: Sequence[PeriodWindow]) -> Rows:
    return [
        [
            str(one.seq),
            moment(one.to_at),
            f"v{one.version}",
            f"{wording.count(one.labelled_n)} of {wording.count(one.n)}",
            f"{wording.number(one.value)} {wording.interval(one.low, one.high)}".replace("– –", "not judged"),
            _moved(one),
        ]
        for one in list(windows)[-ROWS:][::-1]
    ]


def _moved(one: PeriodWindow) -> str:
    """One input by name and how many besides, so that a window is a line."""
    if not one.drifted:
        return wording.NOTHING
    more = f" and {len(one.drifted) - 1} more" if len(one.drifted) > 1 else ""
    return text(one.drifted[0], 60) + more


def _checks(found: PeriodReport) -> Rows:
    return [
        [
            text(vocabulary.words(CHECKS, one.check_name), 60),
            text(one.column or wording.NOTHING, 80),
            wording.count(one.windows),
            f"{wording.count(one.failed_rows)} of {wording.count(one.n)}",
        ]
        for one in found.checks
    ]


def _decision(one: PeriodDecision) -> dict[str, str]:
    took = f" after {wording.span(one.decided_at - one.asked_at)}" if one.decided_at else ""
    people = f"Decided by {', '.join(one.decided_by)}{took}." if one.decided_by else "Nobody has decided it."
    status = vocabulary.ACTION_STATUSES.get(one.status, vocabulary.UNKNOWN)
    return {
        "question": text(wording.named(one.question)),
        "status": status.word,
        "asked": f"{moment(one.asked_at)} by {_name(one.asked_by)}, {text(one.risk, 10)} risk",
        "decided": text(people, 240),
        "digest": wording.short_digest(one.evidence_digest),
        "outcome": text(wording.sentence(one.outcome)) if one.outcome else wording.NOTHING,
    }


def _oversight(found: PeriodReport) -> Rows:
    asked = found.oversight
    decided = asked.approved + asked.rejected
    share = (
        f"{wording.percent(asked.approved / decided, 0)} ({wording.count(asked.approved)} of {wording.count(decided)})"
        if decided
        else "none was decided"
    )
    wait = wording.NOTHING if asked.median_wait_s is None else wording.span(timedelta(seconds=asked.median_wait_s))
    return [
        ["Questions", wording.count(asked.questions)],
        ["Approved, of those decided", share],
        ["Expired without a decision", wording.count(asked.expired)],
        ["Approved and taken back afterwards", wording.count(asked.taken_back)],
        ["Median time from question to decision", wait],
    ]


def _alone(found: PeriodReport) -> Rows:
    return [
        [
            vocabulary.words(vocabulary.ACTIONS, one.action_type),
            vocabulary.words(vocabulary.CAUSES, one.cause) if one.cause else wording.NOTHING,
            wording.count(one.times),
            wording.count(one.failed),
            text(wording.sentence(one.last_outcome), 200) or wording.NOTHING,
        ]
        for one in found.done_alone[:ROWS]
    ]


def _versions(found: PeriodReport) -> Rows:
    return [
        [
            f"v{one.version}",
            text(vocabulary.words(vocabulary.ALGORITHMS, one.algorithm), 60),
            moment(one.from_at),
            moment(one.to_at) if one.to_at else "now",
            figure(one.primary),
            text(wording.sentence(one.reason), 160),
        ]
        for one in found.versions[:ROWS]
    ]


def _incidents(found: PeriodReport) -> Rows:
    return [
        [
            text(one.title, 160),
            vocabulary.SEVERITIES.get(one.severity, vocabulary.UNKNOWN).word,
            moment(one.opened_at),
            moment(one.resolved_at) if one.resolved_at else "open",
        ]
        for one in found.incidents[:ROWS]
    ]
