"""The ground all policies stand on: one stream, one learner, and what has been learnt and answered already.

A version learnt from the same rows is the same version, whoever asked for it, so it is learnt once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from config.model_contract import ModelContract
from database.errors import InvalidError
from database.queries.training_rows import LabelledRow
from monitoring.windows import WindowRows
from monitoring.windows import joined as in_a_row
from scripts.lab.feed import Feed
from scripts.lab.learner import NotLearntError, Version, learn
from scripts.lab.stream import Stream, Windows
from training.evaluator import Scored, value_of
from training.feature_engineering import Matrix, encoding_for
from training.model_factory import Params
from training.recent import Repetition, labels_of, repetition_of, trusted
from training.suspects import suspect_reasons


def place_of(row: LabelledRow) -> int:
    """Where a row stands in the stream."""
    return row.prediction_id.int


@dataclass(frozen=True, eq=False)
class Ground:
    """The stream with everything that does not depend on a policy."""

    contract: ModelContract
    stream: Stream
    windows: Windows
    candidates: Mapping[str, Params]
    matrix: Matrix
    suspect: NDArray[np.bool_]
    feed: Feed
    _learnt: dict[tuple[tuple[int, ...], bool], Version | str] = field(default_factory=dict)
    _answers: dict[tuple[Version, int], Scored] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        contract: ModelContract,
        stream: Stream,
        windows: Windows,
        candidates: Mapping[str, Params],
        *,
        feed: Feed | None = None,
        first: Version | None = None,
    ) -> "Ground":
        """`feed`: how the labels come, where they do not simply come `label_delay` windows later; `first`: the version
        that serves when the stream begins, where it was learnt elsewhere."""
        if feed is None:
            # A label that comes when it was said to come is not late.
            waits = max(contract.labels.delay, (windows.label_delay + 1) * windows.longest)
            contract = contract.model_copy(update={"labels": contract.labels.model_copy(update={"delay": waits})})
            feed = Feed.of(stream, windows)
        suspect = np.array([bool(suspect_reasons(contract, row)) for row in stream.rows], dtype=np.bool_)
        matrix = encoding_for(contract).matrix(stream.rows)
        learnt: dict[tuple[tuple[int, ...], bool], Version | str] = {} if first is None else {((), True): first}
        return cls(contract, stream, windows, candidates, matrix, suspect, feed, learnt)

    # ------------------------------------------------------------------------------------------------------ learning

    def first(self) -> Version:
        """The version that serves when the stream begins."""
        return self._version(())

    @cached_property
    def usual(self) -> Repetition:
        """How often whole rows are equal in what the first version learns from."""
        names = self.contract.feature_names
        learnt = self.stream.rows[: self.windows.train_rows]
        return repetition_of([tuple(row.get(name) for name in names) for row in learnt])

    def labelled(self, at: int) -> Iterator[LabelledRow]:
        """Rows whose labels are there when window `at` closes, newest first."""
        for window in range(at, -1, -1):
            yield from self.labelled_in(window, self.windows.spans[at].to_at)

    def labelled_in(
        self, window: int, now: datetime, answers: Scored | None = None, number: int = 0
    ) -> Iterator[LabelledRow]:
        """The rows of one window whose labels have come by now, newest first, and what version `number` answered if
        anybody asks."""
        span, instant = self.windows.spans[window], now.timestamp()
        for row in range(span.stop - 1, span.start - 1, -1):
            if self.feed.known_at[row] <= instant:
                said = 0.0 if answers is None else float(answers.probabilities[row - span.start])
                features, label = dict(self.stream.rows[row]), int(self.feed.said[row])
                yield LabelledRow(UUID(int=row), number, features, label, span.when(row), said)

    def retrained(self, at: int) -> Version | None:
        """The version that learns from the newest rows that can be trusted when window `at` closes; None when there
        are none, or when it is not good enough."""
        rows = trusted(self.contract, self.labelled(at), self.usual).rows
        try:
            return self.taught(rows) if rows else None
        except (NotLearntError, InvalidError):
            return None

    def taught(self, rows: Sequence[LabelledRow], *, alone: bool = False) -> Version:
        """The version that learns from these rows, and unless `alone` also from the original ones the contract keeps.

        Raises `NotLearntError` when it would not be good enough, `InvalidError` for rows nothing can be learnt from.
        """
        original = self.contract.training.keep_original and not alone
        return self._version(tuple(place_of(row) for row in rows), rows, original=original)

    def _version(self, places: tuple[int, ...], rows: Sequence[LabelledRow] = (), *, original: bool = True) -> Version:
        key = places, original
        if key not in self._learnt:
            try:
                self._learnt[key] = self._learn(places, rows, original=original)
            except (NotLearntError, InvalidError) as error:
                self._learnt[key] = str(error)
        found = self._learnt[key]
        if isinstance(found, str):
            raise NotLearntError(found)
        return found

    def _learn(self, places: tuple[int, ...], rows: Sequence[LabelledRow], *, original: bool) -> Version:
        kept = self.windows.train_rows if original else 0
        lately = np.arange(kept + len(places)) >= kept
        return learn(
            self.contract,
            [*self.stream.rows[:kept], *(row.features for row in rows)],
            np.concatenate([self.stream.labels[:kept], labels_of(rows)]),
            self.candidates,
            traffic=lately,
            taught_by=places,
            learnt_until=rows[-1].created_at if rows else None,
        )

    @property
    def versions_learnt(self) -> int:
        return len(self._learnt)

    # ----------------------------------------------------------------------------------------------------- answering

    def answers(self, version: Version, window: int) -> Scored:
        """What a version says about the rows of a window."""
        key = (version, window)
        if key not in self._answers:
            span = self.windows.spans[window]
            self._answers[key] = version.answers(self.matrix[span.start : span.stop])
        return self._answers[key]

    def labels(self, window: int) -> NDArray[np.int64]:
        """The truth about a window, for whoever keeps the score."""
        span = self.windows.spans[window]
        return self.stream.labels[span.start : span.stop]

    def errors(self, window: int, scored: Scored) -> int:
        return int((scored.answers != (self.labels(window) == 1)).sum())

    def metric(self, window: int, scored: Scored) -> float | None:
        return value_of(self.contract.quality.metric, self.labels(window), scored)

    def known(self, window: int, now: datetime) -> NDArray[np.float64]:
        """What has been said by now about the rows of a window; NaN where no label has come."""
        span = self.windows.spans[window]
        here = slice(span.start, span.stop)
        come = self.feed.known_at[here] <= now.timestamp()
        return np.where(come, self.feed.said[here].astype(np.float64), np.nan)

    def last_label(self, window: int, now: datetime) -> datetime | None:
        """When the newest label that has come about a window came."""
        span = self.windows.spans[window]
        come = self.feed.known_at[span.start : span.stop]
        come = come[come <= now.timestamp()]
        return datetime.fromtimestamp(float(come.max()), UTC) if len(come) else None

    def rows_of(
        self, window: int, scored: Scored, threshold: float, now: datetime | None = None, *, slower: float = 1.0
    ) -> WindowRows:
        """A window's rows as the monitor reads them. Without `now` no label has come yet."""
        span = self.windows.spans[window]
        here = slice(span.start, span.stop)
        return WindowRows(
            features=self.stream.rows[here],
            probabilities=scored.probabilities,
            answers=scored.answers,
            thresholds=np.full(span.n, threshold),
            latencies_ms=self.feed.latencies_ms[here] * slower,
            labels=np.full(span.n, np.nan) if now is None else self.known(window, now),
            suspect=self.suspect[here],
            labels_as_of=None if now is None else self.last_label(window, now),
        )


def joined(parts: Sequence[WindowRows]) -> WindowRows:
    """The rows of some windows, one after the other, as the last of them knew its labels."""
    return replace(in_a_row(parts), labels_as_of=parts[-1].labels_as_of)
