"""Secrets of the delivery: from a file that `NAME_FILE` names, or from the variable `NAME`; never from an argument."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from config.secret_files import SecretFileError, read_secret
from scripts.speech import CommandFailedError


def secret(name: str, environment: Mapping[str, str] = os.environ) -> SecretStr | None:
    """The secret, or None when it is not given. Raises `CommandFailedError` for a file that cannot be used."""
    if file := environment.get(f"{name}_FILE", "").strip():
        try:
            return SecretStr(read_secret(Path(file), f"{name}_FILE"))
        except SecretFileError as error:
            raise CommandFailedError(str(error)) from error
    value = environment.get(name, "").strip()
    return SecretStr(value) if value else None


def needed(name: str, environment: Mapping[str, str] = os.environ) -> SecretStr:
    """The secret. Raises `CommandFailedError` when it is not given."""
    found = secret(name, environment)
    if found is None:
        raise CommandFailedError(f"set {name} (or {name}_FILE, the path of a file that holds it)")
    return found
