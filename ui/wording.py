"""How numbers, times and texts are written, everywhere the same. The present moment is an argument."""

import math
import re
from datetime import datetime, timedelta

from config.vocabulary import ALGORITHMS, METRICS
from ui import zones

# What turns the direction of writing would also turn what we write beside it: `v31` must not read as `v13`.
_TURNS: dict[int, None] = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_MARKDOWN = str.maketrans({character: "\\" + character for character in "\\`*_{}[]()#+-.!|<>~$:"})
NOTHING = "–"
# Only what nobody would write in a sentence: `accuracy` is a word already.
_NAMED = {name: words for name, words in METRICS.items() if "_" in name or name == "f1"} | ALGORITHMS
_NAME = re.compile(rf"\b(?:{'|'.join(_NAMED)})\b")
_MINUS, _SIZE = re.compile(r"(?<=[\[ ])-(?=\d)"), re.compile(r"\bn=(?=\d)")


def plain(text: object) -> str:
    """Text that came from data, made safe for a place that reads Markdown: it is shown as it is and formats nothing."""
    return str(text).replace("\r", " ").replace("\n", " ").translate(_TURNS).translate(_MARKDOWN)


def number(value: float | None, digits: int = 3) -> str:
    """A figure with a fixed number of decimals and thousands set apart; what is missing or not finite is a dash."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.{digits}f}".replace("-", "−").replace(",", "\u202f")


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign; nothing is written as +0 or −0 but 0."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if round(value, digits) == 0:
        return number(0.0, digits)
    return ("+" if value > 0 else "") + number(value, digits)


def interval(low: float | None, high: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """The ends of a 95 % interval in brackets."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    write = signed if sign else number
    return f"[{write(low, digits)}, {write(high, digits)}]"


def count(value: int | None) -> str:
    """A whole number with thousands set apart."""
    return NOTHING if value is None else f"{value:,}".replace(",", "\u202f")


def percent(value: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 as a percentage."""
    return NOTHING if value is None or not math.isfinite(value) else f"{number(100 * value, digits)} %"


def plural(n: int, one: str, many: str | None = None) -> str:
    """`1 decision`, `2 decisions`."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def span(length: timedelta) -> str:
    """A length of time in its two largest units: `5 h 12 min`."""
    seconds = int(abs(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes and hours < 24 else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours and days < 7 else f"{days} d"


def relative(at: datetime | None, now: datetime) -> str:
    """`3 min ago`, `in 5 h 12 min`."""
    if at is None:
        return NOTHING
    difference = at - now
    if abs(difference) < timedelta(seconds=1):
        return "now"
    return f"in {span(difference)}" if difference > timedelta() else f"{span(difference)} ago"


def moment(at: datetime | None) -> str:
    """A point in time in the chosen zone, with its name: `21 Nov 2026 09:41 UTC`."""
    return NOTHING if at is None else f"{zones.here(at):%d %b %Y %H:%M} {zones.label(at)}"


def moment_today(at: datetime, now: datetime) -> str:
    """The same without the day when that is today: `09:41 UTC`."""
    same = zones.here(at).date() == zones.here(now).date()
    return f"{zones.here(at):%H:%M} {zones.label(at)}" if same else moment(at)


def to_the_second(at: datetime | None) -> str:
    """For what happens while one watches: `13:02:11 UTC`."""
    return NOTHING if at is None else f"{zones.here(at):%H:%M:%S} {zones.label(at)}"


def when(at: datetime | None, now: datetime) -> str:
    """Both: `21 Nov 2026 09:41 UTC (3 min ago)`."""
    return NOTHING if at is None else f"{moment(at)} ({relative(at, now)})"


def short_digest(digest: str | None) -> str:
    """The first eight characters of a digest, which is what people compare by eye."""
    return digest.removeprefix("sha256:")[:8] if digest else NOTHING


def named(text: str) -> str:
    """A text with metrics, algorithms and figures as this page writes them: `f1 -0.7 (n=9)` is F1 −0.7 (n = 9)."""
    text = _MINUS.sub("−", _NAME.sub(lambda found: _NAMED[found[0]], text))
    return _SIZE.sub("n = ", text)


def actor(name: str) -> str:
    """`person:ada` is shown as `ada`, `agent:…` as the agent, `system:steward` as steward."""
    kind, _, bare = name.partition(":")
    return "the agent" if kind == "agent" else bare or name


def sentence(text: str | None) -> str:
    """A sentence with a capital first letter and an end; a name such as `v2` or `heart_disease` keeps its letters."""
    text = (text or "").strip()
    if not text:
        return ""
    text = named(text)
    begin = text[0].upper() + text[1:] if text.split()[0].isalpha() else text
    return begin + ("" if text[-1] in ".?!…" else ".")
