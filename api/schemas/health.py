"""How a process is, as probes and people read it."""

from api.schemas.common import Out


class ModelHealth(Out):
    """`state`: serving, degraded (an older version serves because the desired one could not be loaded) or none."""

    model_name: str
    state: str
    version: int | None
    generation: int | None
    says: str | None


class Health(Out):
    """`status`: ok, degraded (answers, but something is wrong: see `why`) or unavailable (no model is loaded).
    `revision`: the commit the program was built from, where it was told (`STEWARD_REVISION`)."""

    status: str
    revision: str | None
    why: list[str]
    models: list[ModelHealth]
    database: bool
    spool_depth: int
    uptime_s: float


class Live(Out):
    status: str
