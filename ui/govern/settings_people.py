"""People, for those who administer; and oneself: who am I here, where am I signed in, my password.

Dialogs are driven by session state. A one-time link is shown once, in the run that made it and until it is closed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.answers.people import LinkOut, PersonRow, SessionOut
from ui.api_client import ApiError
from ui.api_types import Me
from ui.govern import people as view
from ui.govern import settings_frame
from ui.govern.settings import ADMINISTER
from ui.vocabulary import UNKNOWN

DIALOG = "people_dialog"
LINK = "people_link"
DONE = "people_done"


@dataclass(frozen=True)
class Open:
    """One open dialog. `name` empty: to invite somebody."""

    name: str


def _open(name: str) -> None:
    st.session_state[DIALOG] = Open(name)
    st.session_state.pop(LINK, None)


def _close() -> None:
    st.session_state.pop(DIALOG, None)
    st.session_state.pop(LINK, None)


def _attempt(do: Callable[[], object], done: str, *, stay: bool = False) -> None:
    """Do it, say so above the list, and close the dialog; or say in the dialog why it was not done."""
    try:
        do()
    except ApiError as problem:
        if problem.signed_out or problem.away:
            c.show_problem(problem, key="people-problem")
        else:
            st.error(wording.plain(wording.sentence(problem.sentence)))
        return
    st.session_state[DONE] = done
    if not stay:
        _close()
    st.rerun()


def _said() -> None:
    if done := st.session_state.pop(DONE, None):
        with st.container(key="people-done"):
            st.success(wording.plain(done))


# ------------------------------------------------------------------------------------------------------- everybody


def show() -> None:
    """The people of this installation: seen and changed by administrators, and by nobody else."""
    if not settings_frame.may(ADMINISTER):
        settings_frame.locked(ADMINISTER, "You do not see people here", key="people-closed")
        return
    found = c.fetched(session.client().people.all, key="people")
    if found is None:
        return
    now = c.now()
    _said()
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.markdown(wording.plain(view.summary(found.people)))
    right.button("Invite somebody…", key="invite", width="stretch", on_click=_open, args=("",))
    with st.container(key="people", gap="small"):
        for line in view.lines(found.people, now):
            _line(line)
    asked = st.session_state.get(DIALOG)
    if isinstance(asked, Open):
        row = next((row for row in found.people if row.name == asked.name), None)
        if isinstance(link := st.session_state.get(LINK), LinkOut):
            _pass_on(link)
        elif row is not None:
            _person(row)
        else:
            _invite(found.people)


def _line(line: view.PersonLine) -> None:
    with st.container(key=f"person-{line.slug}", border=True):
        words, change = st.columns([5, 1], vertical_alignment="center")
        words.markdown(f"**{wording.plain(line.name)}** {c.chip(line.sign)} {c.tag(line.roles)}")
        words.caption(wording.plain(line.note))
        change.button(
            "Change…", key=f"change-{line.slug}", width="stretch", on_click=_open, args=(line.name,),
            help=f"Roles, links and sessions of {line.name}",
        )  # fmt: skip


def _roles(have: Sequence[str], key: str, *, disabled: bool = False) -> list[str]:
    chosen = st.pills("Roles", list(view.ROLES), selection_mode="multi", default=list(have), key=key, disabled=disabled)
    for role in chosen:
        st.caption(f"{role}: {view.ROLES[role]}")
    return list(chosen)


@st.dialog("Invite somebody", width="medium", on_dismiss=_close)
def _invite(rows: Sequence[PersonRow]) -> None:
    name = st.text_input("Name", key="invite-name", max_chars=64, placeholder="such as grace or grace@example.org")
    name = name.strip().lower()
    roles = _roles(["viewer"], "invite-roles")
    st.caption("You get a link to pass on. Whoever opens it chooses a password, which nobody else knows.")
    if not st.button(
        f"Invite {name}" if name else "Invite", key="invite-confirm", type="primary", width="stretch", disabled=not name
    ):
        return
    if wrong := view.unusable_name(name, rows):
        st.error(wording.plain(wrong))
    elif not roles:
        st.error("Choose at least one role.")
    else:
        _attempt(lambda: _keep(session.client().people.invite(name, roles)), f"{name} is invited.", stay=True)


def _keep(link: LinkOut) -> None:
    st.session_state[LINK] = link


@st.dialog("One-time link", width="medium", on_dismiss=_close)
def _pass_on(link: LinkOut) -> None:
    """The one moment in which a link can be read."""
    with st.container(key="one-time-link"):
        st.markdown(f"**Pass this link on to {wording.plain(link.name)}.** It is shown only now, and works once.")
        st.code(view.address(session.origin(), session.FIRST, link), language=None, wrap_lines=True)
        st.caption(wording.plain(f"It works until {wording.when(link.expires_at, c.now())}."))
        st.button("I have copied it", key="link-copied", type="primary", width="stretch", on_click=_close)


@st.dialog("Change a person", width="medium", on_dismiss=_close)
def _person(row: PersonRow) -> None:
    name, api, mine = row.name, session.client().people, row.name == session.visit().me.name
    st.markdown(f"**{wording.plain(name)}** {c.chip(view.STATES.get(row.state, UNKNOWN))}")
    st.caption(wording.plain(wording.sentence(view.last_seen(row, c.now()))))
    roles = _roles(row.roles, "person-roles", disabled=row.by_provider)
    if row.by_provider:
        st.caption("The identity provider's groups give these roles at each sign-in.")
    changed = sorted(roles) != sorted(row.roles)
    label = f"Set the roles of {name}"
    if st.button(label, key="person-save", type="primary", width="stretch", disabled=not (changed and roles)):
        _attempt(lambda: api.set_roles(name, roles), f"{name} is now {', '.join(sorted(roles))}.")
    if mine:
        st.caption("You cannot take the role admin from yourself or disable yourself; another administrator can.")
    if not row.by_provider and row.state != "disabled":
        st.caption("With a new link they choose another password. The old one works until they do.")
        if st.button(f"Make a new link for {name}", key="person-link", width="stretch"):
            _attempt(lambda: _keep(api.new_link(name)), f"There is a new link for {name}.", stay=True)
    if row.sessions and st.button(f"Sign {name} out everywhere", key="person-out", width="stretch"):
        _attempt(lambda: api.end_sessions_of(name), f"{name} is signed out everywhere.")
    if row.state == "disabled":
        if st.button(f"Let {name} sign in again", key="person-enable", width="stretch"):
            _attempt(lambda: api.enable(name), f"{name} may sign in again.")
    elif st.button(f"Disable {name}", key="person-disable", width="stretch", disabled=mine):
        _attempt(lambda: api.disable(name), f"{name} is signed out and may no longer sign in.")


# --------------------------------------------------------------------------------------------------------- oneself


def show_own() -> None:
    """Who am I here, where am I signed in, and my password."""
    me = session.visit().me
    _said()
    with st.container(key="own"):
        st.markdown(f"**{wording.plain(me.name)}** {c.tag(', '.join(sorted(me.roles)) or 'no role')}")
        how = "your identity provider" if me.by_provider else "a password"
        shown = (
            wording.when(me.authenticated_at, c.now()) if me.authenticated_at else "at a time the provider does not say"
        )
        st.caption(wording.plain(f"You sign in with {how}, and last showed who you are {shown}."))
        for role in sorted(me.roles):
            st.caption(wording.plain(f"{role}: {view.ROLES.get(role, 'not known to this dashboard')}"))
    _own_sessions()
    _own_password(me)


def _own_sessions() -> None:
    found = c.fetched(session.client().people.sessions, key="own-sessions")
    if found is None:
        return
    others = [one for one in found.sessions if not one.current]
    with st.container(key="own-sessions"):
        st.markdown("**Where you are signed in**")
        for one in found.sessions:
            _own_session(one)
        label = "Sign out the other session" if len(others) == 1 else f"Sign out the {len(others)} other sessions"
        if others and st.button(label, key="end-others"):
            _attempt(session.client().people.end_others, "You are signed out everywhere else.")


def _own_session(one: SessionOut) -> None:
    words, end = st.columns([5, 1], vertical_alignment="center")
    this = f" {c.tag('this one')}" if one.current else ""
    words.markdown(f"{wording.plain(wording.sentence(view.place(one, c.now())))}{this}")
    if not one.current and end.button("Sign out", key=f"end-{one.session_id}", width="stretch"):
        _attempt(lambda: session.client().people.end_session(one.session_id), "That session is signed out.")


def _own_password(me: Me) -> None:
    if me.by_provider:
        st.caption("Your password is your identity provider's; change it there.")
        return
    with st.expander("Change your password", key="own-password"):
        with st.form("password-form", clear_on_submit=True, border=False):
            old = st.text_input("The password you have now", type="password", key="password-old")
            new = st.text_input("The new one, at least 12 characters", type="password", key="password-new")
            again = st.text_input("The new one again", type="password", key="password-again")
            pressed = st.form_submit_button("Change the password", key="password-confirm", type="primary")
        if not pressed:
            return
        if wrong := view.unusable_password(old, new, again):
            st.error(wrong)
            return
        _attempt(
            lambda: session.client().people.change_password(old, new),
            "Your password is changed, and you are signed out everywhere else.",
        )
