"""Messages reach their channels at least once, whatever dies or is down, and a channel's trouble stays its own."""

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from loguru import logger
from pydantic import SecretStr
from sqlalchemy import Engine, select, text
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from agent.actions.command import Ended
from agent.channels import mlflow_aliases
from agent.channels.apprise import Apprise
from agent.channels.channel import Channel
from agent.channels.mlflow_aliases import MlflowAliases
from agent.channels.registry import FOR_PEOPLE, people_and_programs
from agent.channels.slack import Slack
from agent.channels.webhook import Webhook
from agent.core.retries import PAUSES, TRIES
from agent.core.transitions import move
from agent.relay import Relay
from config import fault_points
from config.settings import NotifySettings, WebhookTarget
from database.connection import ReadSession, session_scope
from database.enums import ActionStatus, DeliveryStatus, Topic
from database.errors import ConflictError, InvalidError
from database.messages import Message
from database.models import AuditEvent, Delivery, OutboxMessage
from database.queries import actions, model_versions, outbox
from database.queries.audit import AGENT, SYSTEM
from tests.integration.agent.receiver import Receiver, receiving
from tests.integration.agent.world import MODEL, approve, pending, register, user

SECRET = "whsec_" + base64.b64encode(b"a key that both sides know").decode()
EVERY = frozenset(Topic)
HIDDEN = "hunter2"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def webhook(url: str, name: str = "ops") -> Webhook:
    return Webhook(name, EVERY, SecretStr(url), SecretStr(SECRET))


def write(engine: Engine, count: int = 1, topic: Topic = Topic.INCIDENT_TOLD) -> None:
    with session_scope(engine) as session:
        for at in range(count):
            outbox.put(session, Message(f"test:{at}", topic, MODEL, "A title", "And a text.", {"n": at}))


def deliveries(engine: Engine) -> list[Delivery]:
    with session_scope(engine) as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def one(engine: Engine) -> Delivery:
    (found,) = deliveries(engine)
    return found


