"""The coming of a window's labels: how long they took, whether that is later than usual, from where they come. Pure.

`label_sources.py` says which sources fell silent, `turned_labels.py` whether what has come can be believed.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np

from config.model_contract import ModelContract
from database.enums import LabelFigure, MetricKind, Verdict
from database.models import MonitoringWindow, PerformanceMetric
from monitoring.label_sources import source_gap
from monitoring.measurement import Measurement
from monitoring.windows import WindowRows, needs_another_look

# A limit is learned from this many windows, and is never shorter than this.
LEAST_WAITS, LEAST_LIMIT = 5, timedelta(hours=1)
# How many earlier windows say what is usual.
EARLIER = 20
_HOUR = timedelta(hours=1)


def learned_limit(waits: Sequence[timedelta], lasts: timedelta, delay: timedelta) -> timedelta | None:
    """From when on a window's labels are late, learned from the `waits` of earlier ones; None from fewer than five.

    Twice what nine of ten windows needed, at least as long as a window lasts and an hour, and never longer than the
    contract's delay: there it is a fault whatever was usual. A feed that works by day or by week is learned as such
    only once a pause was seen; until then its first night or weekend may be called late, which is why a limit that was
    only learned makes a note and no warning. Labels that stay late become the new usual after a few windows.
    """
    if len(waits) < LEAST_WAITS:
        return None
    usual = timedelta(seconds=float(np.quantile([one.total_seconds() for one in waits], 0.9)))
    return min(delay, max(2 * usual, lasts, LEAST_LIMIT))


def wait_of(
    contract: ModelContract, window: MonitoringWindow, came: datetime, earlier: Sequence[timedelta]
) -> Measurement:
    """How many hours after its end a window had the contract's share of labels, and how long that took before."""
    took = max(timedelta(0), came - window.to_at)
    limit = learned_limit(earlier, window.to_at - window.from_at, contract.labels.delay)
    usual = float(np.median([one / _HOUR for one in earlier])) if earlier else None
    verdict = Verdict.INCONCLUSIVE if limit is None else Verdict.CRIT if took > limit else Verdict.OK
    why = f"{took / _HOUR:.1f} h after the window" + ("" if usual is None else f", usually {usual:.1f} h")
    facts = {"limit_h": None if limit is None else limit / _HOUR, "windows": len(earlier)}
    return Measurement(
        MetricKind.LABELS, LabelFigure.WAIT, took / _HOUR, None, None, window.labelled_n, usual, verdict, why, facts
    )


def look_at_labels(
    contract: ModelContract,
    window: MonitoringWindow,
    own: Sequence[PerformanceMetric],
    earlier: Sequence[PerformanceMetric],
    rows: Callable[[], WindowRows],
    came: Callable[[int], datetime | None],
    now: datetime,
) -> tuple[Measurement, ...]:
    """What is to be written now about the coming of a window's labels: nothing while nothing is new.

    `own` and `earlier` are the newest label figures of this window and of those before it, whichever version answered
    them: the feed is the same. `came` tells when that many labels were there. A wait is written once and stays; from
    where labels come is looked at when the window is judged, when its labels are due, and when more of them came.
    """
    mine = {figure.metric_name: figure for figure in own}
    waits = [
        timedelta(hours=f.metric_value)
        for f in earlier
        if f.metric_name == LabelFigure.WAIT and f.metric_value is not None
    ]
    found = []
    enough = math.ceil(contract.labels.maturity * window.n)
    there = 0 < enough <= window.labelled_n
    if LabelFigure.WAIT not in mine and there and (moment := came(enough)) is not None:
        found.append(wait_of(contract, window, moment, waits))
    delay = contract.labels.delay
    limit = learned_limit(waits, window.to_at - window.from_at, delay) or delay
    final = now - window.to_at > limit or window.labelled_n >= window.n
    last = mine.get(LabelFigure.SOURCE_GAP)
    news = last is None or needs_another_look(last.n, window.labelled_n - last.n)
    due = last is not None and final and not last.metadata_.get("final")
    if window.labelled_n and (final or there) and (news or due):
        found.append(source_gap(contract, rows(), earlier, final=final))
    return tuple(found)
