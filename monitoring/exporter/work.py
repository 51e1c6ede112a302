"""The agent's work as it stands: actions, approvals, the queue, incidents, messages, the calendar."""

from collections.abc import Iterable

from prometheus_client.core import Metric

from database.connection import ReadSession
from database.enums import OPEN_STATUSES, ActionStatus, ActionType, Automation, DeliveryStatus, Risk
from database.queries import automation, model_versions, work_figures
from monitoring.exporter.families import MOST_MODELS, counter, gauge, one


def actions(session: ReadSession) -> Iterable[Metric]:
    """What is open, what waits for people, what waits for a worker."""
    found = work_figures.open_actions(session)
    by = ("model", "type", "status")
    yield gauge("steward_actions_open", "actions that have not ended", by, ((row[:3], row[3]) for row in found))

    waiting = [(*row[:2], Risk(row[2]).name.lower(), *row[3:]) for row in work_figures.waiting_approvals(session)]
    by = ("model", "type", "risk")
    name = "steward_approvals_waiting"
    yield gauge(name, "decisions that wait for people", by, ((row[:3], row[3]) for row in waiting))
    name = "steward_approvals_oldest_asked_timestamp_seconds"
    yield gauge(name, "since when the longest of them waits", by, ((row[:3], row[4]) for row in waiting))
    name = "steward_approvals_next_expiry_timestamp_seconds"
    yield gauge(name, "when the first of them expires", by, ((row[:3], row[5]) for row in waiting))

    queue = {row[0]: row[1:] for row in work_figures.queue(session)}
    leases = {row[0]: row[1:] for row in work_figures.leases(session)}
    stages = ("evidence", "execution")
    name = "steward_action_queue_depth"
    yield gauge(
        name, "work that is due and claimed by nobody", ("stage",), (((s,), queue.get(s, (0,))[0]) for s in stages)
    )
    name = "steward_action_queue_oldest_due_timestamp_seconds"
    yield gauge(name, "since when the oldest of it is due", ("stage",), (((s,), row[1]) for s, row in queue.items()))
    name = "steward_action_leases_held"
    yield gauge(name, "work that a worker is at", ("stage",), (((s,), leases.get(s, (0, 0))[0]) for s in stages))
    name, says = "steward_action_leases_expired", "claimed work whose worker is silent: another one takes it over"
    yield gauge(name, says, ("stage",), (((s,), leases.get(s, (0, 0))[1]) for s in stages))

    switch = automation.state(session)
    name = "steward_automation_state"
    yield gauge(name, "1 for what the kill switch says", ("state",), (((s,), int(s is switch)) for s in Automation))


def incidents(session: ReadSession) -> Iterable[Metric]:
    """What is wrong with the models, by cause."""
    found = work_figures.open_incidents(session)
    by = ("model", "cause", "severity", "status")
    yield gauge("steward_incidents_open", "incidents that are not resolved", by, ((row[:4], row[4]) for row in found))
    name = "steward_incidents_oldest_timestamp_seconds"
    yield gauge(name, "since when the oldest of them is open", by, ((row[:4], row[5]) for row in found))


def messages(session: ReadSession) -> Iterable[Metric]:
    """What waits to be told to the world outside."""
    yield one("steward_outbox_unrouted", "messages no relay has looked at yet", work_figures.unrouted(session))
    found = work_figures.pending_deliveries(session)
    name = "steward_deliveries_pending"
    yield gauge(name, "messages on their way to a channel", ("channel",), (((row[0],), row[1]) for row in found))
    name = "steward_deliveries_oldest_pending_timestamp_seconds"
    yield gauge(name, "since when the oldest of them waits", ("channel",), (((row[0],), row[2]) for row in found))


def history(session: ReadSession) -> Iterable[Metric]:
    """What became of actions, questions, messages and slots since the beginning."""
    # Each begins at 0: of a counter that first appears with its first event nobody sees that it rose.
    models = model_versions.model_names(session)[:MOST_MODELS]
    none = {
        (m, kind, how): 0 for m in models for kind in ActionType for how in ActionStatus if how not in OPEN_STATUSES
    }
    ended = none | {(row[0], row[1], row[2]): row[3] for row in work_figures.ended_actions(session)}
    yield counter("steward_actions_ended", "actions that ended, by how", ("model", "type", "status"), ended.items())
    decided = work_figures.decisions(session)
    name = "steward_decisions"
    yield counter(name, "decisions people made", ("model", "decision"), ((row[:2], row[2]) for row in decided))
    settled = {(row[0], row[1]): row[2] for row in work_figures.settled_deliveries(session)}
    channels = sorted({channel for channel, _ in settled})
    name, says = "steward_deliveries_dead", "messages nobody tries to deliver any more"
    dead = (((one,), settled.get((one, DeliveryStatus.DEAD), 0)) for one in channels)
    yield gauge(name, says, ("channel",), dead)
    sent = (((one,), settled.get((one, DeliveryStatus.SENT), 0)) for one in channels)
    yield gauge("steward_deliveries_sent", "messages that arrived", ("channel",), sent)
    slots = work_figures.slots(session)
    by = ("schedule", "model", "status")
    yield gauge("steward_schedule_slots", "slots of the calendar that came", by, ((row[:3], row[3]) for row in slots))
    name = "steward_schedule_last_slot_timestamp_seconds"
    yield gauge(name, "the newest of them", by, ((row[:3], row[4]) for row in slots))
