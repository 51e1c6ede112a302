"""Every channel that is set up, and which messages go where unless NOTIFY_TOPICS says otherwise."""

from collections.abc import Callable

from sqlalchemy import Engine

from agent.channels.apprise import Apprise
from agent.channels.channel import Channel
from agent.channels.mlflow_aliases import MlflowAliases
from agent.channels.slack import Slack
from agent.channels.webhook import Webhook
from config.settings import NotifySettings
from database.enums import Topic
from database.errors import InvalidError

# A person approved, rejected or waited for it to prove itself: nobody has to be called for that.
FOR_PEOPLE = frozenset(Topic) - {Topic.ACTION_APPROVED, Topic.ACTION_REJECTED, Topic.ACTION_SUCCEEDED}
FOR_PROGRAMS = frozenset(Topic)


def people_and_programs(settings: NotifySettings) -> list[Channel]:
    """The channels of the settings. Raises `InvalidError` for topics that do not exist or that nobody would get."""
    known = {str(topic) for topic in Topic}
    for name, wanted in settings.notify_topics.items():
        if strange := sorted(set(wanted) - known):
            there = ", ".join(sorted(known))
            raise InvalidError(f"NOTIFY_TOPICS: {name}: there is no topic {', '.join(strange)}; there are {there}")

    def topics(name: str, usual: frozenset[Topic]) -> frozenset[Topic]:
        chosen = settings.notify_topics.get(name)
        return usual if chosen is None else frozenset(map(Topic, chosen))

    found: list[Channel] = []
    if settings.slack_webhook_url is not None:
        found.append(Slack("slack", topics("slack", FOR_PEOPLE), settings.slack_webhook_url))
    found += [Apprise(name, topics(name, FOR_PEOPLE), url) for name, url in settings.notify_urls.items()]
    found += [
        Webhook(name, topics(name, FOR_PROGRAMS), to.url, to.secret) for name, to in settings.notify_webhooks.items()
    ]
    if nobody := sorted(settings.notify_topics.keys() - {channel.name for channel in found}):
        raise InvalidError(f"NOTIFY_TOPICS: there is no channel {', '.join(nobody)}")
    return found


def every(settings: NotifySettings, engine: Engine, stopping: Callable[[], bool]) -> list[Channel]:
    """These, and MLflow's aliases."""
    return [*people_and_programs(settings), MlflowAliases(engine, stopping)]