def later(engine: Engine) -> None:
    """The pause is over, and leases of the dead have run out."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET next_at = now() WHERE next_at > now()"))
        connection.execute(text("UPDATE deliveries SET lease_until = now() - interval '1 s' WHERE lease IS NOT NULL"))


def seconds_until_next(engine: Engine) -> float:
    with engine.connect() as connection:
        return float(
            connection.execute(
                text("SELECT extract(epoch FROM next_at - clock_timestamp()) FROM deliveries")
            ).scalar_one()
        )


# ------------------------------------------------------------------------------------------- what stands in the outbox


def told(engine: Engine) -> list[str]:
    with session_scope(engine) as session:
        return list(session.scalars(select(OutboxMessage.topic).order_by(OutboxMessage.id)))


def test_a_message_stands_in_the_outbox_exactly_when_its_change_was_committed(engine: Engine) -> None:
    version = register(engine)
    with pytest.raises(RuntimeError), session_scope(engine) as session:
        model_versions.activate(session, SYSTEM, session.merge(version), expected_active_id=None, reason="lost")
        raise RuntimeError
    assert told(engine) == []
    with session_scope(engine) as session:
        model_versions.activate(session, SYSTEM, session.merge(version), expected_active_id=None, reason="kept")
    assert told(engine) == ["version.activated"]


# ------------------------------------------------------------------------------------------------- arriving, or later


def test_what_arrived_is_signed_and_what_was_altered_is_refused(engine: Engine, receiver: Receiver) -> None:
    write(engine)
    Relay(engine, [webhook(receiver.url)]).once()
    ((headers, body),) = receiver.came
    assert Verifier(SECRET).verify(body, headers) == json.loads(body)
    said = json.loads(body)
    assert (said["type"], said["data"]["title"], said["data"]["n"]) == ("incident.told", "A title", 0)
    for altered, among in ((body.replace("A title", "B title"), headers), (body, headers | {"webhook-id": "msg_2"})):
        with pytest.raises(WebhookVerificationError):
            Verifier(SECRET).verify(altered, among)
    assert one(engine).status == DeliveryStatus.SENT


def test_a_relay_that_dies_before_it_writes_down_that_it_sent_is_followed_by_one_that_sends_the_same_again(
    engine: Engine, receiver: Receiver
) -> None:
    write(engine)
    fault_points.arm("relay.sent=raise@1")
    try:
        Relay(engine, [webhook(receiver.url)]).once()
    finally:
        fault_points.arm("")
    assert one(engine).status == DeliveryStatus.PENDING
    Relay(engine, [webhook(receiver.url)]).once()
    assert len(receiver.came) == 1  # somebody else's lease
    later(engine)
    Relay(engine, [webhook(receiver.url)]).once()
    (first, second), bodies = receiver.ids, {body for _, body in receiver.came}
    assert first == second
    assert len(bodies) == 1
    assert (one(engine).status, one(engine).attempts) == (DeliveryStatus.SENT, 2)


def test_a_receiver_that_was_down_for_an_hour_gets_the_message_once_when_it_is_back(engine: Engine) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    write(engine)
    relay = Relay(engine, [webhook(f"http://127.0.0.1:{port}/x")], draw=lambda: 0.0)
    for pause in PAUSES[:4]:
        relay.once()
        relay.once()  # not before the pause is over
        assert seconds_until_next(engine) == pytest.approx(pause.total_seconds(), abs=5)
        assert one(engine).last_error == "the receiver could not be reached (ConnectError)"
        later(engine)
    with receiving(port) as receiver:
        relay.once()
        relay.once()
    assert len(receiver.came) == 1
    assert (one(engine).status, one(engine).attempts, one(engine).last_error) == (DeliveryStatus.SENT, 5, None)


@pytest.mark.parametrize(
    ("status", "ends"), [(410, "dead"), (404, "pending"), (500, "pending"), (302, "pending"), (204, "sent")]
)
def test_what_a_receiver_answers_decides_whether_it_is_asked_again(
    engine: Engine, receiver: Receiver, status: int, ends: str
) -> None:
    receiver.status, receiver.location = status, receiver.url if status == 302 else ""
    write(engine)
    Relay(engine, [webhook(receiver.url)]).once()
    assert (one(engine).status, len(receiver.came)) == (ends, 1)  # no redirect is followed


def test_a_message_nobody_took_in_three_days_is_a_dead_letter_that_a_person_can_send_again(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.status = 500
    write(engine)
    relay = Relay(engine, [webhook(receiver.url)])
    relay.once()
    with engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET attempts = :tries"), {"tries": TRIES - 2})
    for _ in range(3):
        later(engine)
        relay.once()
    assert (one(engine).status, one(engine).attempts, len(receiver.came)) == (DeliveryStatus.DEAD, TRIES, 3)
    receiver.status = 200
    with session_scope(engine) as session:
        outbox.retry(session, AGENT, one(engine).id)
    relay.once()
    assert one(engine).status == DeliveryStatus.SENT
    assert len(set(receiver.ids)) == 1
    with session_scope(engine) as session:
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.verb == "delivery.retried"))
        assert event.details == {"message": receiver.ids[0], "channel": "ops", "was": "dead"}
    with pytest.raises(ConflictError, match="arrived already"), session_scope(engine) as session:
        outbox.retry(session, AGENT, one(engine).id)


def test_asking_for_one_that_waits_is_no_try_of_its_own(engine: Engine, receiver: Receiver) -> None:
    receiver.status = 500
    write(engine)
    relay = Relay(engine, [webhook(receiver.url)])
    relay.once()
    for _ in range(TRIES + 1):
        with session_scope(engine) as session:
            outbox.retry(session, AGENT, one(engine).id)
        relay.once()
    assert (one(engine).status, one(engine).attempts) == (DeliveryStatus.PENDING, 1)
    assert len(receiver.came) == TRIES + 2


def test_two_relays_send_each_message_once(engine: Engine, receiver: Receiver) -> None:
    write(engine, 8)
    relays = [Relay(engine, [webhook(receiver.url, name) for name in ("a", "b")]) for _ in range(2)]
    threads = [threading.Thread(target=relay.once) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while {delivery.status for delivery in deliveries(engine)} != {
        "sent"
    }:  # one may have routed after the other looked
        relays[0].once()
    assert len(receiver.ids) == 16
    assert sorted(receiver.ids) == sorted(2 * list(set(receiver.ids)))


def test_a_late_result_of_a_relay_that_was_taken_over_does_not_count(engine: Engine) -> None:
    write(engine)
    with session_scope(engine) as session:
        outbox.route(session, lambda *_: ["ops"])
        slow = outbox.claim(session, "ops", timedelta(seconds=0))
        quick = outbox.claim(session, "ops", timedelta(seconds=60))
        assert slow is not None
        assert quick is not None
        assert outbox.sent(session, quick)
        assert not outbox.failed(session, slow, "too late", None)
    assert one(engine).status == DeliveryStatus.SENT


def test_a_channel_that_nobody_sets_up_any_more_leaves_dead_letters_and_not_at_once(
    engine: Engine, receiver: Receiver
) -> None:
    write(engine)
    with session_scope(engine) as session:
        outbox.route(session, lambda *_: ["gone"])
    Relay(engine, [webhook(receiver.url)]).once()
    assert one(engine).status == DeliveryStatus.PENDING
    with engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET next_at = now() - interval '61 min'"))
    Relay(engine, [webhook(receiver.url)]).once()
    assert (one(engine).status, one(engine).last_error) == (DeliveryStatus.DEAD, outbox.NOT_SET_UP)


# -------------------------------------------------------------------------------------------------------- the channels


class Mailbox:
    """What aiosmtpd calls for each letter."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802
        self.letters.append(message_from_bytes(envelope.content))
        return "250 OK"


