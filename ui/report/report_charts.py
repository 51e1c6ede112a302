"""The drawings of the report as SVG, made from plain numbers: no browser, no fonts but the page's own. Pure.

Only numbers and words of this file are written into the drawings; nothing that came from data as text.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor

from ui.answers.period import PeriodWindow
from ui.charts import LIGHT

Place = Callable[[int], float]
WIDTH, HEIGHT, STRIP = 680, 210, 58
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 10, 26
# How often a version may change before its marks would cover the line.
_MOST_MARKS = 12
_DRIFT = {
    "ok": (LIGHT.green, "●", "nothing moved"),
    "warn": (LIGHT.amber, "▲", "some inputs moved"),
    "crit": (LIGHT.vermilion, "■", "much of the influence moved"),
    "inconclusive": (LIGHT.muted, "○", "too few rows"),
}


def _text(x: float, y: float, words: str, anchor: str = "start", colour: str = LIGHT.muted, size: float = 10) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-family="Libertinus Serif" font-size="{size}" '
        f'fill="{colour}">{words}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "", width: float = 1) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"{dashed}/>'
    )


def _svg(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        + "".join(parts)
        + "</svg>"
    )


def quality(windows: Sequence[PeriodWindow], minimum: float) -> str | None:
    """The primary metric by window with its 95 % interval, the figure asked for, and where another version began."""
    judged = [(place, one) for place, one in enumerate(windows) if one.value is not None]
    if not judged:
        return None
    known = [end for _, one in judged for end in (one.value, one.low, one.high) if end is not None]
    low, high = min([*known, minimum]), max([*known, minimum])
    low, high = max(0.0, floor(low * 10) / 10), min(1.0, ceil(high * 10) / 10)
    steps = max(1, round((high - low) * 10))

    def x(place: int) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (place + 0.5) / len(windows)

    def y(value: float) -> float:
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    parts = []
    for step in range(steps + 1):
        value = low + (high - low) * step / steps
        parts += [
            _line(_LEFT, y(value), WIDTH - _RIGHT, y(value), LIGHT.grid),
            _text(_LEFT - 6, y(value) + 3, f"{value:.1f}", "end"),
        ]
    parts += [
        _line(_LEFT, y(minimum), WIDTH - _RIGHT, y(minimum), LIGHT.muted, "5 3"),
        _text(WIDTH - _RIGHT, y(minimum) - 4, f"asked for {minimum:.2f}", "end"),
    ]
    band = [
        (x(place), y(one.low), y(one.high)) for place, one in judged if one.low is not None and one.high is not None
    ]
    if len(band) > 1:
        edge = [f"{at:.1f},{top:.1f}" for at, _, top in band] + [f"{at:.1f},{end:.1f}" for at, end, _ in reversed(band)]
        parts.append(f'<polygon points="{" ".join(edge)}" fill="{LIGHT.blue}" fill-opacity="0.14"/>')
    parts += [_line(at, end, at, top, LIGHT.blue, width=1) for at, end, top in band[:60]]
    path = " ".join(f"{x(place):.1f},{y(one.value or 0.0):.1f}" for place, one in judged)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{LIGHT.blue}" stroke-width="2"/>')
    parts += [
        f'<circle cx="{x(place):.1f}" cy="{y(one.value or 0.0):.1f}" r="{3 if len(judged) <= 60 else 1.5}" '
        f'fill="{LIGHT.blue}"/>'
        for place, one in judged
    ]
    return _svg(HEIGHT, [*parts, *_changes(windows, x), *_numbers(windows, x, HEIGHT - 8)])


def _changes(windows: Sequence[PeriodWindow], x: Place) -> list[str]:
    """Where another version answered most of a window."""
    begun = [place for place in range(1, len(windows)) if windows[place].version != windows[place - 1].version]
    marks = []
    for place in begun[-_MOST_MARKS:]:
        at = (x(place) + x(place - 1)) / 2
        marks += [
            _line(at, _TOP, at, HEIGHT - _BOTTOM, LIGHT.amber, "2 2"),
            _text(at + 3, _TOP + 9, f"v{windows[place].version}", colour=LIGHT.amber),
        ]
    return marks


def _numbers(windows: Sequence[PeriodWindow], x: Place, y: float) -> list[str]:
    """Every n-th window's number under its place."""
    every = max(1, -(-len(windows) // 16))
    shown = [(place, one) for place, one in enumerate(windows) if place % every == 0]
    return [_text(x(place), y, str(one.seq), "middle") for place, one in shown]


def drift(windows: Sequence[PeriodWindow]) -> str | None:
    """One field a window: its colour and its mark say how much moved, its height which share of the influence."""
    if not any(one.drift for one in windows):
        return None
    wide = (WIDTH - _LEFT - _RIGHT) / len(windows)

    def x(place: int) -> float:
        return _LEFT + wide * (place + 0.5)

    parts = [_text(_LEFT - 6, 26, "share", "end"), _line(_LEFT, 40, WIDTH - _RIGHT, 40, LIGHT.grid)]
    for place, one in enumerate(windows):
        colour, mark, _ = _DRIFT.get(one.drift or "", (LIGHT.muted, "", ""))
        tall = 4 + 30 * min(1.0, max(0.0, one.drift_score or 0.0))
        parts.append(
            f'<rect x="{x(place) - wide * 0.42:.1f}" y="{40 - tall:.1f}" width="{wide * 0.84:.1f}" height="{tall:.1f}" '
            f'fill="{colour}" fill-opacity="0.75"/>'
        )
        if wide > 14 and mark:
            parts.append(_text(x(place), 38 - tall, mark, "middle", colour, 7))
    return _svg(STRIP, [*parts, *_numbers(windows, x, STRIP - 6)])


def legend() -> list[dict[str, str]]:
    """What the colours and marks of the strip say."""
    return [{"mark": mark, "colour": colour, "says": says} for colour, mark, says in _DRIFT.values()]
