"""`python -m scripts.bench.ten_million`: every question that grows with traffic, on ten million predictions.

Makes a database of its own in a directory that is kept, so that making it (some ten minutes) and measuring can be two
runs: `--make`, then `--measure`. A run that was stopped goes on where it was. Needs some 12 GB.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from config.settings import DatabaseSettings
from database import migrations
from database.connection import ReadSession, make_engine, session_scope
from database.embedded import EmbeddedPostgres
from database.queries import model_versions
from database.queries.audit import SYSTEM
from scripts.bench.many_counts import count_all
from scripts.bench.many_predictions import Made, fill
from scripts.bench.page_questions import page_questions
from scripts.bench.questions import questions, some_ids
from scripts.crash.server import CARELESS

NAME = "many"
MODEL = "heart_disease"
BAR_MS = 150.0
WINDOW_ROWS = 5000
DELIVERY = 10_000
TIMES = 7


def make(engine: Engine, made: Made, say: Callable[[str], None]) -> None:
    """The version that answered them, and the rows; what is there already is not made again."""
    with session_scope(engine) as session:
        known = model_versions.all_of(ReadSession(session), MODEL)
        version_id = known[0].id if known else model_versions.register(session, SYSTEM, **_VERSION).id
    fill(engine, version_id, MODEL, made, say=say)
    count_all(engine, version_id, made)


def measure(engine: Engine, made: Made) -> list[dict[str, Any]]:
    """The median of each question in milliseconds, and its slowest time; the first one warms up and does not count."""
    found = []
    with Session(engine) as session:
        model_id = model_versions.all_of(ReadSession(session), MODEL)[0].id
        ids = some_ids(session, made, DELIVERY)
    asked = [(one.name, one.ask) for one in questions(made, MODEL, model_id, ids, WINDOW_ROWS)]
    for name, ask in [*asked, *page_questions(made, MODEL)]:
        times = []
        for _ in range(TIMES + 1):
            with Session(engine) as session:
                began = time.perf_counter()
                ask(session)
                times.append((time.perf_counter() - began) * 1000)
                session.rollback()
        median = statistics.median(times[1:])
        found.append({"question": name, "median_ms": round(median, 1), "slowest_ms": round(max(times[1:]), 1)})
        sys.stderr.write(f"{median:9.1f} ms  {name}\n")
    return found


def sizes(engine: Engine) -> dict[str, Any]:
    """Rows and bytes of both tables, indexes included."""
    with engine.connect() as connection:
        predictions = connection.scalar(text(_PARTITIONS_BYTES))
        labels = connection.scalar(text("SELECT pg_total_relation_size('labels')"))
    return {"predictions_mb": round(int(predictions or 0) / 1e6), "labels_mb": round(int(labels or 0) / 1e6)}


_PARTITIONS_BYTES = (
    "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'predictions'::regclass"
)
_VERSION: dict[str, Any] = {
    "model_name": MODEL,
    "algorithm": "none",
    "accuracy": 0.5,
    "f1_score": 0.5,
    "precision": 0.5,
    "recall": 0.5,
    "roc_auc": 0.5,
    "metrics": {},
    "hyperparameters": {},
    "feature_names": [],
    "threshold": 0.5,
    "training_rows": 1,
    "data_source": "synthetic",
    "contract_digest": "0" * 64,
    "dataset_digest": "0" * 64,
    "artifact_digest": "0" * 64,
    "reference_profile": {},
}


def _planned(facts: Path, rows: int, days: int) -> Made:
    """What the directory holds or is to hold; written down first: a later run has a later today."""
    if facts.is_file():
        said = json.loads(facts.read_text())
        return Made.of(said["days"], said["rows_a_day"])
    made = Made.before_today(rows, days)
    facts.write_text(json.dumps({"days": [day.isoformat() for day in made.days], "rows_a_day": made.rows_a_day}))
    return made


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.ten_million", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("/tmp/steward-ten-million"))  # noqa: S108
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--make", action="store_true", help="make the rows, or those that are missing")
    parser.add_argument("--measure", action="store_true", help="ask every question of them")
    given = parser.parse_args()
    given.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    server = EmbeddedPostgres(given.directory / "postgres", settings={**CARELESS, "max_wal_size": "4GB"})
    server.start()
    facts = given.directory / "made.json"
    engine = make_engine(server.url(NAME), DatabaseSettings(), application="steward-bench")
    try:
        server.ensure_database(NAME)
        migrations.upgrade(server.url(NAME))
        if given.make:
            began = time.perf_counter()
            made = _planned(facts, given.rows, given.days)
            make(engine, made, lambda line: print(line, file=sys.stderr, flush=True))
            sys.stderr.write(f"made in {time.perf_counter() - began:.0f} s\n")
        if given.measure:
            answers = measure(engine, _planned(facts, given.rows, given.days))
            print(json.dumps({"sizes": sizes(engine), "bar_ms": BAR_MS, "questions": answers}, indent=1))
            return int(any(one["median_ms"] > BAR_MS for one in answers))
    finally:
        engine.dispose()
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
