"""`python -m scripts.init_database`: make and migrate the database; the same as `steward migrate`."""

from scripts.cli import app

if __name__ == "__main__":
    app(["migrate"])
