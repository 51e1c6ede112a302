"""Everything that was ever changed, by whom and why, in a chain that shows when somebody alters it."""

from functools import partial

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.api_client import ApiError
from ui.govern import audit, audit_detail, audit_filters, settings_frame
from ui.govern.settings import ADMINISTER


def _whole() -> None:
    found = c.fetched(session.client().govern.verified, key="verified", height=60)
    if found is None:
        return
    with st.container(key="audit-verified", border=True, gap="small"):
        st.markdown(f"{c.chip(audit.badge(found))} {wording.plain(audit.standing(found, c.now()))}")
        if settings_frame.may(ADMINISTER):
            waits = found.asked_at is not None
            if st.button("Walk the whole log", key="audit-verify", disabled=waits, width="content"):
                _walk()
    for line in found.walk.faults if found.walk else ():
        st.error(wording.plain(wording.sentence(line)))
    for line in found.walk.notes if found.walk else ():
        st.caption(wording.plain(wording.sentence(line)))


def _walk() -> None:
    try:
        session.client().govern.verify()
    except ApiError as problem:
        c.show_problem(problem, key="audit-verify-problem")
        return
    st.rerun()


def _list(wanted: dict[str, str | int]) -> None:
    before = st.query_params.get("before", "")
    here = {"before": int(before)} if before.isdecimal() and 0 < len(before) < 19 else {}
    client = session.client().govern
    found = c.fetched(lambda: client.audit({**wanted, **here, "limit": audit_filters.PAGE}), key="audit", height=600)
    if found is None:
        return
    if found.events:
        c.table(audit.rows(found.events, audit_filters.address()), key="audit-table", alt="Audit log")
    else:
        c.empty("No such event", audit.nothing(found), key="audit-empty", next_step="Widen the filters above.")
    with st.container(horizontal=True, key="audit-pager", vertical_alignment="center"):
        if st.button("Newest", key="audit-newest", disabled=not here):
            st.query_params.pop("before", None)
            st.rerun()
        if st.button("Older", key="audit-older", disabled=found.before is None):
            st.query_params["before"] = str(found.before)
            st.rerun()
        st.caption(wording.plain(audit.reached(found)))
        st.space("stretch")
        for form, label, mime in (
            ("csv", "Export CSV", "text/csv"),
            ("jsonl", "Export JSON lines", "application/x-ndjson"),
        ):
            file = partial(client.audit_file, {**wanted, **here}, form)
            st.download_button(label, file, f"audit.{form}", mime, key=f"audit-{form}", on_click="ignore")
    st.caption("An export holds at most 10 000 of the filtered events; its last line says so where older ones follow.")


def page() -> None:
    c.heading(
        "Audit", key="headline", note="Every change, who made it and why. Events hold ids and reasons, no features."
    )
    _whole()
    choices = c.fetched(session.client().govern.audit_choices, key="choices", height=120)
    if choices is None:
        return
    audit_detail.show()
    _list(audit_filters.choose(choices))


page()
