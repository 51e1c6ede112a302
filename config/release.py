"""Which release this is: the version in `pyproject.toml`, beside which the code runs in a checkout and in an image, or
that of the installed package where there is no such file."""

import tomllib
from importlib import metadata

from config.settings import ROOT


def release() -> str:
    """Such as 0.1.0."""
    try:
        with (ROOT / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])
    except FileNotFoundError:
        return metadata.version("steward")
