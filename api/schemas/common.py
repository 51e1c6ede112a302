"""What many answers share."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Json = dict[str, Any]
# The largest number a column of PostgreSQL's type integer holds.
MOST = 2**31 - 1


def _storable(text: str) -> str:
    """PostgreSQL cannot keep a NUL in a text, so it is refused at the door."""
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


PlainText = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": "^[^\\u0000]*$"})]


class Out(BaseModel):
    """An answer: closed, and read off rows by attribute."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True, protected_namespaces=())


class In(BaseModel):
    """A request: unknown fields are refused, so nobody sets what is not theirs to set."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=4000, protected_namespaces=())


class FieldError(Out):
    """One fault of a request. It never repeats the value that was sent."""

    field: str
    message: str


class Difference(Out):
    """Something about a question that is not as it was shown, in words."""

    what: str
    then: str
    now: str


class Problem(Out):
    """An error (RFC 9457). `code` is stable; `request_id` finds the log line. A `stale` one says what differs from what
    the page showed."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldError] = []
    differences: list[Difference] = []


class VersionRef(Out):
    """A model version in a few words."""

    version_id: int
    version: int
    algorithm: str


class WindowRef(Out):
    """A half-open span of predictions [from_at, to_at) that was judged as a whole."""

    window_id: int
    seq: int
    from_at: datetime
    to_at: datetime
    n: int
    labelled_n: int
    suspect_n: int
    status: str
    version_id: int
    version: int


class MetricPoint(Out):
    """One figure with its interval and n. `value` is null where it could not be computed: see `verdict`."""

    kind: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reference: float | None
    verdict: str
    version: int
    window_id: int | None
    seq: int | None
    from_at: datetime | None
    to_at: datetime | None
    labels_as_of: datetime | None
    created_at: datetime
    metadata: Json


class DeploymentOut(Out):
    """Which version served from when, by whose decision. `until` is null for the one that serves now."""

    generation: int
    version_id: int
    version: int
    algorithm: str
    previous_version: int | None
    action_id: str | None
    actor: str
    reason: str
    since: datetime
    until: datetime | None
