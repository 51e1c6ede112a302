"""From what a report says to a PDF: the only place that knows Typst.

The page (`report_page.typ`) is ours and never changes; what it says reaches it as one JSON value, which Typst sets as
text and never reads as markup. Fonts are those Typst brings along, so that the same report is the same file everywhere.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

PAGE = Path(__file__).parent / "report_page.typ"
APOLOGY = Path(__file__).parent / "report_apology.typ"


def render(content: dict[str, Any], *, page: int | None = None) -> bytes:
    """The report as a tagged PDF; with `page`, that page as a PNG to look at. The same content gives the same bytes."""
    year, month, day, hour, minute, second = content["made_at"]
    at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    made = typst.compile(
        PAGE.read_bytes(),
        format="pdf" if page is None else "png",
        ppi=110.0,
        ignore_system_fonts=True,
        sys_inputs={"report": json.dumps(content, allow_nan=False)},
        timestamp=int(at.timestamp()),
    )
    if isinstance(made, list):
        return bytes(made[page or 0])
    return bytes(made or b"")


def apology(title: str, sentence: str) -> bytes:
    """A page that says why there is no report: what was downloaded is a PDF in any case."""
    said = json.dumps({"title": title, "sentence": sentence})
    made = typst.compile(APOLOGY.read_bytes(), ignore_system_fonts=True, sys_inputs={"said": said}, timestamp=0)
    return bytes(made if isinstance(made, bytes) else b"")
