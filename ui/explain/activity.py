"""What the agent did, run by run: observed, concluded, decided, and what came of it. Pure.

A pass's diagnoses and decisions are JSON as the agent wrote them, so they are read forgivingly.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ui import vocabulary, wording
from ui.answers.runs import KindStanding, MadeAction, QuietPasses, RunOut
from ui.api_types import Json

FILTERS = {
    "all": "Everything",
    "automatic": "By itself",
    "asked": "Asked people",
    "left_alone": "Left alone",
    "failed": "Failed or taken back",
}
_ALONE = vocabulary.Sign("By itself", "▸", "blue")
_ASKED = vocabulary.Sign("Asked people", "◐", "blue")
_TRIED = vocabulary.Sign("Tried", "◔", "blue")
# A try because of corrected answers asks nobody unless its proof says so: until then, and if it ended, it is a try.
_TRY, _BEFORE_ASKING = "corrected_answers", frozenset({"proposed", "gathering_evidence", "cancelled", "failed"})
LEFT = vocabulary.Sign("Left alone", "○", "gray")
_KINDS = {"realised": "", "estimated": " (estimated, no labels yet)"}
_WINDOW = re.compile(r"\bwindow (\d+)\b")


@dataclass(frozen=True)
class Line:
    """One thing a pass concluded or left alone: a sign, a sentence, and what it rests on."""

    sign: vocabulary.Sign
    says: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deed:
    """What a pass put forward, by which line of which policy page, and what became of it."""

    sign: vocabulary.Sign
    says: str
    action_type: str
    made: MadeAction | None


@dataclass(frozen=True)
class Entry:
    """One pass, or several in a row with the same conclusion, after the first of which nothing more was done.

    What was done is that of the first of them, the figures and the reasons those of the newest.
    """

    first_at: datetime
    last_at: datetime
    times: int
    windows: tuple[int, ...]
    dry_run: bool
    policy: str | None
    conclusion: tuple[tuple[str, str], ...]
    observed: tuple[str, ...]
    concluded: tuple[Line, ...]
    rejected: tuple[str, ...]
    did: tuple[Deed, ...]
    left_alone: tuple[Line, ...]
    quiet_before: QuietPasses | None


def _facts(found: object) -> tuple[str, ...]:
    facts = found if isinstance(found, list) else []
    return tuple(
        wording.sentence(str(fact.get("says"))) for fact in facts if isinstance(fact, dict) and fact.get("says")
    )


def _diagnosis(found: Json) -> Line:
    cause = vocabulary.words(vocabulary.CAUSES, str(found.get("cause") or "unknown"))
    sign = vocabulary.SEVERITIES.get(str(found.get("severity")), vocabulary.UNKNOWN)
    says = wording.sentence(str(found.get("says") or ""))
    new = tuple(fact for fact in _facts(found.get("for")) if fact.removesuffix(".").casefold() not in says.casefold())
    against = tuple(f"Against it: {fact}" for fact in _facts(found.get("against")))
    return Line(sign, f"{wording.sentence(cause)} {says}".strip(), new + against)


def _rejected(diagnoses: Sequence[Json]) -> tuple[str, ...]:
    """What else it could have been, each cause once, with the reason why it is not."""
    told: dict[str, str] = {}
    for diagnosis in diagnoses:
        others = diagnosis.get("rejected")
        for one in others if isinstance(others, list) else []:
            if isinstance(one, dict) and one.get("cause"):
                told.setdefault(str(one["cause"]), str(one.get("why") or "no reason was written down"))
    return tuple(
        f"{wording.sentence(vocabulary.words(vocabulary.CAUSES, cause)).removesuffix('.')}: {wording.sentence(why)}"
        for cause, why in told.items()
    )


def _is_deed(found: Json) -> bool:
    return bool(found.get("question")) and found.get("does") != "nothing"


def _deed(found: Json, made: Mapping[str, MadeAction]) -> Deed:
    came_of_it = made.get(str(found.get("dedupe_key")))
    sign = _ASKED if found.get("requires_approval") else _ALONE
    if found.get("cause") == _TRY and (came_of_it is None or came_of_it.status in _BEFORE_ASKING):
        sign = _TRIED
    question = wording.sentence(str(found.get("question")))
    return Deed(sign, question, str(found.get("action_type") or ""), came_of_it)


def _left_alone(decisions: Sequence[Json]) -> tuple[Line, ...]:
    """What was not done and why; the same about several windows is one line."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for found in decisions:
        kind = found.get("action_type")
        action = vocabulary.words(vocabulary.ACTIONS, str(kind)) if kind else ""
        why = found.get("why")
        said = why if isinstance(why, str) else str(found.get("says") or "nothing to do")
        grouped.setdefault((action, _WINDOW.sub("window #", said)), []).append(said)
    return tuple(Line(LEFT, _reason(action, said)) for (action, _), said in grouped.items())


