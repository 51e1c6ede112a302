"""The agent: finds out why something is wrong, does the harmless, and asks a person with proof before the rest.

`core/` thinks (pure) and keeps the books; `actions/` does, one file per action type; `main.py` puts them together.
Nothing here trains, serves or measures: heavy work runs in processes of its own, figures are read from the database.
"""