def test_a_message_comes_by_e_mail(engine: Engine) -> None:
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    url = f"mailto://127.0.0.1:{port}/?from=steward@example.org&to=ann@example.org&mode=insecure&format=text"
    write(engine)
    try:
        Relay(engine, [Apprise("mail", EVERY, SecretStr(url))]).once()
    finally:
        server.stop()
    (letter,) = mailbox.letters
    assert (letter["Subject"], "ann@example.org" in letter["To"]) == ("A title", True)
    assert "And a text." in letter.get_payload(decode=True).decode()
    assert "http" not in str(letter)
    assert one(engine).status == DeliveryStatus.SENT


def test_slack_gets_text_and_never_markup(engine: Engine, receiver: Receiver) -> None:
    with session_scope(engine) as session:
        outbox.put(session, Message("x", Topic.ACTION_ASKED, MODEL, "<!channel> & co", "b", {}))
    Relay(engine, [Slack("slack", EVERY, SecretStr(receiver.url))]).once()
    assert json.loads(receiver.came[0][1])["text"] == "*&lt;!channel&gt; &amp; co*\nb"


@pytest.mark.parametrize(("status", "ends"), [(503, "pending"), (429, "pending"), (404, "dead")])
def test_slack_that_is_away_is_tried_again_and_one_that_refuses_is_not(
    engine: Engine, receiver: Receiver, status: int, ends: str
) -> None:
    receiver.status = status
    write(engine)
    Relay(engine, [Slack("slack", EVERY, SecretStr(receiver.url))]).once()
    assert (one(engine).status, one(engine).last_error) == (ends, f"Slack answered {status}")


def failing(port: int, what: str) -> Channel:
    at = f"127.0.0.1:{port}/{HIDDEN}"
    match what:
        case "slack":
            return Slack("slack", EVERY, SecretStr(f"http://{at}"))
        case "webhook":
            return webhook(f"http://bob:{HIDDEN}@{at}")
        case "a key that is none":
            return Webhook("ops", EVERY, SecretStr(f"http://{at}"), SecretStr(f"whsec_{3 * HIDDEN}"))
        case "no address":
            return webhook(f"{HIDDEN}://{at}")
        case "apprise":
            return Apprise("team", EVERY, SecretStr(f"json://bob:{HIDDEN}@{at}"))
        case _:
            return Apprise("team", EVERY, SecretStr(f"nonsense://bob:{HIDDEN}@{at}"))


