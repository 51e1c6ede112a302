"""What a model contract makes of a request: a fast check of rows, and the schema that `/docs` shows.

All faults of a request are found at once. A fault names the field and what was expected, never the value.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson

from api.errors import Fault, RefusalError
from config.model_contract import Along, Feature, ModelContract, subject_of
from training.feature_engineering import Row

# The model reads float32: what is larger there would be infinite.
_LARGEST = 3.0e38
_MISSING = object()
_MOST_FAULTS = 100
_LONGEST_SUBJECT = 200
# From so many rows on, asking about a column is cheaper than asking about each of its values.
_MANY = 8
_SHOWABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")


@dataclass(frozen=True)
class _Field:
    name: str
    numeric: bool
    low: float
    high: float
    known: Mapping[Any, Any]
    nullable: bool
    expectation: str


def _field(name: str, feature: Feature) -> _Field:
    low, high = feature.range or (-_LARGEST, _LARGEST)
    accepted = (*(feature.categories or ()), *feature.tolerated)
    null = " or null" if feature.nullable else ""
    if feature.kind == "category":
        expectation = f"expected one of {', '.join(map(repr, feature.categories or ()))}{null}".replace("'", '"')
    elif feature.range:
        unit = f" ({feature.unit})" if feature.unit else ""
        expectation = f"expected a number from {low:g} to {high:g}{unit}{null}"
    else:
        expectation = f"expected a finite number{null}"
    known = {value: value for value in accepted}
    return _Field(name, feature.kind == "numeric", low, high, known, feature.nullable, expectation)


# The rows, whether they are a batch, and whom each is about as it was sent; None where nobody was named.
Body = tuple[list[Row], bool, list[str | None] | None]


class RowReader:
    """Reads bodies into rows in contract order. One per serving version; safe to share."""

    def __init__(self, contract: ModelContract, max_rows: int, along: Mapping[str, Along] | None = None) -> None:
        """`along`: what may be sent with a row today, whatever the contract said when the version was trained."""
        along = contract.along if along is None else along
        self._fields = tuple(_field(name, feature) for name, feature in contract.features.items())
        self._names = frozenset(contract.features)
        self._words = tuple(one.name for one in self._fields if any(type(value) is str for value in one.known))
        self._max_rows = max_rows
        self._along, self._subject = frozenset(along) - self._names, subject_of(along)
        # With one name alone `itemgetter` would not give a tuple.
        first = self._fields[0].name
        self._values: Callable[[Any], tuple[Any, ...]] = itemgetter(*contract.features, first)

    def read(self, body: bytes) -> tuple[list[Row], bool]:
        """The rows of a body, and whether it was a batch. Raises as `read_whole` does."""
        return self.read_whole(body)[:2]

    def read_whole(self, body: bytes) -> Body:
        """The rows of a body, and what was sent along with them.

        Raises `RefusalError`: 422 with every fault by field, 413 for too many rows.
        """
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            fault = Fault("(body)", f"is not valid JSON (near character {error.pos})")
            raise RefusalError(422, "invalid", "The body is not valid JSON: see `errors`.", errors=[fault]) from None
        is_batch = isinstance(payload, dict) and "rows" in payload and "rows" not in self._names
        items = self._items(payload) if is_batch else [payload]
        subjects, quotes = None, 0
        if self._along:
            items, subjects, quotes = self._apart(items, is_batch)
        rows: list[Row] = items
        if len(items) < _MANY or not self._all_fit(items):
            rows, faults = self._rows(items, is_batch)
            if faults:
                raise _invalid(faults)
        self._refuse_repeated_fields(body, rows, is_batch, quotes)
        return rows, is_batch, subjects

    def _apart(self, items: list[Any], is_batch: bool) -> tuple[list[Any], list[str | None] | None, int]:
        """The items without what is sent along, the subjects, and how many quotes stand in what was taken out.

        Raises `RefusalError` for a subject that is no short text or whole number, and for lists and objects.
        """
        left: list[Any] = []
        subjects: list[str | None] = []
        faults: list[Fault] = []
        quotes = 0
        for at, item in enumerate(items):
            if type(item) is not dict or self._along.isdisjoint(item):
                left.append(item)
                subjects.append(None)
                continue
            left.append({name: value for name, value in item.items() if name not in self._along})
            subjects.append(_subject_of(item.get(self._subject)) if self._subject else None)
            for name in self._along & item.keys():
                value = item[name]
                quotes += 2 + (2 + value.count('"') if type(value) is str else 0)
                if fault := _unfit_along(value, name == self._subject):
                    faults.append(Fault(f"rows[{at}].{name}" if is_batch else name, fault))
        if faults:
            raise _invalid(faults[:_MOST_FAULTS])
        return left, subjects if self._subject and any(subjects) else None, quotes

    def _items(self, payload: dict[str, Any]) -> list[Any]:
        items = payload["rows"]
        if len(payload) > 1:
            raise _invalid([Fault(_shown(name), "is not a field of a batch") for name in payload if name != "rows"])
        if not isinstance(items, list) or not items:
            raise _invalid([Fault("rows", f"expected a list of 1 to {self._max_rows} rows")])
        if len(items) > self._max_rows:
            raise RefusalError(413, "too_many_rows", f"A batch holds at most {self._max_rows} rows.")
        return items

    def _rows(self, items: list[Any], is_batch: bool) -> tuple[list[Row], list[Fault]]:
        rows: list[Row] = []
        faults: list[Fault] = []
        for at, item in enumerate(items):
            row = self._row(item)
            if row is None:
                faults += self._faults(item, f"rows[{at}]" if is_batch else "")
                if len(faults) >= _MOST_FAULTS:
                    break
            else:
                rows.append(row)
        return rows, faults

    def _all_fit(self, items: list[Any]) -> bool:
        """Whether each item is acceptable just as it is: `_row`'s question, asked of whole columns. When in doubt no,
        and `_row` is asked about each."""
        width = len(self._fields)
        if set(map(type, items)) != {dict} or any(len(item) != width for item in items):
            return False
        try:
            columns = zip(*map(self._values, items), strict=True)
            return all(_column_fits(field, column) for field, column in zip(self._fields, columns, strict=False))
        except (KeyError, TypeError):  # a field is missing, or a value is a list
            return False

    def _row(self, item: Any) -> Row | None:
        """The row in contract order, or None as soon as something is wrong."""
        if type(item) is not dict or len(item) != len(self._fields):
            return None
        row: Row = {}
        for field in self._fields:
            accepted = _accepted(field, item.get(field.name, _MISSING))
            if accepted is _MISSING:
                return None
            row[field.name] = accepted
        return row

    def _faults(self, item: Any, prefix: str) -> list[Fault]:
        if not isinstance(item, dict):
            return [Fault(prefix or "(body)", "expected an object with one field for each feature")]
        dotted = f"{prefix}." if prefix else ""
        faults = [
            Fault(f"{dotted}{_shown(name)}", "is not a feature of this model")
            for name in list(item)[:_MOST_FAULTS]
            if name not in self._names
        ]
        for field in self._fields:
            value = item.get(field.name, _MISSING)
            if value is _MISSING:
                null = "; send null if it was not measured" if field.nullable else ""
                faults.append(Fault(f"{dotted}{field.name}", f"is missing: {field.expectation}{null}"))
            elif _accepted(field, value) is _MISSING:
                faults.append(Fault(f"{dotted}{field.name}", field.expectation))
        return faults

    def _refuse_repeated_fields(self, body: bytes, rows: list[Row], is_batch: bool, beside: int = 0) -> None:
        """A field that stands twice: JSON parsers keep one of them silently.

        After validation each name and each text value is known, so the quotes of the body can be counted; only a
        body with more of them is read again slowly. `beside`: quotes of what was sent along.
        """
        texts = sum(type(row[name]) is str for row in rows for name in self._words)
        if body.count(b'"') == 2 * (len(rows) * len(self._fields) + texts + is_batch) + beside:
            return
        repeated: set[str] = set()

        def _object(pairs: list[tuple[str, Any]]) -> None:
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    repeated.add(name)
                seen.add(name)

        json.loads(body, object_pairs_hook=_object)
        if repeated:
            raise _invalid([Fault(_shown(name), "stands twice") for name in sorted(repeated)])


def _subject_of(value: Any) -> str | None:
    """A subject as text: the number 7 and the text "7" are one."""
    return None if value is None or value == "" else str(value)


def _unfit_along(value: Any, is_subject: bool) -> str | None:
    if value is None:
        return None
    if is_subject:
        fits = type(value) is int or (type(value) is str and len(value) <= _LONGEST_SUBJECT)
        return None if fits else f"expected a text of at most {_LONGEST_SUBJECT} characters, a whole number or null"
    return "expected a text, a number, true, false or null" if isinstance(value, list | dict) else None


def _column_fits(field: _Field, column: Sequence[Any]) -> bool:
    """Whether `_accepted` gives each value back as it is."""
    kinds = set(map(type, column))
    if type(None) in kinds:
        if not field.nullable:
            return False
        kinds.discard(type(None))
        column = [value for value in column if value is not None]
    if field.numeric:
        return not column or (kinds <= {int, float} and min(column) >= field.low and max(column) <= field.high)
    return kinds <= {int, str} and field.known.keys() >= set(column)


def _accepted(field: _Field, value: Any) -> Any:
    """The value as it is stored, or `_MISSING` when it is not acceptable."""
    kind = type(value)
    if value is None:
        return None if field.nullable else _MISSING
    if field.numeric:
        return value if (kind is float or kind is int) and field.low <= value <= field.high else _MISSING
    if kind is int or kind is str or kind is float:
        return field.known.get(value, _MISSING)
    return _MISSING


def _shown(name: str) -> str:
    """A field's name as sent, if it looks like one."""
    return name if _SHOWABLE.match(name) else "(an unknown field)"


