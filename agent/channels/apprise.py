"""E-mail, Teams, Slack and what else Apprise speaks; the only module that knows it.

Apprise answers whether a place took the message and hardly why: the status of an HTTP answer is looked for in what it
logged, and nothing else of that is shown, because it may hold the address.
"""

import logging
import re
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from agent.channels.channel import TIMEOUT_S, ByTopic
from agent.channels.http import GONE
from agent.core.work import PermanentError, TemporaryError
from database.queries.outbox import Claimed

_STATUS = re.compile(r"error=([1-5]\d\d)\b")


@dataclass(frozen=True)
class Apprise(ByTopic):
    """One of NOTIFY_URLS."""

    url: SecretStr
    longest: timedelta = timedelta(seconds=6 * TIMEOUT_S)

    def send(self, message: Claimed) -> None:
        # It takes a second and some memory to know a hundred services; who has no such channel does without.
        import apprise  # noqa: PLC0415

        _silence()
        asset = apprise.AppriseAsset(
            app_id="Steward", app_desc="Steward", app_url="", async_mode=False, service_timeout=TIMEOUT_S
        )
        asset.http_redirects = False
        place = apprise.Apprise(asset=asset)
        if not place.add(self.url.get_secret_value()):
            raise TemporaryError("its address is none that Apprise knows")
        result = place.notify(
            body=message.payload["text"],
            title=message.payload["title"],
            body_format=apprise.NotifyFormat.TEXT,
            log_level=logging.WARNING,
        )
        if result:
            return
        if result.status is apprise.AppriseResultStatus.TIMEOUT:
            raise TemporaryError(f"there was no answer within {TIMEOUT_S:.0f} s")
        status = next((int(found[1]) for entry in result.logs() if (found := _STATUS.search(entry.message))), None)
        if status == GONE:
            raise PermanentError(f"the service answered {status}")
        raise TemporaryError(f"the service answered {status}" if status else "the service did not take it")


def _silence() -> None:
    """What it and its HTTP library log names addresses; none of it reaches our log."""
    for name in ("apprise", "urllib3", "requests"):
        library = logging.getLogger(name)
        library.propagate = False
        if not library.handlers:
            library.addHandler(logging.NullHandler())
