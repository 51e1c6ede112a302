"""Calls about one action, besides the decision on it: who would notice, what people say, and not to be asked."""

from dataclasses import dataclass
from datetime import datetime

from ui.answers.questions import ActionReach, Snoozed
from ui.api_types import CommentOut
from ui.calls.asking import Asking


@dataclass(frozen=True)
class QuestionCalls:
    client: Asking

    def reach(self, action_id: str) -> ActionReach:
        return self.client.ask(ActionReach, "GET", f"/actions/{action_id}/reach")

    def bundle(self, action_id: str) -> bytes:
        """The file with everything about the action, as it is to be kept."""
        return self.client.send("GET", f"/actions/{action_id}/bundle").content

    def comment(self, action_id: str, text: str, *, idempotency_key: str) -> CommentOut:
        """Say something about it. The same key twice is one remark."""
        body = {"text": text, "idempotency_key": idempotency_key}
        return self.client.ask(CommentOut, "POST", f"/actions/{action_id}/comments", body=body)

    def snooze(self, action_id: str, until: datetime | None) -> Snoozed:
        """Not to be asked before then; None wakes it again."""
        body = {"until": until.isoformat() if until else None}
        return self.client.ask(Snoozed, "POST", f"/actions/{action_id}/snooze", body=body)
