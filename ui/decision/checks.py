"""What speaks against a change and what for it, as checks: failed first. Pure."""

from dataclasses import dataclass, replace

from ui import wording
from ui.api_types import ActionDetail, Json
from ui.decision.evidence import Comparison, comparisons, losses, worse_of
from ui.decision.fields import obj, objects


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
        for check in objects(obj(evidence).get("checks"))
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
    by_onset = obj(action.evidence).get("rests_on") == "since_onset"
    lately = comparisons(obj(obj(action.evidence).get("since_onset")), "metrics")
    told = [row for row in lately if row.verdict == "worse" or (by_onset and row.verdict == "better")]
    onset = [_of_metric(replace(row, name=f"{row.name} since the incident began")) for row in told]
    older = [_with_older_rows(check) if by_onset else check for check in map(_of_metric, worse_of(rows[1:]))]
    found = [*older, *onset, *checks(action.evidence)]
    if segments:
        worse = [row.name for row in worse_of(segments)]
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


@dataclass(frozen=True)
class Against:
    """One thing that speaks against a change: surely (`ok` False), or as a doubt (None).

    `open`: it was measured, and its interval includes zero, which is another thing than not known."""

    ok: bool | None
    name: str
    says: str
    open: bool = False


def against(action: ActionDetail) -> list[Against]:
    """Everything that speaks against it, the surest first: failed checks, what is not known, figures whose interval
    includes zero, and what the record warns of. What the diagnosis has against it stands with the diagnosis."""
    found = [Against(check.ok, check.name, check.says) for check in strip(action) if check.ok is not True]
    told = {one.name for one in found}
    open_ones = [
        row.name
        for row in comparisons(action.evidence, "metrics")
        if row.verdict == "inconclusive" and row.name not in told
    ]
    if open_ones:
        named = " and ".join(filter(None, [", ".join(open_ones[:-1]), open_ones[-1]]))
        found.append(Against(None, named, "the interval of the difference includes zero: it may be no better", True))
    if action.evidence is not None and (caution := action.record.rule.caution):
        found.append(Against(None, "record", caution.rstrip(".")))
    return found


def passed(action: ActionDetail) -> list[Check]:
    return [check for check in strip(action) if check.ok]
