"""Which earlier windows say what traffic is usual: those just before, and those of the same time on earlier days."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from database.enums import WindowStatus
from database.models import MonitoringWindow
from database.queries import windows
from tests.integration.monitoring.world import World

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)


def test_windows_of_the_same_time_on_earlier_days_are_found_newest_first(world: World, session: Session) -> None:
    assert world.version is not None
    hours = [-15 * 24, -24 - 5, -24 - 1, -24, -23, -12, -1, 0]
    added = {}
    for seq, hour in enumerate(hours, start=1):
        until = NOON + timedelta(hours=hour)
        added[hour] = MonitoringWindow(
            model_name=world.contract.name, model_id=world.version.id, seq=seq, from_at=until - timedelta(minutes=30),
            to_at=until, status=WindowStatus.CLOSED, n=100, labelled_n=0, suspect_n=0,
        )  # fmt: skip
        session.add(added[hour])
    session.flush()
    found = windows.at_this_time_before(session, added[0], days=28, within=timedelta(minutes=90), limit=20)
    assert found == [added[hour].id for hour in (-23, -24, -25, -15 * 24)]
    assert windows.at_this_time_before(session, added[0], days=7, within=timedelta(minutes=90), limit=1) == found[:1]
    assert windows.at_this_time_before(session, added[-24], days=7, within=timedelta(minutes=90), limit=9) == []
