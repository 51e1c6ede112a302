"""What a version said about the rows of its training set without having learnt from them, kept beside it.

Two trainings can then be compared on the rows that both know, each by its cross-validated answers: paired, and fair to
both. A row is known by a digest of what it holds, so no row is in the file.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from database.errors import InvalidError
from training.evaluator import Scored
from training.feature_engineering import Row

_HEX = 24


@dataclass(frozen=True)
class UnseenAnswers:
    """`keys` and `labels` by row, and an answer to every row for each repeat of the cross-validation."""

    keys: tuple[str, ...]
    labels: NDArray[np.int64]
    repeats: tuple[Scored, ...]

    def take(self, places: Sequence[int]) -> "UnseenAnswers":
        chosen = np.array(places, dtype=np.int64)
        keys = tuple(self.keys[place] for place in places)
        return UnseenAnswers(keys, self.labels[chosen], tuple(one.take(chosen) for one in self.repeats))


def of(rows: Sequence[Row], labels: NDArray[np.int64], judged: Sequence[Scored]) -> UnseenAnswers:
    """`judged`: what was said about these rows, by repeat."""
    return UnseenAnswers(_keys(rows, labels), labels, tuple(judged))


def common(old: UnseenAnswers, new: UnseenAnswers) -> tuple[UnseenAnswers, UnseenAnswers]:
    """Both on the rows that both know, in the same order."""
    places = {key: place for place, key in enumerate(old.keys)}
    both = [(places[key], place) for place, key in enumerate(new.keys) if key in places]
    return old.take([one for one, _ in both]), new.take([one for _, one in both])


def write(file: Path, answers: UnseenAnswers) -> None:
    content = {
        "rows": answers.keys,
        "labels": answers.labels.tolist(),
        "repeats": [
            {"probabilities": one.probabilities.tolist(), "answers": one.answers.tolist()} for one in answers.repeats
        ],
    }
    file.write_text(json.dumps(content, separators=(",", ":")))


def read(file: Path) -> UnseenAnswers:
    """Raises `InvalidError` for a file that is no such thing."""
    try:
        found = json.loads(file.read_text())
        keys, labels = tuple(map(str, found["rows"])), np.array(found["labels"], dtype=np.int64)
        repeats = tuple(
            Scored(np.array(one["probabilities"], dtype=np.float64), np.array(one["answers"], dtype=bool))
            for one in found["repeats"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{file.name}: holds no answers of a training ({type(error).__name__}: {error})") from error
    lengths = {len(keys), len(labels), *(len(part) for one in repeats for part in (one.probabilities, one.answers))}
    if len(lengths) != 1 or not repeats or len(set(keys)) != len(keys):
        raise InvalidError(f"{file.name}: its rows, labels and answers do not belong together")
    return UnseenAnswers(keys, labels, repeats)


def _keys(rows: Sequence[Row], labels: NDArray[np.int64]) -> tuple[str, ...]:
    """Equal rows are told apart by counting them."""
    seen: Counter[str] = Counter()
    keys = []
    for row, label in zip(rows, labels.tolist(), strict=True):
        digest = sha256(json.dumps([row, label], sort_keys=True).encode()).hexdigest()[:_HEX]
        seen[digest] += 1
        keys.append(f"{digest}.{seen[digest]}")
    return tuple(keys)
