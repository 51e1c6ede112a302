"""Which parts the exporter has; those that look at every row of a table or at files are read once a minute."""

from config.settings import Settings
from monitoring.exporter import models, platform, server, work
from monitoring.exporter.collector import SLOW_S, Part


def every_part(settings: Settings) -> tuple[Part, ...]:
    return (
        Part("processes", platform.processes),
        Part("actions", work.actions),
        Part("incidents", work.incidents),
        Part("messages", work.messages),
        Part("history", work.history, SLOW_S),
        Part("serving", models.serving),
        Part("quality", models.quality, 5.0),
        Part("answered", models.answered, SLOW_S),
        Part("people", platform.people, SLOW_S),
        Part("refused", platform.refused, 10.0),
        Part("audit", platform.AuditLog(settings).read),
        Part("connections", server.connections),
        Part("storage", server.Storage(settings).read, SLOW_S),
    )
