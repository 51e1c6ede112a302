"""Parts of the rows that lost, as they are written and read back: several of one window, each look anew."""

from typing import Any

from sqlalchemy.orm import Session

from agent.core.reading import window_of
from config.segments import Segment
from database.enums import MetricKind, Verdict
from database.queries import windows
from tests.integration.monitoring.world import World
from training.synthetic import synthetic_rows


def rows_of(hospital: str, n: int) -> tuple[list[dict[str, Any]], list[int]]:
    rows, labels = synthetic_rows(hospital, n, 2)
    return [dict(row) for row in rows], list(labels)


def test_a_part_that_lost_is_written_read_and_gone_when_the_newest_look_does_not_name_it(
    world: World, session: Session
) -> None:
    rows, labels = rows_of("cleveland", 100)
    ids = world.serve(rows)
    swapped = [1 - label if row["sex"] == 0 else label for row, label in zip(rows, labels, strict=True)]
    world.label(ids, swapped)
    world.look()
    [window] = windows.recent(session, world.contract.name, 10)
    [found] = windows.figures_of(session, [window.id], [MetricKind.SEGMENT])
    assert (found.verdict, found.metadata_["of"]) == (Verdict.CRIT, "Sex: female")
    [read] = window_of(world.contract, window, [found]).figures
    assert read.part is not None
    assert read.part.segment == Segment("sex", category=0)
    world.label(ids, labels, revision=2)
    world.look()
    session.expire_all()
    [now] = windows.figures_of(session, [window.id], [MetricKind.SEGMENT])
    assert (now.verdict, now.metadata_.get("of")) == (Verdict.OK, None)


def test_several_parts_of_one_window_stay_apart(world: World, session: Session) -> None:
    rows, labels = rows_of("cleveland", 100)
    world.label(world.serve(rows), labels)
    world.look()
    [window] = windows.recent(session, world.contract.name, 10)
    [looked] = windows.figures_of(session, [window.id], [MetricKind.SEGMENT])
    made = {"model_id": window.model_id, "window_id": window.id, "kind": MetricKind.SEGMENT, "n": 40}
    for of in ("Sex: female", "Age: 61 or more"):
        session.add(
            type(looked)(
                **made, metric_name="accuracy", metric_value=0.4, verdict=Verdict.CRIT, metadata_={"of": of, "why": ""}
            )
        )
    session.flush()
    found = windows.figures_of(session, [window.id], [MetricKind.SEGMENT])
    assert {one.metadata_["of"] for one in found} == {"Sex: female", "Age: 61 or more"}
