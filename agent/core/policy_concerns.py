"""What a reviewer of a policy page should look at twice, though the page is valid. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from agent.core import wording
from config.agent_policy import EVERY_MODEL, ActionRule, AgentPolicy
from database.enums import CHANGING, ActionType

_NEVER = timedelta(0)


@dataclass(frozen=True)
class Concern:
    """One field of the page, as `actions.retrain_model.budget`, and what about it."""

    field: str
    says: str


def concerns(policy: AgentPolicy, models: Collection[str] | None, approvers: int | None) -> tuple[Concern, ...]:
    """`models`: those with a contract; `approvers`: people who may approve. None: not known, and not judged."""
    return (
        *_about_actions(policy, approvers),
        *_unlisted(policy),
        *_about_autonomy(policy, models),
        *_about_schedules(policy, models),
        *_about_afterwards(policy, approvers),
    )


def runs_alone(policy: AgentPolicy) -> tuple[str, ...]:
    """The actions nobody is asked about on a model under `act`."""
    listed = (name for name in ActionType if name in policy.actions and name not in CHANGING)
    return tuple(name for name in listed if policy.rule(name).decides == "agent")


def _about_actions(policy: AgentPolicy, approvers: int | None) -> Iterator[Concern]:
    if approvers == 0:
        yield Concern("actions", "nobody has the role `approver` yet: every question will expire")
    for name, rule in policy.actions.items():
        at = f"actions.{name}"
        if name not in set(ActionType):
            yield Concern(at, f"there is no such action; the agent knows {', '.join(sorted(ActionType))}")
            continue
        yield from _about_rule(at, name, rule)
        # Where autonomy is `suggest` an action of the agent's own waits for as many people.
        if approvers and rule.approvers > approvers and _ever_waits(policy, name, rule):
            says = f"{rule.approvers} people must approve and only {approvers} may: it can never be approved"
            yield Concern(f"{at}.approvers", says)


def _ever_waits(policy: AgentPolicy, name: str, rule: ActionRule) -> bool:
    levels = {policy.autonomy_of(""), *policy.autonomy.values()}
    return rule.decides == "person" or name in CHANGING or "suggest" in levels


def _about_rule(at: str, name: str, rule: ActionRule) -> Iterator[Concern]:
    if rule.budget == 0:
        yield Concern(f"{at}.budget", "with a budget of 0 it is never proposed, not even to a person")
    if rule.decides == "agent" and name in CHANGING:
        yield Concern(f"{at}.decides", "it changes what serves, so it waits for a person in spite of `decides: agent`")
    if rule.cooldown < _NEVER:
        yield Concern(f"{at}.cooldown", "is less than nothing and holds nothing back")
    if rule.expires <= _NEVER:
        yield Concern(f"{at}.expires", "a question is void before anybody can answer it")
    elif rule.decides == "person" and rule.cooldown > rule.expires:
        cool, void = wording.span(rule.cooldown), wording.span(rule.expires)
        gap = f"an unanswered question is void after {void} and the next may come after {cool}: nobody is asked between"
        yield Concern(f"{at}.cooldown", gap)


def _unlisted(policy: AgentPolicy) -> Iterator[Concern]:
    for name in sorted(set(ActionType) - set(policy.actions)):
        rule = policy.rule(name)
        yield Concern("actions", f"{name} is not listed: high risk, waits for a person, {rule.budget} a day")


def _about_autonomy(policy: AgentPolicy, models: Collection[str] | None) -> Iterator[Concern]:
    for model in policy.autonomy:
        if models is not None and model != "default" and model not in models:
            yield Concern(f"autonomy.{model}", "there is no contract of this model")


def _about_schedules(policy: AgentPolicy, models: Collection[str] | None) -> Iterator[Concern]:
    for name, schedule in policy.schedules.items():
        for model in schedule.models:
            if models is not None and model != EVERY_MODEL and model not in models:
                yield Concern(f"schedules.{name}.models", f"there is no contract of {model}")
        followed = (model for model in models or () if schedule.covers(model))
        for model in (one for one in followed if policy.autonomy_of(one) == "observe"):
            yield Concern(f"schedules.{name}", f"{model} is only observed: its slots are recorded and nobody is asked")


def _about_afterwards(policy: AgentPolicy, approvers: int | None) -> Iterator[Concern]:
    test, again = policy.verification, policy.escalation
    for name, rule in policy.actions.items():
        needed = rule.approvers + again.after_revert_approvers
        if name in CHANGING and approvers and rule.approvers <= approvers < needed:
            says = f"once a {name} was taken back {needed} people must approve the next and only {approvers} may"
            yield Concern("escalation.after_revert_approvers", f"{says}: it could never be approved")
    if test.max_rows < test.min_rows:
        says = f"is below min_rows ({test.min_rows}): one look at {test.min_rows} rows decides"
        yield Concern("verification.max_rows", says)
    if test.deadline <= _NEVER:
        yield Concern("verification.deadline", "every change is called inconclusive at once")
    if again.within <= _NEVER:
        yield Concern("escalation.within", "the same fix never counts as repeated, so no person is asked why")
    told = policy.corrections
    if told.retrain_after and told.pause <= _NEVER:
        says = "whoever may send feedback decides how often is trained: nothing lies between two tries"
        yield Concern("corrections.pause", says)
    if policy.stand_back <= _NEVER:
        yield Concern("stand_back", "the agent asks again right after a person said no")
