"""The truth about predictions: append-only, revisions kept, idempotent, in any order of arrival.

What a label changes is decided by PostgreSQL, for some thousands at a time in one statement.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from database.crud import clock
from database.enums import LabelSource
from database.errors import InvalidError, NotFoundError
from database.id_times import SLACK, milliseconds, span_of_all
from database.queries import label_counts

# Settled at a time, so that a file of any length needs little memory.
CHUNK = 10_000
# Different statements about one prediction in a chunk. Each needs the one before it settled, while others wait.
MOST_SAID = 100


class NewLabel(NamedTuple):
    """What somebody says about one prediction. `dated`: whether the client said when it was observed; otherwise
    `observed_at` is the time of delivery, and says nothing more."""

    prediction_id: UUID
    value: int
    observed_at: datetime
    comment: str | None = None
    dated: bool = True


@dataclass(frozen=True)
class LabelCounts:
    """What became of a delivery. `unknown` counts labels whose prediction is not known yet; they are stored."""

    received: int
    stored: int
    revised: int
    unchanged: int
    unknown: int

    def __add__(self, other: "LabelCounts") -> "LabelCounts":
        return LabelCounts(*(mine + more for mine, more in zip(astuple(self), astuple(other), strict=True)))


@dataclass(slots=True)
class _Said:
    """A label at its place in the delivery, and how often it was said there in a row."""

    label: NewLabel
    at: int
    times: int = 1


def record(
    session: Session,
    labels: Iterable[NewLabel],
    *,
    key_id: str,
    source: LabelSource,
    allowed_models: Collection[str] | None,
    place: Callable[[int], str] = "labels[{}].prediction_id".format,
) -> LabelCounts:
    """Store labels; the newest observation of a prediction is its truth.

    A statement that was made before, or a value that is known already and was not observed anew, is not stored again,
    so a delivery can be repeated. Deliveries wait for each other and for predictions that are being stored: no two
    write the same revision, and a label and its prediction that arrive at once always see each other.
    Raises `NotFoundError`, which names the `place` of the label in the delivery, if one of the predictions belongs to
    a model outside `allowed_models`, and `InvalidError` if more than `MOST_SAID` different things are said about one
    of them; the caller's transaction then stores nothing.
    """
    label_counts.hold_still(session)
    # Taken while no other delivery is under way, so that whoever asks for what came since the last one misses nothing.
    common = {
        "key_id": key_id,
        "source": source,
        "received_at": clock(session),
        "slack": SLACK,
        "allowed": None if allowed_models is None else sorted(allowed_models),
    }
    counts = LabelCounts(0, 0, 0, 0, 0)
    left = iter(labels)
    while chunk := list(islice(left, CHUNK)):
        stored = revised = unknown = 0
        for said in _rounds(chunk, counts.received, place):
            found = session.execute(_SETTLE, {**_columns(said), **common}).one()
            if found.foreign is not None:
                raise NotFoundError(f"{place(found.foreign)}: there is no such prediction")
            stored, revised, unknown = stored + found.stored, revised + found.revised, unknown + found.unknown
        counts += LabelCounts(len(chunk), stored, revised, len(chunk) - stored - revised, unknown)
    return counts


def _rounds(chunk: Sequence[NewLabel], begin: int, place: Callable[[int], str]) -> Iterator[list[_Said]]:
    """The labels of a chunk so that each round says one thing about a prediction at most, in the order of arrival."""
    rounds: list[list[_Said]] = [[]]
    about: dict[UUID, list[_Said]] = {}
    for at, label in enumerate(chunk, start=begin):
        said = about.setdefault(label.prediction_id, [])
        if said and said[-1].label == label:
            said[-1].times += 1
            continue
        if len(said) == MOST_SAID:
            raise InvalidError(f"{place(at)}: at most {MOST_SAID} different labels of one prediction in one delivery")
        if len(said) == len(rounds):
            rounds.append([])
        one = _Said(label, at)
        said.append(one)
        rounds[len(said) - 1].append(one)
    yield from rounds


def _columns(said: Sequence[_Said]) -> dict[str, object]:
    """As arrays in PostgreSQL's own words, which it reads faster than anything the driver writes for a list."""
    labels = [one.label for one in said]
    made = [milliseconds(label.prediction_id) for label in labels]
    earliest, latest = span_of_all(made)
    return {
        "places": _array(one.at for one in said),
        "times": _array(one.times for one in said),
        "ids": _array(label.prediction_id for label in labels),
        "made": _array("NULL" if one is None else one for one in made),
        "values": _array(label.value for label in labels),
        "observed": _array(label.observed_at.isoformat() for label in labels),
        "dated": _array(label.dated for label in labels),
        "comments": [label.comment for label in labels] if any(label.comment for label in labels) else None,
        "earliest": earliest,
        "latest": latest,
    }


