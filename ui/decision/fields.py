"""What is stored as JSON, read forgivingly: each kind of action brings its own evidence. Pure."""

from ui.api_types import Json


def objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def obj(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def figure(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
