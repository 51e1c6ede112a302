"""The dashboard's process, before anybody opens a page."""

from importlib import import_module

from ui.serve import DRAWS_WITH


def test_what_is_loaded_before_the_first_person_comes_is_there() -> None:
    for name in DRAWS_WITH:
        assert import_module(name).__doc__
