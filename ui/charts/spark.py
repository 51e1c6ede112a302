"""A small line without axes, as a picture that has a text: the figure that it belongs to stands beside it."""

import base64
import math
from collections.abc import Sequence

_WIDTH, _HEIGHT, _ROOM = 160.0, 40.0, 3.0


def spark(values: Sequence[float], colour: str) -> str | None:
    """The address of the picture (`data:image/svg+xml;…`), the newest value marked; None for less than two figures."""
    known = [value for value in values if math.isfinite(value)]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)
    across, up = (_WIDTH - 2 * _ROOM) / (len(known) - 1), (_HEIGHT - 2 * _ROOM) / ((high - low) or 1.0)
    level = 0.0 if high > low else (_HEIGHT - 2 * _ROOM) / 2
    points = [(_ROOM + at * across, _HEIGHT - _ROOM - level - (one - low) * up) for at, one in enumerate(known)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}" '
        f'viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}">'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.75" stroke-linejoin="round"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/></svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode()
