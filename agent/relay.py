"""The relay: takes messages out of the outbox and to their channels, each at least once.

Each channel with something to do has a thread for as long as it lasts, so that one that hangs holds back no other. A
delivery is claimed in one transaction, sent in none, and recorded in another: a relay that dies between the last two
leaves a lease that runs out, and the message is sent once more under the same id.
"""

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from loguru import logger
from sqlalchemy import Engine

from agent.channels.channel import Channel
from agent.core.retries import pause_after
from agent.core.work import InterruptedWorkError, PermanentError, TemporaryError
from agent.metrics import AgentMetrics
from config.fault_points import fault_point
from database.connection import first_line, is_away, session_scope
from database.enums import Topic
from database.models import Json
from database.queries import outbox
from database.queries.outbox import Claimed

_LONGEST_ERROR = 200


class Relay:
    """One relay. Any number of them, in any number of processes, share the outbox; they have to be set up alike."""

    def __init__(
        self,
        engine: Engine,
        channels: Sequence[Channel],
        stopping: Callable[[], bool] = lambda: False,
        draw: Callable[[], float] = random.random,
        metrics: AgentMetrics | None = None,
    ) -> None:
        self._metrics = metrics or AgentMetrics()
        self._engine, self._stopping, self._draw = engine, stopping, draw
        self._channels = {channel.name: channel for channel in channels}
        self._at_work: dict[str, threading.Thread] = {}

    def tick(self) -> None:
        """Route what is new, and let every channel that has something to send do so. Waits for none of them."""
        with session_scope(self._engine) as session:
            outbox.route(session, self._wanted_by)
            forgotten = outbox.end_forgotten(session, self._channels)
            due = outbox.due_channels(session)
        for delivery_id in forgotten:
            logger.error("agent.delivery.dead delivery_id={} why={}", delivery_id, outbox.NOT_SET_UP)
        for name in sorted(due & self._channels.keys()):
            if name not in self._at_work or not self._at_work[name].is_alive():
                thread = threading.Thread(
                    target=self._drain, args=(self._channels[name],), name=f"relay-{name}", daemon=True
                )
                self._at_work[name] = thread
                thread.start()

    def told(self) -> list[Json]:
        """Which channels are set up, for people: their names and kinds, never an address."""
        return [{"name": name, "kind": type(one).__name__} for name, one in sorted(self._channels.items())]

    def once(self) -> None:
        """Everything that is due, tried once."""
        self.tick()
        self.rest(None)

    def rest(self, timeout_s: float | None) -> None:
        """Wait until nothing is being sent, or for so long. What is given up here is sent again by the next relay."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._at_work.values():
            thread.join(None if until is None else max(0.0, until - time.monotonic()))

    def _wanted_by(self, topic: Topic, payload: Json) -> Collection[str]:
        return [name for name, channel in self._channels.items() if channel.wants(topic, payload)]

    def _drain(self, channel: Channel) -> None:
        """Send what is due for this channel, until nothing is; its trouble stays its own."""
        try:
            while not self._stopping():
                with session_scope(self._engine) as session:
                    claimed = outbox.claim(session, channel.name, channel.longest)
                if claimed is None:
                    return
                self._deliver(channel, claimed)
        except Exception as error:  # noqa: BLE001  (whatever it is: the next tick tries again)
            if is_away(error):
                logger.warning("agent.relay.database_away channel={} error={}", channel.name, first_line(error))
            else:
                logger.exception("agent.relay.failed channel={}", channel.name)

    def _deliver(self, channel: Channel, claimed: Claimed) -> None:
        try:
            channel.send(claimed)
        except InterruptedWorkError:
            with session_scope(self._engine) as session:
                outbox.give_back(session, claimed)
            return
        except PermanentError as error:
            self._failed(channel, claimed, str(error), None)
            return
        except TemporaryError as error:
            self._failed(channel, claimed, str(error), pause_after(claimed.attempt, self._draw()))
            return
        except Exception as error:  # noqa: BLE001  (a library's own errors hold addresses: only their kind is told)
            self._failed(channel, claimed, type(error).__name__, pause_after(claimed.attempt, self._draw()))
            return
        fault_point("relay.sent")
        with session_scope(self._engine) as session:
            in_time = outbox.sent(session, claimed)
        self._metrics.delivered(channel.name, "sent")
        logger.info(
            "agent.delivery.sent message_id={} channel={} try={} in_time={}",
            claimed.message_id,
            channel.name,
            claimed.attempt,
            in_time,
        )

    def _failed(self, channel: Channel, claimed: Claimed, why: str, again_in: timedelta | None) -> None:
        says = why[:_LONGEST_ERROR]
        with session_scope(self._engine) as session:
            outbox.failed(session, claimed, says, again_in)
        self._metrics.delivered(channel.name, "dead" if again_in is None else "again")
        about = (claimed.message_id, channel.name, claimed.attempt, says)
        if again_in is None:
            logger.error("agent.delivery.dead message_id={} channel={} tries={} why={}", *about)
        else:
            seconds = again_in.total_seconds()
            logger.warning("agent.delivery.again message_id={} channel={} try={} why={} in_s={:.0f}", *about, seconds)
