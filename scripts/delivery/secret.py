"""Secrets of the delivery: from a file that `NAME_FILE` names, or from the variable `NAME`; never from an argument."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from scripts.speech import CommandFailedError


def secret(name: str, environment: Mapping[str, str] = os.environ) -> SecretStr | None:
    """The secret, or None when it is not given. Raises `CommandFailedError` for a file that cannot be read."""
    if file := environment.get(f"{name}_FILE", "").strip():
        try:
            return SecretStr(Path(file).read_text().strip())
        except OSError as error:
            raise CommandFailedError(f"{name}_FILE: {file} cannot be read: {error.strerror}") from error
    value = environment.get(name, "").strip()
    return SecretStr(value) if value else None


def needed(name: str, environment: Mapping[str, str] = os.environ) -> SecretStr:
    """The secret. Raises `CommandFailedError` when it is not given."""
    found = secret(name, environment)
    if found is None or not found.get_secret_value():
        raise CommandFailedError(f"set {name} (or {name}_FILE, the path of a file that holds it)")
    return found
