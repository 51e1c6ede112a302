"""What a channel and the relay promise each other."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from database.enums import Topic
from database.models import Json
from database.queries.outbox import Claimed

# A place that takes longer to answer is tried again later.
TIMEOUT_S = 10.0


class Channel(Protocol):
    """One place that messages are sent to."""

    @property
    def name(self) -> str:
        """Chosen by people, shown to people; stays the same when the address changes."""

    @property
    def longest(self) -> timedelta:
        """No try takes longer; after this another relay may take over."""

    def wants(self, topic: Topic, payload: Json) -> bool:
        """Whether such a message goes here."""

    def send(self, message: Claimed) -> None:
        """Send it, and come back when it has been taken.

        Raises `TemporaryError` (again later), `PermanentError` (it will never be taken) or `InterruptedWorkError` (not
        tried, because the process is stopping). Messages of errors hold no address and no secret.
        """


@dataclass(frozen=True)
class ByTopic:
    """A channel that gets every message of its topics, whatever stands in it."""

    name: str
    topics: frozenset[Topic]

    def wants(self, topic: Topic, payload: Json) -> bool:  # noqa: ARG002
        return topic in self.topics
