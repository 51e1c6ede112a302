"""Secrets that a command is given: in a file, or in the environment.

Never as an argument, which everybody on the machine reads.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from config.secret_files import SecretFileError, read_secret
from scripts.speech import CommandFailedError


def secret(name: str, file: Path | None = None, environment: Mapping[str, str] = os.environ) -> SecretStr | None:
    """From `file` (an option of the command), else from the file that `NAME_FILE` names, else from `NAME`; None when it
    is given nowhere. Raises `CommandFailedError` for a file that cannot be used."""
    named = environment.get(f"{name}_FILE", "").strip()
    if file is None and not named:
        value = environment.get(name, "").strip()
        return SecretStr(value) if value else None
    try:
        return SecretStr(read_secret(file or Path(named), "--key-file" if file else f"{name}_FILE").strip())
    except SecretFileError as error:
        raise CommandFailedError(str(error)) from error


def needed(name: str) -> SecretStr:
    """The secret from the environment. Raises `CommandFailedError` when it is not given."""
    found = secret(name)
    if found is None:
        raise CommandFailedError(f"set {name} (or {name}_FILE, the path of a file that holds it)")
    return found
