"""The section Data: what is kept and for how long, where it lies, and whether the files are whole."""

from datetime import date, datetime

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.answers.installation import DataOut, Kept, OldDay
from ui.govern.settings_frame import facts
from ui.vocabulary import CHECKS, Sign

KINDS = {"embedded": "embedded, run by this installation", "own": "your own (DATABASE_URL)"}
OLD_SHOWN = 20


def size(count: int) -> str:
    """Bytes as people read them."""
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= least:
            return f"{wording.number(count / least, 1)} {unit}"
    return f"{wording.count(count)} B"


def day(found: date | None) -> str:
    return f"{found:%d %b %Y}" if found else wording.NOTHING


def about(found: DataOut, now: datetime) -> dict[str, str]:
    """The installation in a few facts. Values are Markdown."""
    kept = f"{wording.plural(found.days_kept, 'day')}, then whole days go" if found.days_kept else "for good"
    return {
        "Version": wording.plain(f"Steward {found.version}, {found.environment}"),
        "Database": wording.plain(f"PostgreSQL {found.server}, {KINDS.get(found.database, found.database)}"),
        "Size": wording.plain(size(found.bytes)),
        "Answers are kept": wording.plain(f"{kept} (RETENTION_DAYS)"),
        "Oldest answer": wording.plain(f"{day(found.oldest_day)} (UTC)" if found.oldest_day else "none yet"),
        "Model files": _files(found, now),
    }


def _files(found: DataOut, now: datetime) -> str:
    versions = wording.plural(found.versions, "version")
    if found.damaged is None:
        return c.chip(CHECKS[None], "No monitor runs: nobody checks them")
    if found.damaged:
        return c.chip(Sign("Damaged", "✕", "red"), f"{len(found.damaged)} damaged")
    word = wording.when(found.inspected_at, now)
    checked = f"{versions}; the monitor hashes what serves and served last, its word of {word}"
    return f"{c.chip(CHECKS[True], 'Whole')} {wording.plain(checked)}"


def kept(found: DataOut) -> list[dict[str, str]]:
    """Each kind of data, and its end. Cells are Markdown."""
    return [_kept(one) for one in found.kept]


def _kept(one: Kept) -> dict[str, str]:
    return {
        "what": f"**{wording.plain(one.what)}**",
        "rows": wording.count(one.rows),
        "kept": f"for {wording.plural(one.days, 'day')}" if one.days else "for good",
        "how": wording.plain(wording.sentence(one.says)),
    }


def old(found: list[OldDay]) -> list[dict[str, str]]:
    """Days of answers whose time is over."""
    return [
        {
            "day": f"{day(one.begins)} to {day(one.ends)}" if one.begins else f"before {day(one.ends)}",
            "size": wording.plain(size(one.bytes)),
            "what becomes of it": wording.plain(f"kept: {one.kept_for}" if one.kept_for else "goes within the hour"),
        }
        for one in found[:OLD_SHOWN]
    ]


def show() -> None:
    """The whole section."""
    c.section(
        "Data", "A feature is kept as long as the answer it belongs to, unless its subject is erased (steward erase)."
    )
    found = c.fetched(session.client().govern.data, key="data")
    if found is None:
        return
    facts(about(found, c.now()), key="data-facts", alt="The installation")
    for line in found.damaged or ():
        st.error(wording.plain(wording.sentence(line)))
    c.table(kept(found), key="data-kept", alt="What is kept, and for how long")
    if found.old:
        c.section("Days whose time is over")
        c.table(old(found.old), key="data-old", alt="Days of answers whose time is over")
        if len(found.old) > OLD_SHOWN:
            st.caption(f"and {wording.count(len(found.old) - OLD_SHOWN)} more: `steward retention` shows all")
