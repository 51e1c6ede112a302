"""What the world outside is told: which messages have not arrived, trying one again, and trying the channels."""

import json
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer
from rich.markup import escape

from agent.channels.registry import people_and_programs
from agent.core.work import PermanentError, TemporaryError
from database.connection import ReadSession
from database.enums import DeliveryStatus, Topic
from database.queries import outbox
from database.queries.outbox import Claimed
from scripts.admin import administering, err, me, narrow_table, out
from scripts.plain_speech import CommandFailedError, JsonFlag, said_plainly

notifications = typer.Typer(help="Messages to Slack, e-mail, Teams and webhooks.", no_args_is_help=True)


@notifications.command("list")
def list_deliveries(
    sent: Annotated[bool, typer.Option("--sent", help="those that arrived instead")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show dead letters and what waits."""
    statuses = [DeliveryStatus.SENT] if sent else [DeliveryStatus.DEAD, DeliveryStatus.PENDING]
    with administering() as (session, _):
        rows = [
            {
                "delivery": delivery.id,
                "message": message.message_id,
                "topic": message.topic,
                "title": message.payload["title"],
                "channel": delivery.channel,
                "status": delivery.status,
                "tries": delivery.attempts,
                "last_error": delivery.last_error,
                "next_at": delivery.next_at.isoformat() if delivery.status == DeliveryStatus.PENDING else None,
            }
            for delivery, message in outbox.listed(ReadSession(session), statuses, limit)
        ]
    if as_json:
        print(json.dumps(rows))
        return
    table = narrow_table("id", "channel", "status", "tries", "next try (UTC)", "name")
    for row in rows:
        said = f"{row['title']}: {row['last_error']}" if row["last_error"] else str(row["title"])
        next_at = str(row["next_at"] or "")[:16].replace("T", " ")
        table.add_row(
            str(row["delivery"]), str(row["channel"]), str(row["status"]), str(row["tries"]), next_at, escape(said)
        )
    out.print(table)


@notifications.command("retry")
def retry(delivery: Annotated[int, typer.Argument(help="the id shown by `notifications list`")]) -> None:
    """Try one again now; the agent sends it within a second or two."""
    with administering() as (session, _):
        found, _message = outbox.retry(session, me(), delivery)
        channel = found.channel
    err.print(f"delivery {delivery} is on its way to {escape(channel)} again")


@notifications.command("test")
def try_channels(
    channel: Annotated[str | None, typer.Argument(help="one channel; default: all")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Send a test message to the channels of the settings, now and from here; exit 1 if one did not take it.

    Its topic is incident.told, and its data hold "test": true.
    """
    with said_plainly() as settings:
        every = people_and_programs(settings.notify)
        if not every:
            raise CommandFailedError("no channel is set up: see SLACK_WEBHOOK_URL, NOTIFY_URLS and NOTIFY_WEBHOOKS")
        channels = [one for one in every if channel in (None, one.name)]
        if not channels:
            known = ", ".join(sorted(one.name for one in every))
            raise CommandFailedError(f"there is no channel {channel}; there are {known}")
        results: dict[str, str | None] = {}
        for one in channels:
            try:
                one.send(_trial())
                results[one.name] = None
            except (TemporaryError, PermanentError) as error:
                results[one.name] = str(error)
            except Exception as error:  # noqa: BLE001  (a library's own errors hold addresses)
                results[one.name] = type(error).__name__
    if as_json:
        print(json.dumps({name: {"ok": why is None, "why": why} for name, why in results.items()}))
    else:
        for name, why in results.items():
            err.print(f"{name}: {escape(why) if why else 'took it'}")
    if any(results.values()):
        raise typer.Exit(1)


def _trial() -> Claimed:
    payload = {"title": "A test from Steward", "text": "Messages arrive here.", "facts": {"test": True}}
    message_id = f"msg_{uuid4().hex}"
    return Claimed(0, uuid4(), 1, message_id, Topic.INCIDENT_TOLD, "test", payload, datetime.now(UTC))
