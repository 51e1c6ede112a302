"""Secrets from files: `NAME_FILE=/run/secrets/name` instead of `NAME=…`, for every setting that holds a secret.

A file can have an owner and a mode; an environment variable is inherited by every process that is started and stands in
what an engine tells about a container. No error here says what a file holds.
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError

MAX_BYTES = 65_536


class SecretFileError(SettingsError):
    """A file that should hold a secret cannot be used; the message names the variable and the file."""


class SecretFilesSource(PydanticBaseSettingsSource):
    """Reads each secret whose `NAME_FILE` is set. `sources`: where `NAME` and `NAME_FILE` may stand."""

    def __init__(self, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._given: dict[str, str] = {}
        for source in reversed(sources):  # the first counts most
            told: Mapping[str, str | None] = getattr(source, "env_vars", {})
            self._given |= {name.upper(): value for name, value in told.items() if value}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret from its file, or None where no file is named. Raises `SecretFileError`."""
        name = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        path = self._given.get(f"{name}_FILE")
        if not path or not _is_secret(field.annotation):
            return None, field_name, False
        if self._given.get(name):
            raise SecretFileError(f"{name} and {name}_FILE are both set: which one holds?")
        told = read_secret(Path(path), f"{name}_FILE")
        return (told if _is_text(field.annotation) else _json(told, path, f"{name}_FILE")), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every secret that stands in a file."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def read_secret(path: Path, variable: str) -> str:
    """What the file holds, without the line ends at its end. Raises `SecretFileError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer for ever
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise SecretFileError(f"{variable}: {path} is not a file")
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SecretFileError(f"{variable}: {path} cannot be read ({error.strerror})") from None
    if len(raw) > MAX_BYTES:
        raise SecretFileError(f"{variable}: {path} is larger than {MAX_BYTES} bytes: is it the right file?")
    try:
        told = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretFileError(f"{variable}: {path} is not UTF-8 text") from None
    if not told.strip():
        raise SecretFileError(f"{variable}: {path} is empty")
    return told


def _json(told: str, path: str, variable: str) -> Any:
    try:
        return json.loads(told)
    except ValueError:
        raise SecretFileError(f"{variable}: {path} is not valid JSON") from None


def _is_text(annotation: Any) -> bool:
    """`SecretStr`, or one that may be missing; anything else is JSON."""
    return annotation is SecretStr or SecretStr in get_args(annotation)[:1]


def _is_secret(annotation: Any) -> bool:
    """Whether a secret is somewhere in this type: itself, the values of a map, a field of a model."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_is_secret(field.annotation) for field in annotation.model_fields.values())
    return annotation is SecretStr or any(_is_secret(one) for one in get_args(annotation))