# What stands beside the delivery when nobody is there, and when somebody answers 500.
SAID = {
    "slack": ("Slack could not be reached (ConnectError)", "Slack answered 500"),
    "webhook": ("the receiver could not be reached (ConnectError)", "the receiver answered 500"),
    "a key that is none": ("its secret is not whsec_ followed by base64",) * 2,
    "no address": ("the receiver has an address that is none",) * 2,
    "apprise": ("the service did not take it", "the service answered 500"),
    "no apprise": ("its address is none that Apprise knows",) * 2,
}


@pytest.mark.parametrize("away", [True, False])
@pytest.mark.parametrize("what", SAID)
def test_no_address_and_no_secret_stands_in_a_log_or_beside_a_delivery(
    engine: Engine, receiver: Receiver, capfd: pytest.CaptureFixture[str], what: str, away: bool
) -> None:
    receiver.status = 500
    port = 9 if away else int(receiver.url.rpartition(":")[2])
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="TRACE", diagnose=True, backtrace=True)
    write(engine)
    Relay(engine, [failing(port, what)]).once()
    logger.remove(sink)
    delivery = one(engine)
    assert delivery.last_error == SAID[what][0 if away else 1]
    seen = capfd.readouterr()
    assert HIDDEN not in " ".join([*lines, str(delivery.last_error), seen.out, seen.err])
    assert delivery.status == DeliveryStatus.PENDING


def test_a_service_behind_apprise_that_is_gone_for_good_is_dead_at_once(engine: Engine, receiver: Receiver) -> None:
    receiver.status = 410
    write(engine)
    url = receiver.url.replace("http://", "json://")
    Relay(engine, [Apprise("team", EVERY, SecretStr(url))]).once()
    assert (one(engine).status, one(engine).last_error) == (DeliveryStatus.DEAD, "the service answered 410")


def test_the_settings_say_which_channels_there_are_and_what_each_is_told() -> None:
    hook = WebhookTarget(url=SecretStr("http://127.0.0.1"), secret=SecretStr(SECRET))
    settings = NotifySettings(
        slack_webhook_url=SecretStr("http://127.0.0.1"),
        notify_urls={"mail": SecretStr("mailto://x")},
        notify_webhooks={"ops": hook},
        notify_topics={"mail": ["incident.told"]},
    )
    found = {channel.name: channel for channel in people_and_programs(settings)}
    gets = {name: {topic for topic in Topic if channel.wants(topic, {})} for name, channel in found.items()}
    assert gets == {"slack": set(FOR_PEOPLE), "mail": {Topic.INCIDENT_TOLD}, "ops": set(Topic)}
    for wrong in ({"mail": ["all"]}, {"nobody": ["incident.told"]}):
        with pytest.raises(InvalidError, match="NOTIFY_TOPICS"):
            people_and_programs(settings.model_copy(update={"notify_topics": wrong}))


