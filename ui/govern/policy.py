"""The agent's policy in words and rows. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ui import vocabulary, wording
from ui.answers.policy import GoesBy, PolicyChecked, PolicyOut, RemarkOut, ReplayOut, RuleOut, Threshold
from ui.components import chip_for

NOT_WRITTEN_HERE = (
    "This page is a file under version control, and a deployment brings it: whoever may change what the agent may do "
    "is whoever may deploy, and the review of the change is the second pair of eyes. So the dashboard tries a change, "
    "and never writes one. Where the file and what was approved differ, the stricter counts."
)


def length(seconds: float) -> str:
    return "none" if seconds == 0 else wording.span(timedelta(seconds=seconds))


def rules(policy: PolicyOut) -> list[dict[str, str]]:
    """The table: who decides about each kind of action, and within which bounds. Cells are Markdown."""
    return [_rule(rule) for rule in policy.rules]


def _rule(rule: RuleOut) -> dict[str, str]:
    people = rule.decides == "person"
    return {
        "action": f"**{wording.plain(vocabulary.words(vocabulary.ACTIONS, rule.action_type))}**",
        "risk": chip_for(vocabulary.RISKS, rule.risk),
        "who decides": wording.plural(rule.approvers, "person", "people") if people else "the agent",
        "expires": length(rule.expires_s) if people else wording.NOTHING,
        "cool-down": length(rule.cooldown_s),
        "budget": f"{wording.count(rule.budget)} a day and model",
        "tries": wording.count(rule.attempts),
    }


def around(policy: PolicyOut) -> dict[str, str]:
    """What holds for all actions, as facts."""
    levels = {
        "observe": "only records what it would do", "suggest": "everything waits for a person",
        "act": "as the table says",
    }  # fmt: skip
    autonomy = "; ".join(
        f"{'all models' if name == 'default' else wording.plain(name)}: {level}, {levels.get(level, level)}"
        for name, level in policy.autonomy.items()
    )
    after, proof, told = policy.escalation, policy.verification, policy.corrections
    more = after.after_revert_approvers
    return {
        "Autonomy": autonomy,
        "Escalation": f"the same fix {after.repeats} times within {length(after.within_s)} goes to a person; "
        + (f"after one was taken back {more} more must approve the next" if more else "no more people after a revert"),
        "Verification": f"after {wording.count(proof.min_rows)} labelled rows, at most {wording.count(proof.max_rows)} "
        f"or {length(proof.deadline_s)}; worse by more than {wording.number(proof.margin)} is taken back",
        "Corrected answers": f"{wording.count(told.retrain_after)} new ones of the last {length(told.within_s)} are "
        f"worth a try, the next no sooner than {length(told.pause_s)} later; nobody is asked without a gain"
        if told.retrain_after
        else "lead to no retrain",
        "After a rejection": f"the same thing is not asked again for {length(policy.stand_back_s)}",
        "Actions not named here": "high risk, one person, one a day",
    }


def followers(policy: PolicyOut, now: datetime) -> list[str]:
    """Who goes by the page, one sentence each; agents that are gone are left out."""
    living = [one for one in policy.goes_by if not one.late]
    found = [_follower(one, now) for one in living]
    if policy.changed_on_disk:
        found.append("The file says something else by now; that holds from the next start on.")
    return found or ["No agent runs, so nobody goes by it."]


def _follower(one: GoesBy, now: datetime) -> str:
    since = f" since {wording.when(one.since, now)}" if one.since else ""
    if not one.same:
        return f"Agent {one.instance} goes by ANOTHER page{since}: restart it, or the API."
    return f"Agent {one.instance} goes by it{since}."


def thresholds(policy: PolicyOut, model: str) -> list[dict[str, str]]:
    """What the figures of one model are held to."""
    return [_threshold(line) for line in policy.thresholds if line.model_name == model]


def _threshold(line: Threshold) -> dict[str, str]:
    digits = 0 if float(line.value).is_integer() else 3
    value = f"{wording.number(line.value, digits)} {line.unit}".strip()
    return {"field": f"`{line.name}`", "value": wording.plain(value), "means": wording.plain(line.means)}


def remarks(found: Sequence[RemarkOut]) -> list[dict[str, str]]:
    """Faults, or what to look at twice, by line."""
    return [
        {
            "line": wording.count(one.line),
            "field": f"`{one.field}`" if one.field else wording.NOTHING,
            "what": wording.plain(wording.sentence(one.says)),
        }
        for one in found
    ]


def verdict(checked: PolicyChecked) -> str:
    """What the replay comes to, in one sentence."""
    if not checked.replay:
        return f"Nothing was decided again: {'; '.join(checked.left_out) or 'the agent recorded nothing'}."
    then = sum(one.then for one in checked.replay)
    freed = sum(_times(one, "waits for", "runs by itself") for one in checked.replay)
    bound = sum(_times(one, "runs by itself", "waits for") for one in checked.replay)
    gone = sum(line.times for one in checked.replay for line in one.otherwise) - freed - bound
    parts = [f"{freed} of {then} actions would have been automatic instead of queued"]
    parts += [f"{bound} would have been queued instead of automatic"] if bound else []
    parts += [f"{gone} would have gone another way"] if gone else []
    return f"In the last {checked.days} days {', '.join(parts)}."


def _times(one: ReplayOut, then: str, now: str) -> int:
    return sum(line.times for line in one.otherwise if line.then.startswith(then) and line.now.startswith(now))


def otherwise(one: ReplayOut) -> list[dict[str, str]]:
    """What would have gone otherwise, the most frequent first."""
    return [
        {
            "action": wording.plain(vocabulary.words(vocabulary.ACTIONS, line.action_type)),
            "then": wording.plain(line.then),
            "with this page": wording.plain(line.now),
            "times": wording.count(line.times),
            "last": wording.plain(wording.moment(line.last_at)),
        }
        for line in one.otherwise
    ]


def passes(one: ReplayOut) -> str:
    """What the replay of one model rests on."""
    unread = one.blind + one.unreadable
    left = f", {wording.count(unread)} of them could not be read" if unread else ""
    span = f"{wording.moment(one.from_at)} to {wording.moment(one.to_at)}"
    return f"{one.model_name}: {wording.plural(one.passes, 'pass', 'passes')} recorded{left}, {span}."
