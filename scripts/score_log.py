"""Answers of a file kept as predictions, each piece of it once, however often the command dies and is begun again.

A piece's rows, their counts and its line in the audit log are one transaction. The line is what a later run goes by: it
says when the piece was stored, and ids follow from that, the file, the version and the place of the row. So a run that
goes on, or is repeated, gives every row the id it has, and stores what is missing.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from api.prediction_ids import ids_of
from database.connection import session_scope
from database.crud import clock, first, wait_for
from database.errors import ConflictError
from database.models import AuditEvent
from database.queries import audit, label_counts, prediction_counts
from database.queries.audit import Actor
from database.queries.prediction_counts import Layouts

VERB, OBJECT = "predictions.scored", "scored_piece"
# Rows of a piece are so far apart: a window can then end behind any of them.
_STEP = timedelta(microseconds=1)
_ID_BYTES = 10
_READ_BYTES = 1 << 20


def digest_of_file(file: Path) -> str:
    """What the file holds, whatever it is called."""
    digest = hashlib.sha256()
    with file.open("rb") as held:
        while some := held.read(_READ_BYTES):
            digest.update(some)
    return digest.hexdigest()


@dataclass
class ScoreLog:
    """Pieces of one file, answered by one version, on their way into the database."""

    engine: Engine
    actor: Actor
    file_digest: str
    version_id: int
    stored: int = 0
    stored_before: int = 0
    _layouts: Layouts = field(default_factory=Layouts)

    def keep(self, piece: int, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Store a piece's answers unless an earlier run did; returns their ids. `id` and `created_at` are given here.

        Raises `ConflictError` if an earlier run stored another number of rows of this piece.
        """
        name = audit.digest_of([self.file_digest, self.version_id, piece])
        with session_scope(self.engine) as session:
            wait_for(session, f"score:{name}")
            # Waited for here, and not with the rows' time running: the monitor counts on rows that come at once.
            label_counts.join(session)
            at = self._stored_at(session, name, piece, len(rows))
            if at is not None:
                self.stored_before += len(rows)
                return _ids(name, at, len(rows))
            at = clock(session)
            ids = _ids(name, at, len(rows))
            given = [
                {**row, "id": one, "created_at": (at + place * _STEP).isoformat()}
                for place, (one, row) in enumerate(zip(ids, rows, strict=True))
            ]
            if given:
                prediction_counts.store(session, [json.dumps(given)], given, self._layouts)
            facts = {"file": self.file_digest, "version_id": self.version_id, "piece": piece, "rows": len(rows)}
            audit.append(session, self.actor, VERB, OBJECT, name, {**facts, "at": at.isoformat()})
        self.stored += len(rows)
        return ids

    def _stored_at(self, session: Session, name: str, piece: int, rows: int) -> datetime | None:
        query = select(AuditEvent).where(AuditEvent.object_type == OBJECT, AuditEvent.object_id == name)
        said = first(session, query)
        if said is None:
            return None
        if said.details["rows"] != rows:
            raise ConflictError(
                f"piece {piece} of this file was stored with {said.details['rows']} answered rows, and has {rows} now: "
                f"it was read in another way then (--encoding, or another release)"
            )
        return datetime.fromisoformat(said.details["at"])


def _ids(name: str, at: datetime, count: int) -> list[str]:
    digits = hashlib.shake_128(name.encode()).hexdigest(_ID_BYTES * count)
    return ids_of(digits, int(at.timestamp() * 1000))
