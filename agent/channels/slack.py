"""Slack through an incoming webhook of its own."""

import json
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from agent.channels.channel import ByTopic
from agent.channels.http import LONGEST, post
from database.queries.outbox import Claimed

_MOST = 2500
# Slack says so of a message or a webhook that it will never take; 408 and 429 pass.
_FINAL = frozenset(range(400, 500)) - {408, 429}


def _plain(text: str) -> str:
    """Slack reads & < > as markup; what comes from data must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")[:_MOST]


@dataclass(frozen=True)
class Slack(ByTopic):
    """The channel behind SLACK_WEBHOOK_URL."""

    url: SecretStr
    longest: timedelta = LONGEST

    def send(self, message: Claimed) -> None:
        text = f"*{_plain(message.payload['title'])}*\n{_plain(message.payload['text'])}"
        body = json.dumps({"text": text}).encode()
        post("Slack", self.url.get_secret_value(), body, {"content-type": "application/json"}, _FINAL)
