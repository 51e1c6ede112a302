"""Questions asked side by side, and answers that need not be asked for again at once.

A page runs from top to bottom at every click, and most of what it asks is what it asked a moment ago. An answer is
kept with the tab that asked, never shared between people, for a few seconds, and only while the frame says that
nothing came, went or was decided since.
"""

from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

import streamlit as st

from ui import session

T = TypeVar("T")

KEPT_S = 10.0
_ANSWERS = "answers_kept"
_pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="asks")


def ahead(ask: Callable[[], T], *about: Hashable) -> Callable[[], T]:
    """Begin to ask now, and get a function that waits for the answer: what else a page needs is asked meanwhile.

    `about` names the question with all that its answer depends on; without it nothing is kept. `ask` runs in a thread
    of its own, where there is no session: it holds its client already. What it raises is raised by the function, and is
    not kept.
    """
    answers, mark = st.session_state.setdefault(_ANSWERS, {}), session.visit().frame.seen
    known = answers.get(about)
    if about and known is not None and known[0] == mark and monotonic() - known[1] < KEPT_S:
        answer: T = known[2]
        return lambda: answer
    asked = _pool.submit(ask)

    def wait() -> T:
        found = asked.result()
        _forget_old(answers)
        if about:
            answers[about] = (mark, monotonic(), found)
        return found

    return wait


def _forget_old(answers: dict[tuple[Hashable, ...], tuple[str, float, object]]) -> None:
    for about in [about for about, (_, at, _) in answers.items() if monotonic() - at > KEPT_S]:
        del answers[about]