def test_an_answer_that_never_ends_holds_back_nothing(engine: Engine) -> None:
    ended = threading.Event()

    def drip(taken: socket.socket) -> None:
        with taken, contextlib.suppress(OSError):
            taken.recv(65536)
            taken.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not ended.wait(0.05):
                taken.sendall(b"1\r\nx\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: drip(server.accept()[0]), daemon=True).start()
        write(engine)
        relay = Relay(engine, [webhook(f"http://127.0.0.1:{server.getsockname()[1]}")])
        relay.tick()
        relay.rest(10)
        ended.set()
        assert one(engine).status == "sent"
        relay.rest(10)


# --------------------------------------------------------------------------------------------------------------- MLflow


def activated_by_an_action(engine: Engine, champion: int, kind: str = "retrain_model") -> int:
    """Another version serves, because a person approved it; its id."""
    version = register(engine)
    question = pending(engine, champion, version, kind=kind)
    approve(engine, question, user(engine, kind, "approver"))
    with session_scope(engine) as session:
        action = move(session, AGENT, actions.get(session, question.action_id), ActionStatus.EXECUTING)
        model_versions.activate(
            session,
            AGENT,
            session.merge(version),
            expected_active_id=champion,
            reason="x",
            action_id=question.action_id,
        )
        move(session, AGENT, action, ActionStatus.SUCCEEDED)
    return version.id


def aliases(engine: Engine, *command: str, stopping: threading.Event | None = None) -> MlflowAliases:
    return MlflowAliases(engine, (stopping or threading.Event()).is_set, command)


def mlflows(engine: Engine) -> Sequence[tuple[str, int]]:
    return [(one.status, one.attempts) for one in deliveries(engine) if one.channel == "mlflow"]


def test_mlflow_is_told_what_an_action_activated_and_only_of_the_newest(engine: Engine, champion: int) -> None:
    second = activated_by_an_action(engine, champion)
    Relay(engine, [aliases(engine, "/bin/false")]).once()
    assert mlflows(engine) == [("pending", 1)]  # the champion's training projected that itself
    assert "code 1" in str(one(engine).last_error)
    later(engine)
    activated_by_an_action(engine, second, "rollback_model")
    Relay(engine, [aliases(engine, "/bin/false")]).once()
    assert mlflows(engine) == [("sent", 2), ("pending", 1)]  # the older is left to the newer
    later(engine)
    Relay(engine, [aliases(engine, "/bin/true")]).once()
    assert mlflows(engine) == [("sent", 2), ("sent", 2)]


def test_aliases_of_a_version_that_was_replaced_meanwhile_are_projected_anew(
    engine: Engine, champion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = activated_by_an_action(engine, champion)
    projected: list[str] = []

    def run(command: Sequence[str], **_: object) -> Ended:
        projected.append(command[-1])
        if len(projected) == 1:  # and another relay tells MLflow before this one does
            activated_by_an_action(engine, second, "rollback_model")
        return Ended("project", 0, "", "")

    monkeypatch.setattr(mlflow_aliases, "run", run)
    Relay(engine, [aliases(engine)]).once()
    assert projected[:2] == [MODEL, MODEL]
    assert mlflows(engine)[0] == ("sent", 1)


def test_an_mlflow_that_hangs_holds_back_nobody_and_is_given_back_when_the_process_stops(
    engine: Engine, champion: int, receiver: Receiver
) -> None:
    stopping = threading.Event()
    activated_by_an_action(engine, champion)
    slow = aliases(engine, "/bin/sh", "-c", "exec sleep 60", stopping=stopping)
    relay = Relay(engine, [slow, webhook(receiver.url)], stopping.is_set)
    relay.tick()
    write(engine)
    while len(receiver.came) < 3:  # two activations and what was written while MLflow hung
        relay.tick()
    assert mlflows(engine) == [("pending", 1)]
    stopping.set()
    relay.rest(10)
    assert mlflows(engine) == [("pending", 0)]


def test_dead_letters_come_first_in_the_list(engine: Engine, receiver: Receiver) -> None:
    receiver.status = 410
    write(engine)
    Relay(engine, [webhook(receiver.url)]).once()
    with session_scope(engine) as session:
        outbox.put(session, Message("newer", Topic.INCIDENT_TOLD, MODEL, "newer", "", {}))
    Relay(engine, []).tick()
    with session_scope(engine) as session:
        outbox.put(session, Message("newest", Topic.INCIDENT_TOLD, MODEL, "newest", "", {}))
        outbox.route(session, lambda *_: ["ops"])
        rows = outbox.listed(ReadSession(session), [DeliveryStatus.DEAD, DeliveryStatus.PENDING], 10)
    assert [(delivery.status, message.payload["title"]) for delivery, message in rows] == [
        ("dead", "A title"),
        ("pending", "newest"),
    ]
    assert rows[0][1].created_at.astimezone(UTC) <= rows[1][1].created_at.astimezone(UTC)
