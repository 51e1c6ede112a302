"""`steward migrate`, and `python -m scripts.init_database`: make and migrate the database."""

import typer

from database.migrations import head_revision, revision_of
from database.running import running_database
from scripts.plain_speech import said_plainly, say


def migrate() -> None:
    """Bring the database to today's schema."""
    with said_plainly() as settings, running_database(settings) as database:
        found = revision_of(database.url)
        newer = "" if found == head_revision() else ", of a newer release than this one: it is left as it is"
        say(f"the database is at revision {found}{newer}")


if __name__ == "__main__":
    typer.run(migrate)
