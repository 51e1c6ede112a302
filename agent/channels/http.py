"""What the channels that post over HTTP share: no redirects, little patience, and errors without the address."""

from collections.abc import Collection, Mapping
from datetime import timedelta

import httpx

from agent.channels.channel import TIMEOUT_S
from agent.core.work import PermanentError, TemporaryError

GONE = 410
# Connecting, writing and reading may each take its while.
LONGEST = timedelta(seconds=6 * TIMEOUT_S)


def post(who: str, url: str, body: bytes, headers: Mapping[str, str], final: Collection[int] = (GONE,)) -> None:
    """Post it once. Answers in `final` are for good, everything else that is no success is for now."""
    try:
        with httpx.stream(
            "POST", url, content=body, headers=dict(headers), timeout=TIMEOUT_S, follow_redirects=False
        ) as answer:  # what it has to say is not read: it may never end
            success, status = answer.is_success, answer.status_code
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise TemporaryError(f"{who} has an address that is none") from None
    except httpx.HTTPError as error:
        raise TemporaryError(f"{who} could not be reached ({type(error).__name__})") from None
    if success:
        return
    says = f"{who} answered {status}"
    if status in final:
        raise PermanentError(says)
    raise TemporaryError(says)
