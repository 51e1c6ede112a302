"""What came in and could not be used."""

from dataclasses import dataclass

from ui.answers import intake as i
from ui.calls.asking import Asking


@dataclass(frozen=True)
class IntakeCalls:
    client: Asking

    def refusals(self, model: str, hours: int) -> i.Refusals:
        return self.client.ask(i.Refusals, "GET", "/refusals", {"model": model, "hours": hours})

    def dead_letters(self) -> i.DeadLetterList:
        return self.client.ask(i.DeadLetterList, "GET", "/dead-letters")

    def replay(self) -> i.LettersReplayed:
        """Try to store all dead letters again, a hundred at a time. Twice stores each once."""
        return self.client.ask(i.LettersReplayed, "POST", "/dead-letters/replay", body={})
