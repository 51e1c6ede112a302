"""The section Keys: API keys of client programs, made, rotated and ended here; a secret is seen once."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.answers.keys import KeyMade, KeyOut
from ui.api_client import ApiError
from ui.govern import settings_frame
from ui.govern.settings import ADMINISTER
from ui.vocabulary import Sign

DIALOG, SECRET, DONE = "key-dialog", "key-secret", "key-said"
SCOPES = {
    "predict:write": "ask for predictions", "labels:write": "send labels", "metrics:read": "read metrics",
    "actions:propose": "propose a retrain or a rollback",
}  # fmt: skip
GOOD = Sign("Good", "●", "green")
ENDING = Sign("Ends soon", "▲", "orange")
ENDED = {"revoked": Sign("Revoked", "✕", "gray"), "expired": Sign("Expired", "○", "gray")}
SOON = timedelta(days=14)


def sign(key: KeyOut, now: datetime) -> Sign:
    if key.ended:
        return ENDED.get(key.ended, ENDED["expired"])
    return ENDING if key.expires_at - now < SOON else GOOD


def rows(keys: Sequence[KeyOut], now: datetime) -> list[dict[str, str]]:
    """The keys, good ones first, each as the API told. Cells are Markdown."""
    return [_row(key, now) for key in sorted(keys, key=lambda key: key.ended is not None)]


def _row(key: KeyOut, now: datetime) -> dict[str, str]:
    quota = f" of {wording.count(key.rows_per_day)}" if key.rows_per_day else ""
    return {
        "key": f"**{wording.plain(key.name)}** `{key.key_id}`",
        "state": c.chip(sign(key, now)),
        "may": wording.plain(", ".join(SCOPES.get(scope, scope) for scope in key.scopes)),
        "models": wording.plain(", ".join(key.models) if key.models else "all"),
        "rows today": f"{wording.count(key.rows_today)}{quota}",
        "answers for it": wording.plain(key.owner or "nobody named"),
        "last used": wording.plain(wording.relative(key.last_used_at, now)) if key.last_used_at else "never",
        "ends": wording.plain(wording.when(key.revoked_at or key.expires_at, now)),
    }


def _close() -> None:
    st.session_state.pop(DIALOG, None)


def _seen() -> None:
    st.session_state.pop(SECRET, None)


def show() -> None:
    """The whole section."""
    c.section("API keys", "What programs send as X-API-Key. No key can decide anything.")
    if not settings_frame.may(ADMINISTER):
        settings_frame.locked(ADMINISTER, "Keys are for administrators", key="keys-locked")
        return
    settings_frame.said(DONE)
    found = c.fetched(session.client().govern.keys, key="keys")
    if found is None:
        return
    now = c.now()
    good = [key for key in found.keys if not key.ended]
    with st.container(horizontal=True, key="key-buttons"):
        for word, able in (("Make", True), ("Rotate", bool(good)), ("Revoke", bool(good))):
            label = "Make a key…" if word == "Make" else f"{word}…"
            if st.button(label, key=f"key-{word.lower()}", disabled=not able):
                st.session_state[DIALOG] = word
    if found.keys:
        c.table(rows(found.keys, now), key="keys-table", alt="API keys, good ones first")
    else:
        why = "No program can ask for predictions yet."
        c.empty("No key", why, key="keys-empty", next_step="Make one, and give it to the program.")
    if isinstance(made := st.session_state.get(SECRET), KeyMade):
        _shown_once(made)
    elif kind := st.session_state.get(DIALOG):
        {"Make": _make, "Rotate": _rotate, "Revoke": _revoke}[kind](good)


def _labelled(keys: Sequence[KeyOut]) -> dict[str, str]:
    return {key.key_id: f"{key.name} ({key.key_id})" for key in keys}


@st.dialog("The key is shown once", dismissible=False)
def _shown_once(made: KeyMade) -> None:
    st.markdown(f"**{wording.plain(made.key.name)}**, good until {wording.plain(wording.moment(made.key.expires_at))}")
    st.code(made.secret, language=None, wrap_lines=True)
    st.warning("Copy it now, to where the program keeps its secrets. It is kept nowhere here and never shown again.")
    if st.button("I have copied it", key="key-copied", type="primary", width="stretch"):
        _seen()
        st.rerun()


@st.dialog("Make a key", on_dismiss=_close)
def _make(_: Sequence[KeyOut]) -> None:
    name = st.text_input("Name", key="key-name", max_chars=100, help="The program or team that uses it")
    scopes = st.multiselect(
        "It may", list(SCOPES), default=["predict:write", "labels:write"], format_func=lambda one: SCOPES[one],
        key="key-scopes",
    )  # fmt: skip
    models = [model.name for model in session.visit().frame.models]
    chosen = st.multiselect("Models", models, key="key-models", placeholder="All of them")
    left, right = st.columns(2)
    days = left.number_input("Good for (days)", 1, 730, 90, key="key-days")
    quota = right.number_input("Rows a day", 0, 10**9, None, key="key-quota", placeholder="as set for all")
    owner = st.text_input("Who answers for it", key="key-owner", max_chars=64, help="Needed where it may propose")
    ready = bool(name.strip() and scopes) and not ("actions:propose" in scopes and not owner.strip())
    label = f"Make a key for {name.strip()}" if name.strip() else "Make the key"
    if st.button(wording.plain(label), key="key-confirm", type="primary", width="stretch", disabled=not ready):
        wanted = {
            "name": name.strip(), "scopes": scopes, "models": chosen or None, "days": int(days),
            "rows_per_day": None if quota is None else int(quota), "owner": owner.strip() or None,
        }  # fmt: skip
        try:
            st.session_state[SECRET] = session.client().govern.make_key(wanted)
        except ApiError as problem:
            c.show_problem(problem, key="key-problem")
            return
        _close()
        st.rerun()


@st.dialog("Rotate a key", on_dismiss=_close)
def _rotate(good: Sequence[KeyOut]) -> None:
    names = _labelled(good)
    key_id = st.selectbox("Key", list(names), format_func=names.__getitem__, key="rotate-key")
    left, right = st.columns(2)
    overlap = left.number_input("Both work for (days)", 0, 90, 7, key="rotate-overlap")
    days = right.number_input("The new one is good for (days)", 1, 730, 90, key="rotate-days")
    st.caption("The new key may do the same. The old one ends after the days in which both work.")
    if st.button(f"Rotate {wording.plain(names[key_id])}", key="key-confirm", type="primary", width="stretch"):
        try:
            made = session.client().govern.rotate_key(key_id, overlap_days=int(overlap), days=int(days))
        except ApiError as problem:
            c.show_problem(problem, key="key-problem")
            return
        st.session_state[SECRET] = made
        _close()
        st.rerun()


@st.dialog("Revoke a key", on_dismiss=_close)
def _revoke(good: Sequence[KeyOut]) -> None:
    names = _labelled(good)
    key_id = st.selectbox("Key", list(names), format_func=names.__getitem__, key="revoke-key")
    st.warning("Whoever uses it is refused within a second or two. It cannot be brought back; a new one can be made.")
    if st.button(f"Revoke {wording.plain(names[key_id])}", key="key-confirm", type="primary", width="stretch"):
        try:
            session.client().govern.revoke_key(key_id)
        except ApiError as problem:
            c.show_problem(problem, key="key-problem")
            return
        st.session_state[DONE] = f"{names[key_id]} is revoked."
        _close()
        st.rerun()
