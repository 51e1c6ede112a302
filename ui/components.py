"""The pieces all pages are made of: chips, metric cards, banners, tables, charts, and the states of a block.

Whatever came from data passes `wording.plain` before it meets Markdown. No piece writes HTML with data in it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ui import charts, wording
from ui.api_client import ApiError
from ui.session import sign_in_link
from ui.vocabulary import STALE, UNKNOWN, Sign

T = TypeVar("T")


_PAGE, _FETCHED = "page_shown", "blocks_fetched"


def arrive(page: str) -> None:
    """Called once per run: on another page than before, nothing has been fetched yet."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE], st.session_state[_FETCHED] = page, set()


def now() -> datetime:
    """The present, in UTC: read here and passed on, so that what is computed from it can be tested."""
    return datetime.now(UTC)


def colours() -> charts.Look:
    """The chart colours for this browser's theme."""
    return charts.look(st.context.theme.type)


def chip(sign: Sign, words: str | None = None) -> str:
    """A status as Markdown: shape, word and colour."""
    return f":{sign.colour}-badge[{sign.shape} {wording.plain(words or sign.word)}]"


def chip_for(table: Mapping[str, Sign], key: str | None) -> str:
    """The chip of a status word of the API; one this dashboard does not know is shown as it is."""
    sign = table.get(key or "")
    return chip(sign) if sign else chip(UNKNOWN, (key or UNKNOWN.word).replace("_", " "))


def tag(text: str) -> str:
    """A grey label for a fact that is not a status."""
    return f":gray-badge[{wording.plain(text)}]"


def metric_card(
    label: str,
    value: str,
    *,
    note: str,
    key: str,
    sign: Sign | None = None,
    history: Sequence[float] = (),
) -> None:
    """A figure that never stands alone: below it the interval, the n, or why there is none."""
    with st.container(key=key, border=True, height="stretch"):
        st.metric(label, value)
        if line := charts.spark(history, colours().blue):
            st.markdown(f"![{wording.plain(_course(label, history))}]({line})")
        if sign:
            st.markdown(chip(sign))
        st.caption(wording.plain(note))


def _course(label: str, history: Sequence[float]) -> str:
    """The line beside a figure, for who does not see it."""
    digits = 0 if all(float(value).is_integer() for value in history) else 3
    low, high, last = (wording.number(value, digits) for value in (min(history), max(history), history[-1]))
    return f"{label}: {len(history)} values between {low} and {high}, the newest {last}"


def banner(kind: Literal["error", "warning", "info", "success"], title: str, text: str, *, key: str) -> None:
    """One sentence across the page, announced by screen readers."""
    draw = {"error": st.error, "warning": st.warning, "info": st.info, "success": st.success}[kind]
    with st.container(key=key):
        draw(f"**{wording.plain(title)}** {wording.plain(text)}")


def empty(title: str, why: str, *, key: str, next_step: str = "") -> None:
    """A block with nothing in it says why, and what would fill it."""
    with st.container(key=key, border=True):
        st.markdown(f"**{wording.plain(title)}**")
        st.caption(wording.plain(why) + (f"  \n{wording.plain(next_step)}" if next_step else ""))


def show_problem(problem: ApiError, *, key: str) -> None:
    """A call that failed, in words. The rest of the page keeps working."""
    with st.container(key=key):
        if problem.signed_out:
            st.warning("**Your session has ended.** What you see may be old.")
            st.markdown(f'<a href="{sign_in_link()}" target="_self">Sign in again</a>', unsafe_allow_html=True)
            return
        draw = st.info if problem.status in {403, 404} else st.error
        reference = f"  \nReference for the log: {problem.request_id}" if problem.request_id else ""
        draw(f"**{wording.plain(problem.title)}** {wording.plain(problem.sentence)}{reference}")
        if problem.may_pass:
            st.button("Try again", key=f"{key}-retry")


def fetched(ask: Callable[[], T], *, key: str, height: int = 240) -> T | None:
    """The answer of the API, or None after the page has said why there is none.

    While it is on its way for the first time, something grey of `height` pixels holds its place. Asked again on the
    same page, what stands there stays until the answer is there: nothing jumps when a page refreshes by itself.
    """
    known = st.session_state.setdefault(_FETCHED, set())
    try:
        with st.empty() if key in known else st.skeleton(height=height):
            answer = ask()
        known.add(key)
        return answer
    except ApiError as problem:
        show_problem(problem, key=f"problem-{key}")
        return None


def table(rows: Sequence[Mapping[str, str]], *, key: str, alt: str) -> None:
    """A small table as real HTML, so that it can be read aloud, searched and copied. Cells are Markdown."""
    with st.container(key=key):
        st.table(pd.DataFrame(list(rows)), border="horizontal", hide_index=True, alt=alt)


_rows = table  # by another name where `table` is an argument


@st.fragment
def _as_table(rows: Sequence[Mapping[str, str]], key: str, alt: str) -> None:
    """The figures of a chart, drawn when somebody opens them: eight tables nobody reads cost more than eight charts."""
    shut = st.expander("As a table", key=f"{key}-as-table", on_change="rerun")
    if shut.open:
        with shut:
            _rows(rows, key=f"{key}-table", alt=alt)


def chart(
    figure: go.Figure | None,
    *,
    key: str,
    summary: str,
    nothing: str,
    table: Sequence[Mapping[str, str]] = (),
    pick: bool = False,
) -> int | None:
    """A figure with its one-sentence summary, which is also what a screen reader says, and the same as a table; or why
    there is none. `pick`: points can be clicked, and what the chosen one stands for is returned."""
    if figure is None:
        empty("Nothing to draw yet", nothing, key=f"{key}-empty")
        return None
    more: dict[str, Any] = {"on_select": "rerun", "selection_mode": "points"} if pick else {}
    event = st.plotly_chart(figure, theme=None, key=key, alt=summary, config={"displayModeBar": False}, **more)
    st.caption(wording.plain(summary))
    if table:
        _as_table(table, key, summary)
    return charts.picked(event) if pick else None


def heading(text: str, *, key: str, note: str = "", as_of: datetime | None = None) -> None:
    """A page's first heading, with one line about what the page answers.

    `as_of`: since when nobody has looked any more, so that what follows may be old (`session.Visit.stale_since`).
    """
    with st.container(key=key, gap="small"):
        st.title(wording.plain(text), anchor=False)
        if as_of is not None:
            st.markdown(chip(STALE, f"As of {wording.when(as_of, now())}: the monitor has been silent since"))
        if note:
            st.caption(wording.plain(note))


def section(text: str, note: str = "") -> None:
    """A heading inside a page."""
    st.subheader(wording.plain(text), anchor=False)
    if note:
        st.caption(wording.plain(note))
