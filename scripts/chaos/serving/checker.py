"""What clients were told against what is stored, row by row, and every stored row computed anew. PostgreSQL joins.

The clients' files go into temporary tables; the pool of rows with what each version says of each of them is a third.
"""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from database.queries import count_upkeep, model_versions
from scripts.chaos.serving.client import files
from scripts.chaos.serving.stage import Stage

EXACT = 1e-6

_TABLES = """
CREATE TEMP TABLE told (
    id uuid NOT NULL, request text NOT NULL, pool_row int NOT NULL, version int NOT NULL, prediction smallint NOT NULL,
    probability float8 NOT NULL);
CREATE TEMP TABLE asked (
    request text PRIMARY KEY, rows int NOT NULL, unanswered int NOT NULL, outcome text NOT NULL, sole boolean NOT NULL);
CREATE TEMP TABLE expected (
    model_id bigint NOT NULL, version int NOT NULL, pool_row int NOT NULL, features jsonb NOT NULL,
    probability float8 NOT NULL, threshold float8 NOT NULL);
"""

# A stored row beside the try that made it (its request id without the number of the try) and what it should say.
_JUDGED = """
CREATE TEMP TABLE judged AS
SELECT p.id, left(p.request_id, -position('-' in reverse(p.request_id))) AS request, t.id IS NOT NULL AS was_told,
       e.model_id IS NOT NULL AND abs(p.probability - e.probability) <= :exact AND p.threshold = e.threshold
         AND p.prediction = (e.probability >= e.threshold)::int AS is_right,
       t.id IS NULL OR (t.pool_row = e.pool_row AND t.version = e.version AND t.prediction = p.prediction
         AND abs(t.probability - p.probability) <= :exact) AS is_as_told
FROM predictions p
LEFT JOIN expected e ON e.model_id = p.model_id AND e.features = p.features
LEFT JOIN told t ON t.id = p.id
"""

_FACTS = """
SELECT (SELECT count(*) FROM told) AS acknowledged,
       (SELECT count(DISTINCT id) FROM told) AS told_ids,
       (SELECT count(*) FROM asked) AS requests,
       (SELECT count(*) FROM asked WHERE rows > 1) AS batches,
       (SELECT count(*) FROM asked WHERE unanswered > 0) AS unanswered,
       (SELECT count(*) FROM judged) AS stored,
       (SELECT count(DISTINCT id) FROM judged) AS stored_ids,
       (SELECT count(*) FROM told t WHERE NOT EXISTS (SELECT 1 FROM judged j WHERE j.id = t.id)) AS lost,
       (SELECT count(*) FROM judged WHERE NOT was_told) AS unknown,
       (SELECT count(*) FROM judged WHERE NOT coalesce(is_right, false)) AS wrong,
       (SELECT count(*) FROM judged WHERE NOT coalesce(is_as_told, false)) AS not_as_told,
       (SELECT count(*) FROM predictions WHERE NOT counted) AS uncounted,
       (SELECT count(*) FROM dead_letters) AS buried
"""

# Rows nobody was told of are explained by tries that were not answered, each of which may have left its rows once.
_FOREIGN = """
SELECT coalesce(sum(greatest(n - coalesce(a.unanswered * a.rows, 0), 0)), 0)
FROM (SELECT request, count(*) AS n FROM judged WHERE NOT was_told GROUP BY request) one
LEFT JOIN asked a USING (request)
"""
# With its key, and never a second replica: then the second try must have had the first one's answer.
_TWICE = """
SELECT count(*), count(*) FILTER (WHERE a.sole)
FROM judged j JOIN asked a USING (request) WHERE NOT j.was_told AND a.outcome = 'told'
"""
_OUTCOMES = (
    "SELECT outcome, count(*) FROM asked WHERE outcome NOT IN ('told', 'open') GROUP BY outcome ORDER BY outcome"
)


