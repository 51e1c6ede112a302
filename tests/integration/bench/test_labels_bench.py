"""`python -m scripts.bench.labels` in small: every way in, and counts that are what the rows say."""

import pytest

from scripts.bench.labels import Plan, bench_labels


@pytest.mark.slow
def test_every_way_in_is_measured_and_the_counts_are_right() -> None:
    said: list[str] = []
    found = bench_labels(Plan(labels=300, rounds=2, imported=200, days=3), said.append)
    assert set(found["measured"]) == {"json", "csv", "csv_again", "import"}
    assert {len(one["paces"]) for one in found["measured"].values()} == {1, 2}
    assert all(one["value"] > 0 for name, one in found["figures"].items() if name.endswith("labels_per_s"))
    assert found["figures"]["counts_that_differ"]["value"] == 0
    assert found["figures"]["predictions_waited_ms"]["value"] > 0
