"""What a child's last words come to."""

import pytest

from agent.actions.command import TRY_LATER, Ended
from agent.core.work import TemporaryError


@pytest.mark.parametrize(
    ("code", "out", "err", "says"),
    [
        (1, "", "Traceback\nMemoryError", "trainer ended with code 1: MemoryError"),
        (-9, "", "", "trainer ended with code -9: it said nothing"),
        (0, "", "", "trainer ended without an answer"),
        (0, "[1, 2]", "", "trainer ended without an answer"),
        (0, '{"ok": tr', "", "trainer ended without an answer"),
        (1, '{"ok": true}', "and then it fell", "trainer ended with code 1: and then it fell"),
        (TRY_LATER, '{"ok": false, "says": "the database is away"}', "", "trainer: the database is away"),
    ],
)
def test_a_child_without_an_answer_is_tried_again(code: int, out: str, err: str, says: str) -> None:
    with pytest.raises(TemporaryError, match=says):
        Ended("trainer", code, out, err).answer()


def test_the_last_line_is_the_answer_and_no_is_one() -> None:
    assert Ended("trainer", 0, 'a word\n{"ok": true, "n": 3}\n\n', "").answer() == {"ok": True, "n": 3}
    assert Ended("trainer", 1, '{"ok": false, "says": "too few rows"}', "").answer()["says"] == "too few rows"
