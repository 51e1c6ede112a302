"""What the lives are worth, as figures with bars. Pure.

Lives of one scenario are alike, so an interval resamples scenarios and not lives: it says how much the figure hangs on
which faults somebody thought of.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from database.enums import ActionStatus, Cause
from scripts.lab.faults.life import Lived
from scripts.lab.faults.scenarios import SCENARIOS, Scenario
from scripts.lab.faults.suite import Results

NOTHING = "nothing"
_BY_NAME: dict[str, Scenario] = {one.name: one for one in SCENARIOS}
_DRAWS = 1000
_SEED = 20_240_601

Figure = dict[str, Any]
Statistic = Callable[[Sequence[Lived]], float | None]


def scenario_of(life: Lived) -> Scenario:
    return _BY_NAME[life.scenario]


def figures(found: Results, limit_s: float = 900.0) -> dict[str, Figure]:
    """Every figure with its interval, its bar and whether it is met."""
    labelled = [one for one in found.lives if one.labelled]
    blind = [one for one in found.lives if not one.labelled]
    harmful = [one for one in labelled if scenario_of(one).harmful]
    harmless = [one for one in labelled if not scenario_of(one).harmful]
    told = [one for one in harmful if one.messages]
    mended = [one for one in labelled if scenario_of(one).remedies]
    back = [one for one in found.lives if any(p.best is not None for p in one.proposals)]
    return {
        "proposals_when_harmless": _at_most(
            0.05, harmless, _share(lambda one: bool(one.proposals)),
            "lives without harm in which a person was asked for a change, with labels",
        ),
        "recall": _at_least(
            0.95, harmful, _share(lambda one: str(one.truth) in one.told), "harmful lives in which people were told why"
        ),
        "cause_macro_f1": _at_least(0.85, labelled, macro_f1, "of the named causes, with labels"),
        "wrong_actions": _at_most(
            0.03, labelled, _share(asked_wrongly), "lives in which a change was asked for that the cause forbids"
        ),
        "mended": _figure(
            mended, _share(was_mended), "harmful lives with a remedy in which it was proven and approved"
        ),
        "rollback_best": _at_least(
            0.95, back, _share(lambda one: all(p.best is not False for p in one.proposals)),
            "rollbacks that went to the best version",
        ),
        "incompatible_refused": _at_least(
            1.0, back, _share(lambda one: all(p.fits is not False for p in one.proposals)),
            "rollbacks that did not go to a version made for other features",
        ),
        "bad_reverted": _tried(found, good=False, at_least=0.95),
        "good_reverted": _tried(found, good=True, at_most=0.05),
        "false_incidents": _month(found),
        "messages_per_incident": _at_most(
            1.2, told, lambda lives: sum(one.messages for one in lives) / len(lives),
            "messages in a harmful life in which people were told",
        ),
        "mcc_without_labels": _at_least(
            0.5, blind, agreement, "of alarm and harm in each window, where no label comes after the onset"
        ),
        "seconds": _plain(round(found.seconds, 1), f"at most {limit_s:g}", found.seconds <= limit_s, "the whole suite"),
    }  # fmt: skip


def asked_wrongly(life: Lived) -> bool:
    return any(one.action not in scenario_of(life).remedies for one in life.proposals)


def was_mended(life: Lived) -> bool:
    scenario = scenario_of(life)
    late = (one for one in life.proposals if one.window >= scenario.onset)
    return any(one.recommended and one.action in scenario.remedies for one in late)


def confusion(lives: Iterable[Lived]) -> dict[str, Counter[str]]:
    """How often each cause (or nothing) was named, by what was true."""
    found: dict[str, Counter[str]] = {}
    for one in lives:
        found.setdefault(_word(one.truth), Counter())[_word(one.named)] += 1
    return found


def _word(cause: Cause | None) -> str:
    return NOTHING if cause is None else str(cause)


def macro_f1(lives: Sequence[Lived]) -> float | None:
    """The mean F1 over the causes that were true in some life. None without lives."""
    scores = []
    for cause in {_word(one.truth) for one in lives}:
        hits = sum(_word(one.truth) == cause == _word(one.named) for one in lives)
        named = sum(_word(one.named) == cause for one in lives) + sum(_word(one.truth) == cause for one in lives)
        scores.append(2 * hits / named)
    return float(np.mean(scores)) if scores else None


def agreement(lives: Sequence[Lived]) -> float | None:
    """Matthews' correlation of alarm and harm over all windows."""
    return correlation([pair for one in lives for pair in zip(one.alarms, one.harmed, strict=True)])


def correlation(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Matthews' correlation coefficient; None where one side never varies (Matthews 1975)."""
    if not pairs:
        return None
    said, was = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    spread = said.std() * was.std()
    return float(((said - said.mean()) * (was - was.mean())).mean() / spread) if spread else None


def _share(of: Callable[[Lived], bool]) -> Statistic:
    return lambda lives: sum(map(of, lives)) / len(lives) if lives else None


def interval(lives: Sequence[Lived], statistic: Statistic) -> tuple[float | None, float | None]:
    """95 % over scenarios drawn anew."""
    by_scenario: dict[str, list[Lived]] = {}
    for one in lives:
        by_scenario.setdefault(one.scenario, []).append(one)
    groups, rng, values = list(by_scenario.values()), np.random.default_rng(_SEED), []
    for _ in range(_DRAWS if len(groups) > 1 else 0):
        drawn = [one for at in rng.integers(len(groups), size=len(groups)) for one in groups[at]]
        if (value := statistic(drawn)) is not None:
            values.append(value)
    if not values:
        return None, None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _figure(lives: Sequence[Lived], statistic: Statistic, why: str) -> Figure:
    low, high = interval(lives, statistic)
    value = statistic(lives) if lives else None
    return {"value": value, "low": low, "high": high, "n": len(lives), "bar": None, "ok": None, "why": why}


def _at_most(bar: float, lives: Sequence[Lived], statistic: Statistic, why: str) -> Figure:
    found = _figure(lives, statistic, why)
    return found | {"bar": f"at most {bar:g}", "ok": found["value"] is not None and found["value"] <= bar}


def _at_least(bar: float, lives: Sequence[Lived], statistic: Statistic, why: str) -> Figure:
    found = _figure(lives, statistic, why)
    return found | {"bar": f"at least {bar:g}", "ok": found["value"] is not None and found["value"] >= bar}


def _plain(value: float | None, bar: str, ok: bool, why: str, n: int | None = None) -> Figure:
    return {"value": value, "low": None, "high": None, "n": n, "bar": bar, "ok": ok, "why": why}


def _tried(found: Results, *, good: bool, at_least: float | None = None, at_most: float | None = None) -> Figure:
    tries = [one for one in found.trials if one.good is good]
    share = sum(one.status is ActionStatus.REVERTED for one in tries) / len(tries) if tries else None
    why = f"{'better' if good else 'worse'} versions taken back by their test"
    if at_least is not None:
        return _plain(share, f"at least {at_least:g}", share is not None and share >= at_least, why, len(tries))
    return _plain(share, f"at most {at_most:g}", share is not None and share <= (at_most or 0.0), why, len(tries))


def _month(found: Results) -> Figure:
    each = [len(one.incidents) for one in found.months]
    mean = float(np.mean(each)) if each else None
    why = "incidents in thirty quiet days of thirty features, on average"
    return _plain(mean, "at most 1", mean is not None and mean <= 1, why, len(each))
