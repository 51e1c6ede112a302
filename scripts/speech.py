"""How a command speaks, whatever it knows of: progress and errors in plain sentences on stderr, results on stdout.

What a person can mend is one sentence and exit code 1, never a traceback. Apart from `plain_speech`, because the
dashboard's image has no database and so no errors of one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape

from config.logging_config import configure_logging
from config.secret_files import SecretFileError
from config.settings import Settings

JsonFlag = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else on stdout")]
CheckFlag = Annotated[bool, typer.Option(help="exit 1 when a figure misses its bar")]
console = Console(stderr=True, highlight=False)


class CommandFailedError(RuntimeError):
    """A command could not do what it was asked; the message says why, and what to do."""


@contextmanager
def settings_said_plainly() -> Iterator[Settings]:
    """Read the settings, run the block, and turn what a person can mend into one sentence."""
    try:
        settings = Settings()
        configure_logging("steward", level="WARNING", as_json=settings.platform.log_json)
        yield settings
    except ValidationError as error:
        fail(f"{_settings_at_fault(error)} (see .env.example)")
    except SecretFileError as error:
        fail(f"{error} (see .env.example)")
    except SettingsError as error:
        fail(f"{_setting_that_is_no_json(error)} (see .env.example)")
    except (CommandFailedError, TimeoutError, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        say("stopped")
        raise typer.Exit(130) from None


_GROUPS: dict[str, type[BaseModel]] = {
    group.__name__: group
    for field in Settings.model_fields.values()
    if isinstance(group := field.annotation, type) and issubclass(group, BaseModel)
}


def _settings_at_fault(error: ValidationError) -> str:
    """Each setting by the name that sets it, and what was expected."""
    group = _GROUPS.get(error.title)
    return "; ".join(
        f"{_setting(group, str(fault['loc'][0])) if fault['loc'] else 'settings'}: "
        f"{fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors()
    )


def _setting(group: type[BaseModel] | None, field: str) -> str:
    prefix = "" if group is None else group.model_config.get("env_prefix", "")
    return f"{prefix}{field}".upper()


def _setting_that_is_no_json(error: SettingsError) -> str:
    """The message quotes the field alone; no two groups have a list or a map of one name."""
    field = str(error).partition('"')[2].partition('"')[0]
    group = next((one for one in _GROUPS.values() if field in one.model_fields), None)
    return f"{_setting(group, field)}: is not valid JSON"


def fail(sentence: str) -> None:
    """Say what is wrong and end the command."""
    console.print(f"[bold red]error[/] {escape(sentence)}", soft_wrap=True)
    raise typer.Exit(1)


def say(line: str) -> None:
    """One line of progress; may hold markup."""
    console.print(f"  {line}", soft_wrap=True)
