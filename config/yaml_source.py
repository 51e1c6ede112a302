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
_DEEPEST = 20


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


def lines_of(text: str) -> dict[str, int]:
    """The line on which each field of a page that was read without fault stands: `actions.retrain_model.budget`."""
    node = yaml.compose(text, Loader=SafeLoader)
    return {".".join(map(str, place)): line for place, line in _lines(node).items()} if node else {}


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read `path` into `model`.

    Raises `ConfigError` whose message has one line per fault: `file:line: field: what was expected`.
    """
    return parse_yaml(text_of(path), str(path), model)


def text_of(path: Path) -> str:
    """A page as it is written. Raises `ConfigError`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error


def parse_yaml(text: str, name: str, model: type[Model]) -> Model:
    """Read a page's text into `model`; `name` is what faults call it.

    An alias (`*x`) is refused: a few lines of them unfold into more than any machine holds. So is what is nested deeper
    than any page of ours. Raises `ConfigError` as `read_yaml` does.
    """
    try:
        _refuse_unfolding(text, name)
        node = yaml.compose(text, Loader=SafeLoader)
        value = yaml.load(text, Loader=SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"{where}: is not valid YAML: {getattr(error, 'problem', error)}") from error
    except ValueError as error:  # a date or a number that cannot be
        raise error if isinstance(error, ConfigError) else ConfigError(f"{name}: {error}") from error
    if node is None or not isinstance(value, dict):
        raise ConfigError(f"{name}:1: expected a mapping of fields, found {type(value).__name__}")
    if (twice := _duplicates(node)) is not None:
        raise ConfigError(f"{name}:{twice[1]}: field `{twice[0]}` stands twice in the same mapping")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ConfigError("\n".join(_fault_lines(name, error, _lines(node)))) from error


def _refuse_unfolding(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=SafeLoader):
        where = f"{name}:{event.start_mark.line + 1}" if event.start_mark else name
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(f"{where}: write it out: an alias (*{event.anchor}) is not read")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ConfigError(f"{where}: is nested more than {_DEEPEST} deep")


def _fault_lines(name: str, error: ValidationError, lines: dict[tuple[str | int, ...], int]) -> list[str]:
    faults = []
    for fault in error.errors():
        known: tuple[str | int, ...] = tuple(str(part) if not isinstance(part, int) else part for part in fault["loc"])
        while known and known not in lines:
            known = known[:-1]
        field = ".".join(str(part) for part in fault["loc"]) or "(document)"
        message = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{name}:{lines.get(known, 1)}: {field}: {message}")
    return faults
