"""What low-risk actions share: they are not preceded by a comparison of versions."""

from agent.core.work import Gathered, Json, PermanentError, Work


class Unasked:
    """An action that needs no proof before it runs and prepares nothing outside the database."""

    def gather(self, work: Work) -> Gathered:
        """Never asked for: such an action waits for a person, if the policy says so, with its question alone."""
        raise PermanentError(f"{work.claim.action_type} gathers no evidence")

    def prepare(self, work: Work) -> Json:  # noqa: ARG002  (nothing outside the database)
        """Everything happens in the transaction that ends the action."""
        return {}
