"""The filters of the audit page: they stand in the address, so a view of the log can be sent to somebody."""

from datetime import date

import streamlit as st

from ui import components as c
from ui import zones
from ui.answers.audit import AuditChoices
from ui.govern import audit

ANYBODY, ANYTHING = "Anybody", "Anything"
PAGE = 50
NAMES = ("who", "kind", "on", "text", "from", "to")


def choose(choices: AuditChoices) -> dict[str, str | int]:
    """Draw the filters; what the API is asked."""
    with st.container(key="audit-filters", gap="small"):
        row = st.columns(3)
        who = row[0].selectbox("Who", [ANYBODY, *choices.actors], key="who", bind="query-params")
        kind = row[1].selectbox("Kind of event", [ANYTHING, *choices.groups], key="kind", bind="query-params")
        about = row[2].text_input(
            "On what", key="on", bind="query-params", max_chars=190, placeholder="api_key, or action/its id"
        )
        row = st.columns(3)
        text = row[0].text_input("Text", key="text", bind="query-params", max_chars=128, placeholder="in what was said")
        begin = row[1].date_input("From", None, key="from", bind="query-params", format="YYYY-MM-DD")
        end = row[2].date_input("To, this day included", None, key="to", bind="query-params", format="YYYY-MM-DD")
    zone = zones.here(c.now()).tzinfo
    kind_of, _, object_id = str(about).strip().partition("/")
    wanted = {
        "actor": None if who == ANYBODY else who,
        "group": None if kind == ANYTHING else kind,
        "object_type": kind_of or None,
        "object_id": object_id or None,
        "text": str(text).strip() or None,
        "from_at": audit.edge_of(begin if isinstance(begin, date) else None, zone, end=False),
        "to_at": audit.edge_of(end if isinstance(end, date) else None, zone, end=True),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def address() -> dict[str, str]:
    """The filters as they stand in the address."""
    return {name: st.query_params[name] for name in NAMES if name in st.query_params}
