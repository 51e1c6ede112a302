"""What the laboratory's reports share: one HTML page that needs nothing else, its style, its colours, its tables."""

from collections.abc import Iterable, Sequence
from html import escape

# Okabe and Ito's colours, which people who see colours differently can tell apart.
BLUE, SKY, GREEN, ORANGE, RED, PINK, GREY = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#999999"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1, h2 { line-height: 1.2; } table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
.scores td:not(:first-child), .scores th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums; }
p.note { color: #555; } .wide { overflow-x: auto; }
@media (max-width: 40rem) {
  .story thead { display: none; } .story tr { display: block; border-bottom: 1px solid #ddd; padding: .5rem 0; }
  .story td { border: 0; padding: .1rem 0; } .story td:nth-child(n+4) { display: block; }
  .story td:nth-child(-n+3) { display: inline-block; font-weight: 600; padding-right: .7rem; }
  .story td:empty { display: none; }
}
"""


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """A whole page around parts that are HTML already."""
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}{style}</style></head><body>',
            *body,
            "</body></html>",
        ]
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> str:
    """A table of plain text; where it is wider than the screen, it alone is moved."""
    return table_of_cells(heads, ([f"<td>{escape(cell)}</td>" for cell in row] for row in rows), kind)


def table_of_cells(heads: Sequence[str], rows: Iterable[Iterable[str]], kind: str) -> str:
    """The same with cells that are HTML already."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