def _invalid(faults: list[Fault]) -> RefusalError:
    return RefusalError(422, "invalid", "The rows do not fit the model's contract: see `errors`.", errors=faults)


def _feature_schema(feature: Feature) -> dict[str, Any]:
    text = " ".join(filter(None, (feature.label, feature.unit and f"in {feature.unit}", feature.description)))
    labels = ", ".join(f"{value}: {label}" for value, label in feature.category_labels.items())
    schema: dict[str, Any] = {"title": feature.label, "description": f"{text}. {labels}".strip(". ")}
    if feature.kind == "category":
        values: list[Any] = [*(feature.categories or ()), *feature.tolerated]
        return schema | {"enum": [*values, None] if feature.nullable else values}
    schema["type"] = ["number", "null"] if feature.nullable else "number"
    if feature.range:
        schema |= {"minimum": feature.range[0], "maximum": feature.range[1]}
    return schema


def _along_schema(name: str, field: Along) -> dict[str, Any]:
    if field.store == "hash":
        kept = "Whom the row is about. Kept as a keyed hash alone, so that what is stored of them can be erased."
        kind: dict[str, Any] = {"type": ["string", "integer", "null"], "maxLength": _LONGEST_SUBJECT}
    else:
        kept = "May be sent; no model reads it and it is not kept in any form."
        kind = {"type": ["string", "number", "boolean", "null"]}
    return {"title": field.label or name, "description": kept, **kind}