def _reason(action: str, said: Sequence[str]) -> str:
    windows = list(dict.fromkeys(found[1] for one in said if (found := _WINDOW.search(one))))
    text = said[0]
    if len(windows) > 1:
        text = _WINDOW.sub(f"windows {', '.join(windows[:-1])} and {windows[-1]}", text, count=1)
    return f"{action}: {wording.sentence(text)}" if action else wording.sentence(text)


def _window_says(window: Json) -> str:
    """A window's rows in a sentence."""
    counts = [("n", "row"), ("labelled_n", "labelled"), ("suspect_n", "suspect")]
    said = [
        wording.plural(n, word) if key == "n" else f"{wording.count(n)} {word}"
        for key, word in counts
        if isinstance(n := window.get(key), int) and (key != "suspect_n" or n)
    ]
    drift, share = window.get("drift"), window.get("drift_score")
    if isinstance(share, int | float) and drift in {"warn", "crit"}:
        said.append(f"inputs with {wording.percent(share, 0)} of the influence moved")
    return f"Window {window.get('seq')}: {', '.join(said)}."


def _figure_says(figure: Json) -> str:
    name = vocabulary.words(vocabulary.METRICS, str(figure.get("name")))
    reference = figure.get("reference")
    beside = f", {wording.number(reference)} in training" if isinstance(reference, int | float) else ""
    return (
        f"{name} {wording.number(figure.get('value'))} {wording.interval(figure.get('low'), figure.get('high'))}, "
        f"n = {wording.count(figure.get('n'))}{beside}{_KINDS.get(str(figure.get('kind')), '')}."
    )


def _observed(observed: Json) -> tuple[str, ...]:
    """What a pass looked at: the newest window, the newest judged one, and how good the answers were there."""
    if blind := observed.get("blind"):
        return (f"It saw nothing: {wording.sentence(str(blind))}",)
    latest, judged = observed.get("latest"), observed.get("judged")
    said = [_window_says(one) for one in (latest, judged) if isinstance(one, dict) and one.get("seq") is not None]
    figures = (judged if isinstance(judged, dict) else {}).get("figures")
    measured = [one for one in figures if _is_measured(one)] if isinstance(figures, list) else []
    realised = [one for one in measured if one.get("kind") == "realised"]
    said += [_figure_says(one) for one in (realised or measured)[:2]]
    return tuple(dict.fromkeys(said)) or ("There was no window to look at yet.",)


def _is_measured(figure: Any) -> bool:
    return (
        isinstance(figure, dict)
        and figure.get("kind") in _KINDS
        and figure.get("name") in vocabulary.METRICS
        and isinstance(figure.get("value"), int | float)
        and figure.get("pooled", 1) == 1
        and not figure.get("of")
    )


def _window(run: RunOut) -> tuple[int, ...]:
    latest = run.observed.get("latest")
    seq = latest.get("seq") if isinstance(latest, dict) else None
    return (seq,) if isinstance(seq, int) else ()


