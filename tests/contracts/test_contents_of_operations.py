"""The page for whoever runs it: every section stands in its contents, and every link to a section leads there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operations.md"
LINK = re.compile(r"\]\((?:(?P<file>[\w./-]+\.md))?#(?P<anchor>[\w-]+)\)")


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _headings(page: Path, level: str = "#{1,6}") -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(rf"^{level} (.+)$", text, re.MULTILINE)


def test_every_section_stands_once_in_the_contents() -> None:
    contents = PAGE.read_text(encoding="utf-8").split("\n## ")[1]
    listed = re.findall(r"^- \[(.+)\]\(#([\w-]+)\)$", contents, re.MULTILINE)
    sections = [one for one in _headings(PAGE, "##") if one != "Contents"]
    missing = [f"- [{one}](#{_anchor(one)})" for one in sections if one not in dict(listed)]
    assert missing == [], "add these lines to Contents"
    assert sorted(listed) == sorted((one, _anchor(one)) for one in sections)


def test_every_link_to_a_section_leads_to_one() -> None:
    lost = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for link in LINK.finditer(page.read_text(encoding="utf-8")):
            target = (page.parent / link["file"]).resolve() if link["file"] else page
            if not target.is_file() or link["anchor"] not in map(_anchor, _headings(target)):
                lost.append(f"{page.relative_to(ROOT)}: {link[0]}")
    assert lost == []