def row_schema(contract: ModelContract) -> dict[str, Any]:
    """The JSON schema of one row."""
    return {
        "type": "object",
        "title": f"{contract.title}: one row",
        "description": contract.description,
        "properties": {
            **{name: _feature_schema(feature) for name, feature in contract.features.items()},
            **{name: _along_schema(name, field) for name, field in contract.along.items()},
        },
        "required": list(contract.features),
        "additionalProperties": False,
    }


def request_body(contract: ModelContract, max_rows: int) -> dict[str, Any]:
    """The `requestBody` that OpenAPI shows: one row, or a batch of them."""
    row = row_schema(contract)
    batch = {
        "type": "object",
        "title": f"{contract.title}: a batch",
        "properties": {"rows": {"type": "array", "items": row, "minItems": 1, "maxItems": max_rows}},
        "required": ["rows"],
        "additionalProperties": False,
    }
    media: dict[str, Any] = {"schema": {"anyOf": [row, batch]}}
    one = example_row(contract)
    media["examples"] = {"one": {"value": one}, "batch": {"value": {"rows": [one, one]}}}
    return {"required": True, "content": {"application/json": media}}


def example_row(contract: ModelContract) -> Row:
    """A row the contract accepts: the middle of what is expected, the first category."""
    row: Row = {}
    for name, feature in contract.features.items():
        if feature.kind == "category":
            row[name] = (feature.categories or (None,))[0]
        else:
            low, high = feature.expected or feature.range or (0.0, 1.0)
            row[name] = round((low + high) / 2, 2)
    return row
