"""What a careful person would see on an open page, as lists of sentences about what is wrong there."""

import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_EYES = (Path(__file__).parent / "looking.js").read_text(encoding="utf-8")
_AXE = Axe()
_GRAVE = {"serious", "critical"}
# What no page of ours can mend: in its navigation Streamlit puts a `div` for each section between `ul` and `li`.
_OF_STREAMLIT = {"list": "stSidebarNav", "listitem": "stSidebarNav"}
# "None of 13 features moved" is a sentence; `None` alone is a value that was not there.
_NOT_A_VALUE = re.compile(r"\b(?:nan|NaN|NaT|-?inf|Infinity|undefined|None(?! of\b))(?!\w)|\[object|Traceback")
# A day with a time of day, in either of the ways that people and machines write it.
_MOMENT = re.compile(r"(?:\d{1,2} [A-Z][a-z]{2}(?: \d{4})?,? |\d{4}-\d{2}-\d{2}[ T])\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?")
ZONED = re.compile(r"\s?(?:UTC|Z\b|[+−-]\d{2}:?\d{2}|[A-Z]{3,5}\b|[A-Z][a-z]+/[A-Z])")
_FORBIDDEN = re.compile(r"^(?:ok|okay|yes|no|submit)[.!…]?$", re.IGNORECASE)


def sees(page: Page, what: str) -> list[str]:
    """What the function of that name in `looking.js` finds."""
    found: list[str] = page.evaluate(f"{_EYES.strip()}.{what}()")
    return found


def text_of(page: Page) -> str:
    """All that can be read, the sidebar too."""
    return str(page.evaluate("document.body.innerText"))


def no_values(text: str) -> list[str]:
    """Words that stand where a figure is missing."""
    return [text[max(0, found.start() - 40) : found.end() + 40] for found in _NOT_A_VALUE.finditer(text)]


def moments(text: str) -> list[tuple[str, str]]:
    """Each time that is told, with what follows it."""
    return [(found[0], text[found.end() : found.end() + 24]) for found in _MOMENT.finditer(text)]


def without_zone(text: str) -> list[str]:
    return [told + after for told, after in moments(text) if not ZONED.match(after)]


def nameless(page: Page) -> list[str]:
    """Buttons whose word says nothing about what they do."""
    return [name for name in sees(page, "buttons") if _FORBIDDEN.match(name)]


def axe(page: Page, within: str | None = None) -> list[str]:
    """What axe calls serious or critical; `within`: a selector, or the whole page."""
    found = _AXE.run(page, context=within).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['target']} {node['html'][:160]}"
        for one in found
        if one["impact"] in _GRAVE
        for node in one["nodes"]
        if not _of_streamlit(page, one["id"], node["target"])
    ]


def _of_streamlit(page: Page, rule: str, target: list[str]) -> bool:
    if rule not in _OF_STREAMLIT:
        return False
    ask = f"(target) => Boolean(document.querySelector(target)?.closest('[data-testid^={_OF_STREAMLIT[rule]}]'))"
    return bool(page.evaluate(ask, target[0]))
