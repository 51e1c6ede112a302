"""Reading a YAML page into a typed object, with errors that name file, line, field and what was expected."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

try:
    from yaml import CSafeLoader as SafeLoader  # libyaml: many times as fast, and every process reads its pages first
except ImportError:  # a PyYAML that was built without it
    from yaml import SafeLoader  # type: ignore[assignment]

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(ValueError):
    """A configuration page is not what it should be; the message names file, line and field."""


def _lines(node: yaml.Node, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], int]:
    """The line (from 1) on which each path of the document stands."""
    found = {path: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            found |= _lines(value, (*path, key.value))
            found[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            found |= _lines(item, (*path, index))
    return found


def _duplicates(node: yaml.Node) -> tuple[str, int] | None:
    """The first key that stands twice in one mapping: YAML would silently keep the last."""
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                return key.value, key.start_mark.line + 1
            seen.add(key.value)
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = list(node.value)
    for child in children:
        if (found := _duplicates(child)) is not None:
            return found
    return None


def lines_of(path: Path) -> dict[str, int]:
    """The line on which each field of a page that was read without fault stands: `actions.retrain_model.budget`."""
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=SafeLoader)
    return {".".join(map(str, place)): line for place, line in _lines(node).items()} if node else {}


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read `path` into `model`.

    Raises `ConfigError` whose message has one line per fault: `file:line: field: what was expected`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    try:
        node = yaml.compose(text, Loader=SafeLoader)
        value = yaml.load(text, Loader=SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: is not valid YAML: {getattr(error, 'problem', error)}") from error
    if node is None or not isinstance(value, dict):
        raise ConfigError(f"{path}:1: expected a mapping of fields, found {type(value).__name__}")
    if (twice := _duplicates(node)) is not None:
        raise ConfigError(f"{path}:{twice[1]}: field `{twice[0]}` stands twice in the same mapping")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ConfigError("\n".join(_fault_lines(path, error, _lines(node)))) from error


def _fault_lines(path: Path, error: ValidationError, lines: dict[tuple[str | int, ...], int]) -> list[str]:
    faults = []
    for fault in error.errors():
        known: tuple[str | int, ...] = tuple(str(part) if not isinstance(part, int) else part for part in fault["loc"])
        while known and known not in lines:
            known = known[:-1]
        field = ".".join(str(part) for part in fault["loc"]) or "(document)"
        message = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{path}:{lines.get(known, 1)}: {field}: {message}")
    return faults
