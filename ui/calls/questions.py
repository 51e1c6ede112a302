"""Calls about one action, besides the decision on it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ui.answers.questions import ActionReach, Snoozed
from ui.api_types import CommentOut


class QuestionCalls:
    """Who would notice, what people say, and not to be asked for a while."""

    def __init__(self, ask: Callable[..., Any], send: Callable[..., Any]) -> None:
        self._ask, self._send = ask, send

    def reach(self, action_id: str) -> ActionReach:
        found: ActionReach = self._ask(ActionReach, "GET", f"/actions/{action_id}/reach")
        return found

    def bundle(self, action_id: str) -> bytes:
        """The file with everything about the action, as it is to be kept."""
        content: bytes = self._send("GET", f"/actions/{action_id}/bundle").content
        return content

    def comment(self, action_id: str, text: str, *, idempotency_key: str) -> CommentOut:
        """Say something about it. The same key twice is one remark."""
        body = {"text": text, "idempotency_key": idempotency_key}
        said: CommentOut = self._ask(CommentOut, "POST", f"/actions/{action_id}/comments", body=body)
        return said

    def snooze(self, action_id: str, until: datetime | None) -> Snoozed:
        """Not to be asked before then; None wakes it again."""
        body = {"until": until.isoformat() if until else None}
        answer: Snoozed = self._ask(Snoozed, "POST", f"/actions/{action_id}/snooze", body=body)
        return answer
