"""Which part of the rows is answered worse than it was, while the rest is answered as before. Pure.

A loss in a few per cent of the rows hides in the aggregate. So every part the reference profile knows (a category, a
quarter of a number, what was not measured) is compared with its own error rate out of fold, on sound labelled rows:

- is it answered worse? Fisher's exact test, which counts the uncertainty of both error rates;
- is it answered worse than the rest is? A normal test of the difference of the two changes. A loss that is everywhere
  alike is no matter of a part, and is not named here.

The larger of the two p-values counts, with Benjamini and Hochberg's correction over all parts; and the loss must be one
worth acting on: its whole interval beyond the harm margin, and twice the margin above the change of the rest. A part
that overlaps one named before it must also stand by its other rows. Of pooled windows the newest must show it, too.

Measured in a made world (11 features, 44 parts, two kinds of learners, 30 references of 1500 rows, an error rate of
15 %): none of 1800 quiet windows of 400 rows was alarmed, nor of as many pools of three, so fewer than 0.2 % are. A
relation that turned in a category of 13 to 20 % of the rows was found in its first window 180 times of 180, and never
anything else named. At `STRICTER` 50 one of 360 pools was alarmed: a reference that was lucky in one part stays so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.model_contract import Feature, ModelContract
from config.segments import Segment, numbers
from database.enums import MetricKind, Verdict
from monitoring.luck import more_hits
from monitoring.measurement import Measurement, could_not_look
from monitoring.thresholds import difference_of, share_estimate
from monitoring.windows import WindowRows

METRIC = "accuracy"
# Of the rows a part must hold to be looked at.
LEAST_SHARE = 0.05
# The contract's rate of false alarms is one for all features of a window; this search comes on top of many others.
STRICTER = 500
# A loss below this many harm margins is not told, however many rows prove it.
FLOOR = 2.0
MOST = 3
# Fewer rows of the newest window in a part do not say whether it goes on.
LEAST_OWN = 10
_Z = NormalDist().inv_cdf(0.975)
_DULL = 0.05  # a part this much like the rest is not tested further

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Count:
    """Some rows, and how many of them were answered wrongly."""

    n: int
    errors: int

    @classmethod
    def among(cls, wrong: Bools, who: Bools) -> "Count":
        return cls(int(who.sum()), int(wrong[who].sum()))

    def __sub__(self, part: "Count") -> "Count":
        return Count(self.n - part.n, self.errors - part.errors)

    @property
    def rate(self) -> float:
        return self.errors / self.n

    @property
    def variance(self) -> float:
        """Of its rate; never zero, for a few rows without an error do not prove that there is none."""
        rate = (self.errors + 1) / (self.n + 2)
        return rate * (1 - rate) / self.n

    def worse_by_luck(self, then: "Count") -> float:
        return more_hits(self.errors, self.n, then.errors, then.n)


@dataclass(frozen=True)
class Part:
    """A part of the rows then and now, beside all others then and now."""

    segment: Segment
    who: Bools
    now: Count
    then: Count
    rest_now: Count
    rest_then: Count

    @property
    def loss(self) -> float:
        return self.now.rate - self.then.rate

    @property
    def rest_loss(self) -> float:
        return self.rest_now.rate - self.rest_then.rate

    @property
    def share(self) -> float:
        return self.now.n / (self.now.n + self.rest_now.n)

    @property
    def p(self) -> float:
        """How often luck alone makes it look this much worse than it was, or this much worse than the rest."""
        counts = (self.now, self.then, self.rest_now, self.rest_then)
        error = math.sqrt(sum(one.variance for one in counts))
        beside = NormalDist().cdf((self.rest_loss - self.loss) / error)
        return beside if beside > _DULL else max(beside, self.now.worse_by_luck(self.then))

    def matters(self, margin: float) -> bool:
        """Whether the loss is one worth acting on, and is not that of everybody."""
        if self.loss - max(self.rest_loss, 0.0) <= FLOOR * margin:
            return False
        between = difference_of(
            share_estimate(self.now.errors, self.now.n, _Z), share_estimate(self.then.errors, self.then.n, _Z)
        )
        return between is not None and between[1] > margin


def search(
    contract: ModelContract, profile: Mapping[str, Any], rows: WindowRows, *, pooled: int = 1, newest: int | None = None
) -> tuple[Measurement, ...]:
    """The parts that lost, the gravest first; one figure that says so when there is none, or why nobody could look.

    `newest`: how many of the rows, the last ones, are of the newest of the `pooled` windows.
    """
    usable = rows.labelled & ~rows.suspect
    own = (np.arange(rows.n) >= rows.n - (rows.n if newest is None else newest))[usable]
    sound = rows.only(usable)
    least = max(contract.monitoring.min_rows, math.ceil(LEAST_SHARE * sound.n))
    if sound.n < contract.monitoring.min_rows:
        return _blind(sound.n, pooled, f"{sound.n} sound labelled rows, too few to look at parts of them")
    if "errors" not in profile:
        return _blind(sound.n, pooled, "the version's reference does not know how each part was answered")
    wrong = sound.answers != (sound.labels == 1)
    then = Count(int(profile["n"]), int(profile["errors"]))
    parts = [
        part
        for name, feature in contract.features.items()
        for part in _parts(name, feature, profile, sound, wrong, then)
        if min(part.now.n, part.rest_now.n) >= least
        and min(part.then.n, part.rest_then.n) >= contract.monitoring.min_rows
    ]
    found = _standing(contract, parts, wrong, own)
    facts = {"rows": rows.n, "looked_at": len(parts), **({"pooled": pooled} if pooled > 1 else {})}
    if not found:
        return (_nothing(Count.among(wrong, np.ones(sound.n, dtype=bool)), then, len(parts), facts),)
    return tuple(_measurement(contract, profile, part, p, sound, facts) for part, p in found)


def _parts(
    name: str, feature: Feature, profile: Mapping[str, Any], rows: WindowRows, wrong: Bools, then: Count
) -> list[Part]:
    """The parts of one feature the reference knows."""
    stored = profile["features"].get(name, {}).get("segments", ())
    values = [row.get(name) for row in rows.features]
    column = numbers(values) if feature.kind == "numeric" else None
    everybody = Count.among(wrong, np.ones(rows.n, dtype=bool))
    found = []
    for one in stored:
        segment = Segment.from_json(one)
        who = segment.holding(values) if column is None else segment.within(column)
        now, before = Count.among(wrong, who), Count(one["n"], one["errors"])
        found.append(Part(segment, who, now, before, everybody - now, then - before))
    return found


def _standing(contract: ModelContract, parts: Sequence[Part], wrong: Bools, own: Bools) -> list[tuple[Part, float]]:
    """Those that stand out though many were looked at, each by rows that none before it has explained."""
    margin = contract.quality.harm_margin
    judged = sorted(((part, part.p) for part in parts), key=lambda one: (one[1], -one[0].loss * one[0].share))
    level = contract.monitoring.false_alarm_rate / STRICTER
    passed = [at for at, (_, p) in enumerate(judged) if p <= level * (at + 1) / len(judged)]
    chosen: list[tuple[Part, float]] = []
    explained = np.zeros(len(wrong), dtype=np.bool_)
    for part, p in judged[: passed[-1] + 1] if passed else ():
        goes_on = Count.among(wrong, part.who & own)
        if not part.matters(margin) or goes_on.n < LEAST_OWN or goes_on.rate - part.then.rate <= margin:
            continue
        others = part.who & ~explained
        left = Count.among(wrong, others)
        if left.n < LEAST_OWN or left.rate - part.then.rate <= FLOOR * margin or left.worse_by_luck(part.then) > level:
            continue
        chosen.append((part, p))
        explained |= part.who
        if len(chosen) == MOST:
            break
    return chosen


def _measurement(
    contract: ModelContract,
    profile: Mapping[str, Any],
    part: Part,
    p: float,
    rows: WindowRows,
    facts: Mapping[str, Any],
) -> Measurement:
    watched = METRIC in contract.quality.watched
    wrong = share_estimate(part.now.errors, part.now.n, _Z)
    words = part.segment.words(contract)
    return Measurement(
        kind=MetricKind.SEGMENT,
        name=METRIC,
        value=1 - part.now.rate,
        low=None if wrong.high is None else 1 - wrong.high,
        high=None if wrong.low is None else 1 - wrong.low,
        n=part.now.n,
        reference=1 - part.then.rate,
        verdict=Verdict.CRIT if watched else Verdict.WARN,
        why=(
            f"{words}: {part.now.errors} of {part.now.n} rows answered wrongly, {part.then.rate:.1%} of {part.then.n} "
            f"out of fold; elsewhere {part.rest_now.rate:.1%}, {part.rest_then.rate:.1%} out of fold"
        ),
        facts={
            **facts,
            "watched": watched,
            "of": words,
            "segment": part.segment.to_json(),
            "share": part.share,
            "p": p,
            "loss_of_all": part.share * part.loss,
            "loss_of_the_rest": part.rest_loss,
            "expected": _expected(profile, rows.only(part.who)),
        },
    )


def _expected(profile: Mapping[str, Any], rows: WindowRows) -> float | None:
    """The accuracy the scores of these rows promise; None without the calibration that tells."""
    curve = profile.get("calibration") or {}
    if not curve.get("x"):
        return None
    chances = np.interp(rows.probabilities, curve["x"], curve["y"])
    return float(np.where(rows.answers, chances, 1 - chances).mean())


def _nothing(now: Count, then: Count, looked_at: int, facts: Mapping[str, Any]) -> Measurement:
    """Looked, and no part stands out: about all rows, so of nothing in particular."""
    why = f"none of {looked_at} parts of the rows lost more than the others"
    verdict = Verdict.OK if looked_at else Verdict.INCONCLUSIVE
    why = why if looked_at else f"no part of these {now.n} rows is large enough to look at"
    return Measurement(
        MetricKind.SEGMENT, METRIC, 1 - now.rate, None, None, now.n, 1 - then.rate, verdict, why, dict(facts)
    )


def _blind(n: int, pooled: int, why: str) -> tuple[Measurement, ...]:
    found = could_not_look(MetricKind.SEGMENT, (METRIC,), n, why)
    return tuple(replace(one, facts={"pooled": pooled}) for one in found) if pooled > 1 else found
