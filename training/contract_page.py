"""A drafted contract as the page that people read, with its notes beside what they speak of."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import yaml

from config.model_contract import Feature
from training.contract_inference import Draft

_WIDTH = 118


def page_of(draft: Draft, drawn_from: str) -> str:
    """The YAML of `draft`: reading it gives the same contract. `drawn_from` names the table."""
    contract, quality, labels = draft.contract, draft.contract.quality, draft.contract.labels
    watching, training = draft.contract.monitoring, draft.contract.training
    lines = [
        *_commented(
            f"Drawn from {drawn_from} by `steward init-model`: {draft.rows:,} rows, a draft for you to correct."
        ),
        *_commented(f'Search for "look here" ({draft.places_to_look} places).'),
        *_fields({"name": contract.name, "title": contract.title, "description": contract.description}),
        "",
        "target:",
        *_notes(draft, "target", 2),
        *_fields({"column": contract.target.column}, 2),
        *_fields({"positive": contract.target.positive, "negative": contract.target.negative}, 2),
        *(_fields({"rest": True}, 2) if contract.target.rest else ()),
    ]
    if contract.time_column is not None:
        lines += ["", "# When a row came: no feature; it orders the rows of a backtest."]
        lines += [*_notes(draft, "time_column"), *_fields({"time_column": contract.time_column})]
    if contract.time_order is not None:
        lines += [*_notes(draft, "time_order"), *_fields({"time_order": contract.time_order})]
    lines += ["", "# `range` is what the API accepts; `expected` is what a working source sends. Null is not measured."]
    lines += ["features:"]
    for name, feature in contract.features.items():
        lines += [*_notes(draft, f"features.{name}", 2), *_feature(name, feature)]
    if draft.left_out:
        lines += ["", "# Columns that are no features:"]
        for one in draft.left_out:
            lines += _commented(f"- {one.column}: {one.why}")
    parts: dict[str, Mapping[str, Any]] = {
        "quality": {
            "metric": quality.metric,
            "minimum": quality.minimum,
            "tolerance": quality.tolerance,
            "watched": list(quality.watched),
            "harm_margin": quality.harm_margin,
            "cost_per_error": quality.cost_per_error,
            "currency": quality.currency,
        },
        "labels": {"delay": _duration(labels.delay), "maturity": labels.maturity},
        "monitoring": {
            **watching.model_dump(exclude={"window_max_age"}),
            "window_max_age": _duration(watching.window_max_age),
        },
        "training": training.model_dump(),
    }
    for part, fields in parts.items():
        lines += ["", f"{part}:"]
        for key, value in fields.items():
            lines += [*_notes(draft, f"{part}.{key}", 2), *_fields({key: value}, 2)]
    return "\n".join(lines) + "\n"


def _notes(draft: Draft, place: str, indent: int = 0) -> list[str]:
    return [line for note in draft.notes.get(place, ()) for line in _commented(note, indent)]


def _commented(text: str, indent: int = 0) -> list[str]:
    """A comment of one line; whatever a table holds, it cannot end the comment."""
    return [" " * indent + "# " + "".join(sign if sign.isprintable() else " " for sign in text)]


def _flow(value: Any) -> str:
    """The value on one line, as it may stand inside a list or a mapping."""
    return yaml.safe_dump([value], default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False).strip()[
        1:-1
    ]


def _fields(fields: Mapping[str, Any], indent: int = 0) -> list[str]:
    return [f"{' ' * indent}{key}: {_flow(value)}" for key, value in fields.items()]


def _feature(name: str, feature: Feature) -> list[str]:
    """One line, or one for each field where that would be too long to read."""
    fields: dict[str, Any] = {"kind": feature.kind, "label": feature.label}
    if feature.column is not None:
        fields["column"] = feature.column
    for pair in ("range", "expected"):
        if (ends := getattr(feature, pair)) is not None:
            fields[pair] = [_short(end) for end in ends]
    if feature.categories:
        fields["categories"] = list(feature.categories)
    if feature.category_labels:
        fields["category_labels"] = dict(feature.category_labels)
    if feature.nullable:
        fields["nullable"] = True
    line = f"  {_flow(name)}: {{{', '.join(_fields(fields))}}}"
    return [line] if len(line) <= _WIDTH else [f"  {_flow(name)}:", *_fields(fields, 4)]


def _short(value: float) -> int | float:
    return int(value) if abs(value) < 1e15 and value.is_integer() else value


def _duration(length: timedelta) -> str:
    """ISO 8601, in whole days: what a draft speaks in."""
    return f"P{length.days}D"
