"""The blocks of the data quality page: records behind a check, what came in, refused requests, dead letters."""

from collections.abc import Callable

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.answers.corrections import CorrectionsList
from ui.answers.intake import DeadLetterList, Refusals
from ui.api_client import ApiError
from ui.api_types import DataQuality, Intake, WindowRef
from ui.observe import controls, corrections, data_quality, intake

READ_RECORDS, REPLAY = "records.read", "rows.replay"
DONE = "replayed"
REFUSALS_HOURS = 24


def records(found: DataQuality, window: WindowRef) -> None:
    """The rows in which the chosen check found something, for who may see them."""
    choices = data_quality.choices(found, window.seq)
    if not choices:
        return
    c.section("Records behind a check")
    if READ_RECORDS not in session.visit().me.permissions:
        c.empty(
            "You may not see single records",
            "Operators and approvers may, since a record may be about a person.",
            key="records-forbidden",
            next_step="Ask an administrator for one of these roles.",
        )
        return
    by_name = {f"{one.check}.{one.column or ''}": one for one in choices}
    name = controls.choose_one("Check", list(by_name), "check", lambda one: by_name[one].words)
    chosen = by_name[name]
    ask = session.client().windows.records
    answer = c.fetched(lambda: ask(window.window_id, chosen.check, chosen.column), key="records")
    if answer is None:
        return
    st.caption(wording.plain(intake.records_note(answer)))
    if answer.records:
        c.table(intake.record_rows(answer), key="records", alt=f"Records: {chosen.words}")


def came_in(counts: Intake) -> None:
    """The figures of what came in."""
    c.section("What came in")
    cards = data_quality.intake(counts, c.now())
    for left in range(0, len(cards), 3):
        for column, card in zip(st.columns(3, gap="small"), cards[left : left + 3], strict=False):
            with column:
                c.metric_card(card.label, card.value, note=card.note, key=card.key, sign=card.sign)


def corrected(ask: Callable[[], CorrectionsList], model: str) -> None:
    """How many answers people corrected that nothing has learnt from, and what comes of it."""
    c.section(
        "Corrected answers",
        "What people said through POST /feedback. A retrain tried because of them asks nobody unless its proof, "
        "on rows that were not chosen for being wrong, says that the new version is better.",
    )
    answer = c.fetched(ask, key="corrections")
    found = corrections.of_model(answer, model) if answer else None
    if found is None:
        return
    with st.container(key="corrections"):
        st.markdown(f"**{wording.plain(corrections.headline(found))}**")
        for fact in corrections.facts(found, c.now()):
            st.caption(wording.plain(fact))
        if found.last_try is not None:
            st.markdown(f"[Open the last try](/decision?id={found.last_try.action_id})")


def refused(ask: Callable[[], Refusals], hours: int) -> None:
    """Predictions and labels that were refused in so many hours, by reason."""
    c.section(
        "Refused requests",
        "Predictions and labels that were answered with an error, counted by ten minutes and kept for 35 days. Not "
        "among them: bodies that are too large, and what came while too much was being served. Values are never kept.",
    )
    found = c.fetched(ask, key="refused")
    if found is None:
        return
    st.markdown(f"**{wording.plain(intake.refused_headline(found, hours))}**")
    if found.reasons:
        c.table(intake.refused_rows(found, c.now()), key="refused", alt="Refused requests by reason")


def dead_letters(counts: Intake) -> None:
    """Answered rows the database refused, and trying them again."""
    done = st.session_state.pop(DONE, None)
    if done:
        c.banner("success", "Tried again.", str(done), key="replayed")
    if not counts.dead_letters:
        return
    c.section("Dead letters", "Answered rows the database refused. They are kept until they can be stored.")
    permissions = session.visit().me.permissions
    if READ_RECORDS not in permissions:
        why = "Operators and approvers may see them, since a row may be about a person."
        c.empty(f"{wording.plural(counts.dead_letters, 'row')} wait here", why, key="letters-forbidden")
        return
    found = c.fetched(session.client().intake.dead_letters, key="letters")
    if found is None:
        return
    c.table(intake.letter_rows(found, c.now()), key="letters", alt="Dead letters")
    _replay(found, allowed=REPLAY in permissions)


def _replay(found: DeadLetterList, *, allowed: bool) -> None:
    n = wording.plural(min(found.total, 100), "row")
    pressed = st.button(f"Try to store {n} again", key="replay", disabled=not allowed)
    st.caption(
        "Nothing is stored twice: a row has had its id since it was answered. What is refused again stays here."
        if allowed
        else "Operators may try again; ask one."
    )
    if not pressed:
        return
    try:
        st.session_state[DONE] = intake.replayed(session.client().intake.replay())
    except ApiError as problem:
        c.show_problem(problem, key="replay-problem")
        return
    st.rerun()
