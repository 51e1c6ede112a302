"""`steward migrate`, and `python -m scripts.init_database`: make and migrate the database."""

import typer

from database.migrations import head_revision
from database.running import running_database
from scripts.plain_speech import said_plainly, say


def migrate() -> None:
    """Bring the database to today's schema."""
    with said_plainly() as settings, running_database(settings):
        say(f"the database is at revision {head_revision()}")


if __name__ == "__main__":
    typer.run(migrate)
