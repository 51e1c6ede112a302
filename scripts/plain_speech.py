"""How a command that may ask the database speaks: `speech`, and a sentence for each way a database can fail.

What a person can mend is one sentence and exit code 1, never a traceback.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from config.settings import Settings
from config.yaml_source import ConfigError
from database.connection import first_line, is_away
from database.errors import StewardError
from scripts.speech import CheckFlag, CommandFailedError, JsonFlag, console, fail, say, settings_said_plainly

__all__ = ["CheckFlag", "CommandFailedError", "JsonFlag", "console", "fail", "said_plainly", "say"]


@contextmanager
def said_plainly() -> Iterator[Settings]:
    """Read the settings, run the block, and turn what a person can mend into one sentence."""
    with settings_said_plainly() as settings:
        try:
            yield settings
        except SQLAlchemyError as error:
            if is_away(error):
                fail(f"the database does not answer ({first_line(error)}): is it running, and is DATABASE_URL right?")
            if isinstance(error, OperationalError):
                fail(f"the database gave up on this ({first_line(error)}): try again")
            raise
        except (StewardError, ConfigError) as error:
            fail(str(error))
