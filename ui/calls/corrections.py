"""Corrected answers that wait to be learnt from."""

from dataclasses import dataclass

from ui.answers import corrections as k
from ui.calls.asking import Asking


@dataclass(frozen=True)
class CorrectionCalls:
    client: Asking

    def waiting(self) -> k.CorrectionsList:
        return self.client.ask(k.CorrectionsList, "GET", "/corrections")
