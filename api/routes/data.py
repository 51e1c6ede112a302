"""What is kept, for how long, and where: for people who must answer for it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.cards import service_out
from api.dependencies import PersonMay
from api.runtime import Runtime, runtime_of
from api.schemas.data import DataOut, Kept, OldDay
from config.release import release
from database.address import embedded
from database.partitions import partitions
from database.permissions import Permission
from database.queries import heartbeats, holdings
from database.queries.actions import database_now
from database.queries.people import SignedIn
from database.retention import old_days

router = APIRouter(tags=["data"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.get("/data", summary="What is kept, for how long, and where")
def data(request: Request, _: Reader) -> DataOut:
    runtime = runtime_of(request)
    settings = runtime.settings
    keep = settings.retention.days
    with runtime.reading() as session:
        now = database_now(session)
        days = partitions(session)
        held = holdings.counted(session)
        server, size = holdings.server(session)
        monitors = [beat for beat in heartbeats.latest(session) if beat.service == heartbeats.MONITOR]
        living = [beat for beat in monitors if not service_out(beat, now).late]
        newest = max(living, key=lambda beat: beat.seen_at, default=None)
        old = old_days(session, now, timedelta(days=keep)) if keep else []
        return DataOut(
            version=release(),
            environment=settings.platform.env,
            database="own" if embedded(settings) is None else "embedded",
            server=server,
            bytes=size,
            oldest_day=holdings.oldest_day(session),
            days_kept=keep,
            days=len(days),
            old=[
                OldDay(begins=one.partition.begins, ends=one.partition.ends, bytes=one.bytes, kept_for=one.kept_for)
                for one in old
            ],
            kept=_kept(runtime, held),
            versions=held.versions,
            damaged=list(newest.details.get("damaged", {}).values()) if newest else None,
            inspected_at=newest.seen_at if newest else None,
        )


def _kept(runtime: Runtime, held: holdings.Holdings) -> list[Kept]:
    """Each kind of data and its end. A feature has no end of its own: it goes with the whole answer, or is erased."""
    days = runtime.settings.retention.days or None
    return [
        Kept(
            what="Answers with all they were asked",
            where="predictions",
            rows=held.predictions,
            days=days,
            says="features as sent, or erased; what comes along is hashed or dropped; rows counts all ever answered",
        ),
        Kept(what="Labels", where="labels", rows=held.labels, days=days, says="with the answer they belong to"),
        Kept(
            what="Counts, windows and figures",
            where="prediction_counts, monitoring_windows, …",
            rows=held.windows,
            days=None,
            says="shares and sums, nobody's row; rows counts windows",
        ),
        Kept(
            what="Audit log",
            where="audit_log",
            rows=held.events,
            days=None,
            says="ids and reasons, no features",
        ),
        Kept(
            what="Evidence people were shown",
            where="evidence_bundles",
            rows=held.bundles,
            days=None,
            says="what approvals signed, as it was shown",
        ),
        Kept(
            what="Versions",
            where="artifacts",
            rows=held.versions,
            days=None,
            says="model files and what they learnt from, signed",
        ),
    ]