def _entry(run: RunOut) -> Entry:
    made = {one.dedupe_key: one for one in run.made}
    return Entry(
        first_at=run.created_at,
        last_at=run.created_at,
        times=1,
        windows=_window(run),
        dry_run=run.dry_run,
        policy=run.policy,
        conclusion=tuple(sorted((str(d.get("cause")), str(d.get("severity"))) for d in run.diagnoses)),
        observed=_observed(run.observed),
        concluded=tuple(_diagnosis(found) for found in run.diagnoses),
        rejected=_rejected(run.diagnoses),
        did=tuple(_deed(found, made) for found in run.decisions if _is_deed(found)),
        left_alone=_left_alone([found for found in run.decisions if not _is_deed(found)]),
        quiet_before=run.quiet_before,
    )


def _joined(before: Entry, newer: Entry) -> Entry:
    return replace(
        newer,
        first_at=before.first_at,
        times=before.times + 1,
        windows=tuple(dict.fromkeys(before.windows + newer.windows)),
        did=before.did,
        quiet_before=before.quiet_before,
    )


def timeline(runs: Sequence[RunOut]) -> list[Entry]:
    """Newest first; a pass that concluded what the one just before it did, and did nothing more, adds to its count."""
    entries: list[Entry] = []
    for entry in map(_entry, reversed(runs)):
        last = entries[-1] if entries else None
        goes_on = last is not None and (last.conclusion, last.dry_run) == (entry.conclusion, entry.dry_run)
        if last is not None and goes_on and not entry.did and entry.quiet_before is None:
            entries[-1] = _joined(last, entry)
        else:
            entries.append(entry)
    return entries[::-1]


def passes(entry: Entry, now: datetime) -> str:
    """When, about which windows, and how long it stayed so."""
    about = "no window yet"
    if entry.windows:
        first, last = entry.windows[0], entry.windows[-1]
        about = f"window {first}" if first == last else f"windows {first} to {last}"
    begun = f"{wording.when(entry.first_at, now)} · {about}"
    if entry.times == 1:
        return begun
    more = wording.plural(entry.times - 1, "more pass", "more passes")
    return f"{begun} · the same for {more} until {wording.when(entry.last_at, now)}"


def quiet(found: QuietPasses) -> str:
    """Passes in which there was nothing, folded into a line."""
    span = wording.moment(found.from_at)
    if found.passes > 1:
        span = f"{span} to {wording.moment(found.to_at)}"
    return f"Nothing found, {wording.plural(found.passes, 'recorded pass', 'recorded passes')}: {span}"


def why_nothing(entry: Entry) -> str:
    """Why a pass that found something did nothing: the reason for what matters most stands first."""
    if not entry.left_alone:
        return "Nothing is done about this."
    first, more = entry.left_alone[0].says, len(entry.left_alone) - 1
    return f"{first} {wording.plural(more, 'more reason', 'more reasons')} below." if more else first


def allowed_by(deed: Deed, policy: str | None, in_force: str, kinds: Mapping[str, KindStanding]) -> str:
    """Which line of which page let it be done. What an earlier page said is not guessed from today's."""
    if policy is None:
        return "The pass did not write down which policy page it followed."
    page = f"policy page {policy[:8]}"
    rule = kinds.get(deed.action_type)
    if policy != in_force or rule is None:
        return f"By {page}, which is no longer in force."
    decides = "the agent decides" if rule.alone else wording.plural(rule.approvers, "person decides", "people decide")
    return f"By {page}: {rule.risk} risk, {decides}, at most {wording.count(rule.budget)} a day."


def result(deed: Deed, now: datetime) -> str:
    """What came of it, in a sentence."""
    if deed.made is None:
        return "Nothing was put forward under this name: it was only recorded, or made by an earlier pass."
    at = deed.made.ended_at or deed.made.executed_at
    when = f" {wording.relative(at, now).capitalize()}." if at else ""
    return f"{wording.sentence(deed.made.outcome)}{when}".strip()
