"""The replay's clock: every patient once, every label after its patient, the same for the same seed."""

import pytest

from scripts.demo_replay import LABEL_DELAY_MINUTES, Cohort, schedule, shuffled


def _cohort(size: int) -> Cohort:
    return Cohort("hungarian", "Budapest", [{"age": number} for number in range(size)], [n % 2 for n in range(size)])


@pytest.mark.parametrize("patients", [0, 1, 2, 300])
def test_every_patient_arrives_once_and_is_labelled_once(patients: int) -> None:
    events = schedule(patients, seed=7)
    for kind in ("patient", "label"):
        assert sorted(event.index for event in events if event.kind == kind) == list(range(patients))


def test_time_never_runs_back_and_no_label_comes_before_its_patient() -> None:
    events = schedule(200, seed=7)
    assert [event.minute for event in events] == sorted(event.minute for event in events)
    arrived = {event.index: event.minute for event in events if event.kind == "patient"}
    delays = [event.minute - arrived[event.index] for event in events if event.kind == "label"]
    assert min(delays) >= LABEL_DELAY_MINUTES[0]
    assert max(delays) <= LABEL_DELAY_MINUTES[1]


def test_labels_of_several_patients_arrive_out_of_order() -> None:
    labels = [event.index for event in schedule(100, seed=7) if event.kind == "label"]
    assert labels != sorted(labels)


def test_the_order_depends_on_the_seed_alone_and_keeps_rows_and_labels_together() -> None:
    cohort = _cohort(100)
    once, again, other = shuffled(cohort, 1), shuffled(cohort, 1), shuffled(cohort, 2)
    assert once == again
    assert once != other
    assert sorted(row["age"] for row in once.rows) == list(range(100))
    assert all(row["age"] % 2 == label for row, label in zip(once.rows, once.labels, strict=True))


def test_those_who_come_later_are_not_among_those_who_came_before() -> None:
    cohort = _cohort(10)
    before, later = cohort.part(0, 7), cohort.part(7, None)
    assert [row["age"] for row in [*before.rows, *later.rows]] == list(range(10))