@dataclass(frozen=True)
class Found:
    """The figures. `unknown`: rows of tries that were never answered; `kept_twice`: rows of requests whose answer came
    from another try, since a second replica had the first one's file."""

    acknowledged: int
    requests: int
    batches: int
    unanswered: int
    stored: int
    unknown: int
    kept_twice: int
    refused: dict[str, int]
    lost: int
    doubled: int
    foreign: int
    wrong: int
    not_as_told: int
    answered_twice: int
    told_twice: int
    buried: int
    uncounted: int
    counts_differ: tuple[str, ...]

    def violations(self) -> list[str]:
        """A sentence for each promise that was broken."""
        said = {
            "acknowledged rows are not stored": self.lost,
            "rows are stored more than once": self.doubled,
            "ids were told for two rows": self.told_twice,
            "rows are stored that nobody asked for": self.foreign,
            "rows are not what the version stamped on them computes": self.wrong,
            "rows are stored otherwise than the client was told": self.not_as_told,
            "rows were kept again though their Idempotency-Key had been answered": self.answered_twice,
            "rows were refused by the database": self.buried,
            "rows are stored and not counted": self.uncounted,
        }
        refused = [f"/predict answered {count} times with {status}" for status, count in self.refused.items()]
        return [f"{count} {what}" for what, count in said.items() if count] + refused + [*self.counts_differ]


def check(connection: Connection, stage: Stage, clients: int) -> Found:
    """Compare everything. The predictions of the database are all of this run."""
    for statement in _TABLES.split(";"):
        if statement.strip():
            connection.execute(text(statement))
    for number in range(clients):
        told, asked = files(stage.directory, number)
        _copy_file(connection, "told", told)
        _copy_file(connection, "asked", asked)
    _copy(connection, "expected", _expected(stage))
    connection.execute(text("ANALYZE told, asked, expected"))
    connection.execute(text(_JUDGED), {"exact": EXACT})
    connection.execute(text("ANALYZE judged"))
    facts = connection.execute(text(_FACTS)).one()
    twice, sole = connection.execute(text(_TWICE)).one()
    return Found(
        acknowledged=facts.acknowledged,
        requests=facts.requests,
        batches=facts.batches,
        unanswered=facts.unanswered,
        stored=facts.stored,
        unknown=facts.unknown,
        kept_twice=twice - sole,
        refused={str(row[0]): int(row[1]) for row in connection.execute(text(_OUTCOMES))},
        lost=facts.lost,
        doubled=facts.stored - facts.stored_ids,
        foreign=int(connection.execute(text(_FOREIGN)).scalar_one()),
        wrong=facts.wrong,
        not_as_told=facts.not_as_told,
        answered_twice=sole,
        told_twice=facts.acknowledged - facts.told_ids,
        buried=facts.buried,
        uncounted=facts.uncounted,
        counts_differ=tuple(_counts_that_differ(connection, stage)),
    )


def _counts_that_differ(connection: Connection, stage: Stage) -> Iterator[str]:
    """A sentence for each minute whose counts are not what its rows come to, counted anew."""
    with Session(connection) as session:
        for version in stage.versions:
            yield from count_upkeep.differences(session, model_versions.get(session, version.id))


def _expected(stage: Stage) -> Iterable[Sequence[Any]]:
    """What each version says of each row of the pool, computed at once."""
    shown = [json.dumps(row) for row in stage.pool]
    for version in stage.versions:
        probabilities = version.model.predict(stage.pool).tolist()
        for at, (row, probability) in enumerate(zip(shown, probabilities, strict=True)):
            yield version.id, version.number, at, row, repr(probability), repr(version.model.threshold)


def _copy(connection: Connection, table: str, lines: Iterable[Sequence[Any]]) -> None:
    made = io.StringIO("".join("\t".join(map(str, line)) + "\n" for line in lines))
    _cursor(connection).copy_expert(f"COPY {table} FROM STDIN", made)


def _copy_file(connection: Connection, table: str, path: Path) -> None:
    with path.open() as file:
        _cursor(connection).copy_expert(f"COPY {table} FROM STDIN", file)


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
