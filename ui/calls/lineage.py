"""Versions and where they come from."""

from dataclasses import dataclass

from ui.answers.lineage import Lineage, VersionRows
from ui.calls.asking import Asking


@dataclass(frozen=True)
class LineageCalls:
    client: Asking

    def rows(self, model: str) -> VersionRows:
        """Every version, newest first."""
        return self.client.ask(VersionRows, "GET", f"/models/{model}/lineage")

    def of(self, model: str, version: int) -> Lineage:
        """From the rows to what served; the files are hashed for this answer."""
        return self.client.ask(Lineage, "GET", f"/models/{model}/versions/{version}/lineage")
