"""What the decision page has shown: evidence is never exchanged under the eyes of who reads it."""

from time import monotonic

import streamlit as st

from ui import clock, session, vocabulary
from ui import components as c
from ui.api_client import ApiError
from ui.api_types import ActionDetail
from ui.deciding import asked_again

WATCH_S = 10
LONGEST_READ_S = 30 * 86_400.0


def _slot(action_id: str) -> str:
    return f"seen-{action_id}"


def _since(action_id: str) -> str:
    return f"seen-since-{action_id}"


def read_s(action_id: str) -> float | None:
    """How long ago this tab first showed the evidence that is decided on, in seconds; a claim, and sent as one."""
    since = st.session_state.get(_since(action_id))
    return min(monotonic() - since, LONGEST_READ_S) if isinstance(since, float) else None


def forget(action_id: str) -> None:
    """The next run reads the action anew."""
    st.session_state.pop(_slot(action_id), None)
    asked_again.forget(action_id)


def seen(action: ActionDetail) -> ActionDetail:
    """The action as this page first showed it.

    What has no evidence yet, or is decided, is shown as it is now; so is everything about it that is not evidence.
    """
    kept = st.session_state.get(_slot(action.action_id))
    if not isinstance(kept, ActionDetail) or kept.evidence is None or action.status not in vocabulary.OPEN_ACTIONS:
        st.session_state[_slot(action.action_id)] = kept = action
        st.session_state[_since(action.action_id)] = monotonic()
    moved = (
        "status", "approvals_given", "approved_by", "decided_by", "waits_for", "snoozed_until", "expires_at",
        "may_decide", "comments", "history",
    )  # fmt: skip
    return kept.model_copy(update={name: getattr(action, name) for name in moved})


@clock.fragment(run_every=WATCH_S)
def watch(action_id: str, version: int, digest: str | None, comments: int, votes: int) -> None:
    """Looks every few seconds whether somebody else decided or spoke or newer evidence came, and then says so, once."""
    try:
        newest = session.client().action(action_id)
    except ApiError as problem:
        c.show_problem(problem, key="watch-problem")
        return
    known = (version, digest, comments, votes)
    if (newest.version, newest.evidence_digest, len(newest.comments), len(newest.approvals)) != known:
        session.redraw()
