"""Every question that is asked of predictions and labels while they grow, as production asks it: with one bound each.

`rows`: how many rows its scans may read; `days`: how many days it may touch, None for one that goes back until it has
enough rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.model_contract import load_contract
from config.settings import PlatformSettings
from database import unclaimed_labels
from database.connection import ReadSession
from database.enums import LabelSource
from database.models import MonitoringWindow, Prediction
from database.queries import (
    evidence,
    labels,
    offending,
    overview,
    predictions,
    reliability,
    training_rows,
    window_values,
)
from scripts.bench.many_predictions import Made


@dataclass(frozen=True)
class Question:
    """One of them. What it writes is rolled back by whoever asks."""

    name: str
    ask: Callable[[Session], object]
    rows: int
    days: int | None = None


def questions(made: Made, model_name: str, model_id: int, ids: list[UUID], window_rows: int) -> list[Question]:
    """Of a window in the middle of what was made, and of a delivery of labels for rows of all its days."""
    begins = made.begins + (made.ends - made.begins) / 2 + timedelta(hours=6)
    ends = begins + made.step * window_rows
    contract = load_contract("heart_disease", PlatformSettings().contracts_dir)
    window = MonitoringWindow(model_name=model_name, model_id=model_id, from_at=begins, to_at=ends, n=window_rows)
    of = (model_name, model_id, begins, ends)
    delivery = [labels.NewLabel(one, 1, made.ends) for one in ids]
    # A row and its label; a slice of a window at a time where a question reads on until it has enough.
    pairs = 2 * window_rows + 1000
    newest = 2 * max(overview.COVERAGE_ROWS, window_rows) + 1000
    last = 3 * overview.INTAKE_LABELS + 1000

    def read(session: Session) -> ReadSession:
        return ReadSession(session)

    return [
        Question("a window with its truth", lambda s: predictions.outcomes_between(s, *of), pairs, 2),
        Question(
            "the oldest rows since the last window",
            lambda s: predictions.answered_since(
                s, model_name, model_id, since=begins, before=made.ends, limit=window_rows
            ),
            2 * pairs,
        ),
        Question("how many labels a window has", lambda s: predictions.label_progress(s, *of, begins), pairs, 2),
        Question(
            "when a window had enough labels", lambda s: predictions.labels_there_at(s, *of, window_rows // 2), pairs, 2
        ),
        Question(
            "the first labelled rows of a generation",
            lambda s: predictions.labelled_of_generation(s, model_name, 1, begins, window_rows),
            3 * pairs,
        ),
        Question(
            "since when the newest rows came", lambda s: predictions.busy_since(s, model_name, window_rows), pairs
        ),
        Question("a trend over a window", lambda s: predictions.trend(s, model_name, begins, ends, 60), 2 * pairs, 2),
        Question("how much truth has come", lambda s: overview.coverage(read(s), model_name), newest),
        Question(
            "answers against the truth",
            lambda s: overview.confusion(read(s), model_name, model_id, newest=window_rows),
            pairs,
        ),
        Question("what came in", lambda s: overview.intake(read(s), model_name), last),
        Question(
            "what scores promised",
            lambda s: reliability.scores(read(s), model_name, model_id, since=made.begins, before=made.ends),
            3 * reliability.NEWEST + 1000,
        ),
        Question(
            "what scores promised in a window",
            lambda s: reliability.scores(read(s), model_name, model_id, since=begins, before=ends),
            pairs,
            2,
        ),
        Question("a window's answers against the truth", lambda s: reliability.truths(read(s), *of), pairs, 2),
        Question(
            "a feature of a window",
            lambda s: window_values.quantiles(read(s), window, "chol", (0.25, 0.5, 0.75)),
            window_rows + 1000,
            2,
        ),
        Question(
            "records that repeat",
            lambda s: offending.records(read(s), contract, window, "duplicates", None, {}),
            window_rows + 1000,
            2,
        ),
        Question(
            "records behind a check",
            lambda s: offending.records(read(s), contract, window, "suspect_rows", None, {}),
            window_rows + 1000,
            2,
        ),
        Question("first steps", lambda s: overview.first_steps(read(s), model_name), 1000),
        Question("since when no label came", lambda s: evidence.label_silence_s(s, model_name, made.ends), newest),
        Question("labels of a window, for evidence", lambda s: evidence.label_counts(s, window), pairs, 2),
        Question("the rows of a window, for evidence", lambda s: sum(1 for _ in evidence.rows_of(s, window)), pairs, 2),
        Question(
            "the newest labelled rows, for training",
            lambda s: sum(1 for _ in islice(training_rows.newest_labelled(s, model_name, since=begins), window_rows)),
            5 * pairs,
        ),
        Question(
            "labels whose prediction never came",
            lambda s: unclaimed_labels.look_up(s, made.ends + 2 * unclaimed_labels.WAIT),
            3 * unclaimed_labels.STEP + 1000,
        ),
        Question(
            f"a delivery of {len(ids)} labels of all days",
            lambda s: labels.record(s, delivery, key_id="key", source=LabelSource.LABEL, allowed_models=None),
            4 * len(ids) + 1000,
        ),
    ]


def some_ids(session: Session, made: Made, count: int) -> list[UUID]:
    """Ids of rows spread over all days."""
    each = -(-count // len(made.days))
    found: list[UUID] = []
    for at in range(len(made.days)):
        begins = made.begins + timedelta(days=at)
        rows = select(Prediction.id).where(
            Prediction.created_at >= begins, Prediction.created_at < begins + timedelta(days=1)
        )
        found += session.scalars(rows.limit(each))
    return found[:count]
