"""The streams anybody can write to a file and try."""

from pathlib import Path

import pandas as pd
import pytest

from scripts.lab.made_stream import Kind, made, write


@pytest.mark.parametrize("kind", list(Kind))
def test_a_stream_is_written_whole_and_the_same_again(kind: Kind, tmp_path: Path) -> None:
    write(kind, tmp_path / "one.csv", rows=1000, seed=7)
    write(kind, tmp_path / "two.csv", rows=1000, seed=7)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    table, stream = pd.read_csv(tmp_path / "one.csv"), made(kind, 1000, 7)
    assert len(table) == 1000
    assert stream.drift_at == (400, 600, 800)
    assert list((table["y"] == "yes").astype(int)) == stream.stream.labels.tolist()
