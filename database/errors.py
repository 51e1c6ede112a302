"""What can go wrong with data: a small vocabulary. Which HTTP status each becomes stands in `api/errors.py`."""

from collections.abc import Sequence


class StewardError(Exception):
    """The root of every error a person is meant to read. `code` is stable and machine-readable."""

    code = "error"


class NotFoundError(StewardError):
    """There is no such thing."""

    code = "not_found"


class ConflictError(StewardError):
    """The thing is not in the state this asks for; somebody was faster, or the world moved."""

    code = "conflict"


class StaleError(ConflictError):
    """What an approval rested on has changed since; look again.

    `differences` are (what, then, now) in words: what was shown to the one who decides, and what holds instead.
    """

    code = "stale"

    def __init__(self, message: str = "", differences: Sequence[tuple[str, str, str]] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class ExpiredError(ConflictError):
    """The time to decide has run out."""

    code = "expired"


class ForbiddenError(StewardError):
    """This actor may not do that."""

    code = "forbidden"


class InvalidError(StewardError):
    """The value itself is wrong; the message names the field and what was expected."""

    code = "invalid"


class UnavailableError(StewardError):
    """Something we depend on cannot be reached now; try again."""

    code = "unavailable"


class IllegalTransitionError(ConflictError):
    """An action cannot move along that arrow."""

    code = "illegal_transition"


class LeaseLostError(ConflictError):
    """Another worker took this action over; what we were writing must not count."""

    code = "lease_lost"


class IntegrityError(StewardError):
    """A file is not what its digest says; it is never used."""

    code = "integrity"