def _array(values: Iterable[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


_COUNT = label_counts.ADD.format(
    truths="""
        SELECT model_id, generation, created_at, prediction, before, now,
               CAST(:received_at AS timestamptz) AS received_at
        FROM judged WHERE is_news AND counted AND before IS DISTINCT FROM now
    """
)
# `sent`: one label a prediction. `known`: its truth so far, and whether the very same was said before. A value that is
# known already is news only if it was observed anew: then it outlives a contrary one in between that comes late. The
# prediction is looked up in the one partition its id points at, whatever the statistics say; the outer bounds let the
# planner leave out every other one beforehand.
_SETTLE = text(
    f"""
    WITH sent AS MATERIALIZED (
        SELECT *, coalesce(to_timestamp(made / 1000) - CAST(:slack AS interval), '-infinity') AS earliest,
               coalesce(to_timestamp(made / 1000) + CAST(:slack AS interval), 'infinity') AS latest
        FROM unnest(CAST(:places AS integer[]), CAST(:times AS integer[]), CAST(:ids AS uuid[]),
                    CAST(:made AS float8[]), CAST(:values AS smallint[]), CAST(:observed AS timestamptz[]),
                    CAST(:dated AS boolean[]), CAST(:comments AS text[]))
             AS sent(place, times, id, made, value, observed_at, dated, comment)
    ), judged AS MATERIALIZED (
        SELECT sent.place, sent.times, sent.id, sent.value, sent.observed_at, sent.comment, known.revisions,
               p.model_id, p.model_name, p.generation, p.created_at, p.prediction, p.counted, known.value AS before,
               CASE WHEN sent.observed_at < known.observed_at THEN known.value ELSE sent.value END AS now,
               known.revisions IS NULL OR NOT (known.said OR (
                   sent.value = known.value AND NOT (sent.dated AND sent.observed_at > known.observed_at)
               )) AS is_news
        FROM sent
        LEFT JOIN LATERAL (
            SELECT l.value, l.observed_at, max(l.revision) OVER () AS revisions,
                   bool_or(l.value = sent.value AND l.observed_at = sent.observed_at) OVER () AS said
            FROM labels l WHERE l.prediction_id = sent.id
            ORDER BY l.observed_at DESC, l.received_at DESC, l.revision DESC
            LIMIT 1
        ) known ON true
        LEFT JOIN LATERAL (
            SELECT * FROM predictions
            WHERE predictions.id = sent.id AND created_at BETWEEN sent.earliest AND sent.latest
              AND created_at BETWEEN :earliest AND :latest
            LIMIT 1
        ) p ON true
    ), stored AS (
        INSERT INTO labels (prediction_id, revision, value, source, comment, key_id, observed_at, received_at)
        SELECT id, coalesce(revisions, 0) + 1, value, :source, comment, :key_id, observed_at, :received_at
        FROM judged WHERE is_news ORDER BY place
    ), counted AS (
        {_COUNT}
    )
    SELECT count(*) FILTER (WHERE is_news AND revisions IS NULL) AS stored,
           count(*) FILTER (WHERE is_news AND revisions > 0) AS revised,
           coalesce(sum(times) FILTER (WHERE model_id IS NULL), 0) AS unknown,
           min(place) FILTER (WHERE model_name <> ALL (CAST(:allowed AS text[]))) AS foreign
    FROM judged
    """  # noqa: S608
)
