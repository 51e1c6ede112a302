"""What the pages under *Observe* let one choose. The address is the one place that knows: it survives a reload, can be
sent to somebody else, and a range goes along to the next page.

Streamlit's own binding writes what is displayed into the address. That would be a time in somebody's zone, so what is
chosen is written here, by its name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from ui import vocabulary, wording
from ui.api_types import WindowRef
from ui.observe.ranges import NEWEST, RANGES, Range

T = TypeVar("T", int, str)
_KEPT = "kept_range"


def choose_range() -> Range:
    """One choice for all these pages."""
    kept = str(st.session_state.get(_KEPT, NEWEST.name))
    if kept != NEWEST.name and "range" not in st.query_params:
        st.query_params["range"] = kept
    name = _segments("Range", list(RANGES), "range", NEWEST.name, lambda one: RANGES[one].words)
    st.session_state[_KEPT] = name
    return RANGES[name]


def choose_metric(names: Sequence[str], first: str) -> str:
    """One of these metrics."""
    return _segments("Metric", names, "metric", first, lambda one: vocabulary.words(vocabulary.METRICS, one))


def choose_comparison(words: Mapping[str, str]) -> str:
    """What is drawn beside what is: one of these, the first of which is nothing."""
    names = list(words)
    return _segments("Compare with", names, "compare", names[0], words.__getitem__)


def choose_window(by_seq: Mapping[int, WindowRef], first: int | None = None) -> int:
    """The number of one of these windows; `first`, or the newest, as long as nobody chose."""
    seqs = sorted(by_seq, reverse=True)

    def words(seq: int) -> str:
        return f"{seq}, until {wording.moment(by_seq[seq].to_at)}"

    return choose_one("Window", seqs, "window", words, first=seqs[0] if first is None else first, width=360)


def choose_one(
    label: str,
    options: Sequence[T],
    name: str,
    words: Callable[[T], str],
    *,
    first: T | None = None,
    width: Any = "stretch",
) -> T:
    """One of a list; `first`, or the first of them, as long as nobody chose."""
    bound = _bound(options, name, options[0] if first is None else first)
    chosen: T = st.selectbox(label, options, format_func=words, width=width, **bound)
    return chosen


def point_at(name: str, value: object) -> None:
    """Choose for somebody who clicked on it elsewhere on the page; before its control is drawn."""
    st.query_params[name] = str(value)


def _segments(label: str, options: Sequence[str], name: str, first: str, words: Callable[[str], str]) -> str:
    bound = _bound(options, name, first)
    return str(st.segmented_control(label, options, required=True, format_func=words, **bound) or first)


def _bound(options: Sequence[T], name: str, first: T) -> dict[str, Any]:
    """A control whose value is what the address says."""
    key = f"choice-{name}"
    by_text = {str(option): option for option in options}
    st.session_state[key] = by_text.get(st.query_params.get(name, ""), first)
    return {"key": key, "on_change": _written, "args": (key, name, first)}


def _written(key: str, name: str, first: object) -> None:
    chosen = st.session_state[key]
    if chosen in {first, None}:
        st.query_params.pop(name, None)
        if name == "range":
            st.session_state[_KEPT] = str(first)
    else:
        st.query_params[name] = str(chosen)
