"""Programs of other people: one signed POST a message, after the Standard Webhooks scheme (standardwebhooks.com).

The body and its `webhook-id` are the same on every try, so that a receiver can tell what it has seen; the timestamp and
with it the signature are new. Redirects are not followed: the signature is for the address that was set up.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook as Signer

from agent.channels.channel import ByTopic
from agent.channels.http import LONGEST, post
from agent.core.work import TemporaryError
from database.queries.outbox import Claimed


@dataclass(frozen=True)
class Webhook(ByTopic):
    """One of NOTIFY_WEBHOOKS."""

    url: SecretStr
    secret: SecretStr
    longest: timedelta = LONGEST

    def send(self, message: Claimed) -> None:
        body, now = body_of(message), datetime.now(UTC)
        try:
            signature = Signer(self.secret.get_secret_value()).sign(message.message_id, now, body)
        except Exception:  # noqa: BLE001  (the library raises several kinds; each would show a part of the secret)
            raise TemporaryError("its secret is not whsec_ followed by base64") from None
        headers = {
            "content-type": "application/json",
            "user-agent": "steward",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        post("the receiver", self.url.get_secret_value(), body.encode(), headers)


def body_of(message: Claimed) -> str:
    """What is signed and sent: type, time and data, as the scheme recommends."""
    data = {"model": message.model_name, "title": message.payload["title"], "text": message.payload["text"]}
    whole = {
        "type": message.topic,
        "timestamp": message.created_at.astimezone(UTC).isoformat(),
        "data": data | message.payload["facts"],
    }
    return json.dumps(whole, separators=(",", ":"), sort_keys=True)
