"""Which release this is: the version in `pyproject.toml`, beside which the code runs, installed as a package or not."""

import tomllib

from config.settings import ROOT


def release() -> str:
    """Such as 0.1.0."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
