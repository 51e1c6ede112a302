"""How colours look to somebody who does not tell red from green, and in a print without colour."""

from itertools import combinations

Rgb = tuple[float, float, float]
# Deuteranopia, fully: Machado, Oliveira, Fernandes 2009, on linear light.
_DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
_LUMINANCE = (0.2126, 0.7152, 0.0722)
# So different that it is seen at a glance.
CLEAR = 10.0


def rgb(colour: str) -> Rgb:
    """`#0068A3`, `rgb(0, 104, 163)` and `rgba(…)` as shares of 1."""
    if colour.startswith("#"):
        return tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))  # type: ignore[return-value]
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].replace(" ", "").split(",")]
    return tuple(part / 255 for part in parts[:3])  # type: ignore[return-value]


def _linear(one: float) -> float:
    return float(one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4)


def _to_lab(linear: Rgb) -> Rgb:
    r, g, b = linear
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883

    def f(value: float) -> float:
        return float(value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116)

    return 116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))


def _seen(colour: str, *, grey: bool) -> Rgb:
    """In the Lab space, where a distance is a difference one sees."""
    linear: Rgb = tuple(map(_linear, rgb(colour)))  # type: ignore[assignment]
    if grey:
        level = sum(weight * one for weight, one in zip(_LUMINANCE, linear, strict=True))
        return _to_lab((level, level, level))
    mixed = [min(1.0, max(0.0, sum(w * one for w, one in zip(row, linear, strict=True)))) for row in _DEUTERANOPIA]
    return _to_lab((mixed[0], mixed[1], mixed[2]))


def apart(one: str, other: str, *, grey: bool) -> float:
    """The difference (ΔE, CIE 1976) of two colours to somebody who sees them so."""
    a, b = _seen(one, grey=grey), _seen(other, grey=grey)
    return float(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5)


def confused(series: dict[str, tuple[str, str]]) -> list[str]:
    """Pairs that look alike to somebody: of each series its colour and its shape (dashes, marks)."""
    return [
        f"{one} and {other} {'in grey' if grey else 'without red and green'}"
        for (one, (colour, shape)), (other, (second, form)) in combinations(series.items(), 2)
        for grey in (True, False)
        if shape == form and apart(colour, second, grey=grey) < CLEAR
    ]
