"""From the rows to what served, as a graph and as a table. Pure.

A graph's source is a small language of its own: every text that came from data is written in entities, so that nothing
in it can end a label or begin a line.
"""

from datetime import datetime

from ui import vocabulary, wording
from ui.answers.lineage import Lineage, VoteOut
from ui.api_types import DeploymentOut
from ui.explain.versions import SOURCES

# More boxes than these are no picture any more; the table has them all.
MOST_SERVED = 4
LONGEST = 60


def entity(text: object) -> str:
    """Text for a label of the graph: what is neither a letter nor a digit of ASCII, nor a space, is an entity."""
    said = str(text).replace("\n", " ").replace("\r", " ")
    said = said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
    return "".join(one if one.isascii() and (one.isalnum() or one == " ") else f"#{ord(one)};" for one in said)


def _box(name: str, title: str, *facts: str) -> str:
    return f'  {name}["{"<br/>".join(entity(fact) for fact in (title, *facts) if fact)}"]'


def graph(found: Lineage) -> str:
    """The way of one version as Mermaid: data, run, artifact, decisions, deployments."""
    data, run, artifact = found.data, found.run, found.artifact
    lines = [
        "flowchart LR",
        _box(
            "data",
            "DATA",
            f"{wording.count(data.rows)} rows",
            SOURCES.get(data.source, data.source),
            digest(data.digest),
        ),
        _box("run", "RUN", vocabulary.words(vocabulary.ALGORITHMS, run.algorithm), mlflow(found), moment(run.made_at)),
        _box("artifact", "ARTIFACT", digest(artifact.digest), signature(found)),
        "  data --> run --> artifact",
    ]
    last = "artifact"
    if found.votes:
        people = [f"{vote.person} {_verb(vote)}" for vote in found.votes[:3]]
        more = f"and {len(found.votes) - 3} more" if len(found.votes) > 3 else ""
        lines += [_box("decision", "DECISIONS", *people, more), "  artifact --> decision"]
        last = "decision"
    served = sorted(found.deployments, key=lambda one: one.generation)[-MOST_SERVED:]
    for one in served:
        name = f"g{one.generation}"
        lines += [_box(name, "SERVED", moment(one.since), f"until {until(one)}"), f"  {last} --> {name}"]
    if not served:
        lines += [_box("never", "NEVER SERVED"), f"  {last} -.-> never"]
    return "\n".join(lines)


def summary(found: Lineage) -> str:
    """The graph in a sentence."""
    served = len(found.deployments)
    times = "never served" if not served else f"served {wording.plural(served, 'time')}"
    decided = f", {wording.plural(len(found.votes), 'decision')}" if found.votes else ""
    return (
        f"v{found.version} learned from {wording.plural(found.data.rows, 'row')} "
        f"(snapshot {digest(found.data.digest)}), is artifact {digest(found.artifact.digest)}{decided}, and {times}."
    )


def digest(text: str) -> str:
    return wording.short_digest(text)


def moment(at: datetime) -> str:
    return wording.moment(at)


def until(one: DeploymentOut) -> str:
    return wording.moment(one.until) if one.until else "now"


def _verb(vote: VoteOut) -> str:
    return {"approve": "approved", "reject": "rejected"}.get(vote.decision, vote.decision)


def mlflow(found: Lineage) -> str:
    run = found.run.mlflow_run_id
    return f"MLflow {run[:8]}" if run else "no MLflow run"


def signature(found: Lineage) -> str:
    """What vouches for the files, in words."""
    if found.artifact.fault:
        return "✕ not to be believed"
    keys = ", ".join(found.artifact.signed_by)
    return f"✓ signed by {keys}" if keys else "? nobody signed it"


def _made_from(found: Lineage) -> str:
    """What is known of the rows beyond their number."""
    facts = found.data.facts
    if facts is None:
        return "The rows are not kept any more; the digest still names them." if not found.data.stored else ""
    said = []
    if isinstance(positives := facts.get("positives"), int):
        said.append(f"{wording.count(positives)} positive")
    training = facts.get("training")
    if isinstance(training, dict):
        kinds = (("original_rows", "of the first version"), ("traffic_rows", "of traffic"))
        said += [f"{wording.count(training[k])} {words}" for k, words in kinds if isinstance(training.get(k), int)]
        left = [training.get(k) for k in ("quarantined_rows", "suspect_rows_left_out")]
        out = sum(n for n in left if isinstance(n, int))
        said += [f"{wording.count(out)} suspect ones left out"] if out else []
    if until_at := facts.get("trained_until"):
        said.append(f"traffic until {wording.moment(datetime.fromisoformat(str(until_at)))}")
    return ", ".join(said)


def table(found: Lineage) -> list[dict[str, str]]:
    """The same as the graph, with everything: one line a step."""
    run, artifact = found.run, found.artifact
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(run.libraries.items()))
    size = (
        f"{wording.count(artifact.bytes)} bytes in {wording.plural(len(artifact.files), 'file')}"
        if artifact.bytes
        else ""
    )
    lines = [
        ("Data snapshot", found.data.digest, f"{wording.count(found.data.rows)} rows, "
         f"{SOURCES.get(found.data.source, found.data.source)}. {wording.sentence(_made_from(found))}"),
        ("Contract", found.contract_digest, "What the model is about, as it was when this version was trained."),
        ("Run", run.mlflow_run_id or "", f"{vocabulary.words(vocabulary.ALGORITHMS, run.algorithm)}, made "
         f"{wording.moment(run.made_at)} by {run.made_by.partition(':')[2] or run.made_by}. {libraries}"),
        ("Artifact", artifact.digest, f"{wording.sentence(artifact.fault or signature(found))} {size}"),
    ]  # fmt: skip
    if run.asked:
        lines.insert(0, ("Asked", run.action_id or "", run.asked))
    lines += [_vote(vote) for vote in found.votes]
    lines += [_served(one) for one in sorted(found.deployments, key=lambda one: one.generation)]
    return [
        {"step": wording.plain(step), "name": f"`{short}`" if (short := _name(name)) else wording.NOTHING,
         "what": wording.plain(wording.named(what).strip())}
        for step, name, what in lines
    ]  # fmt: skip


def _name(name: str) -> str:
    """Only what looks like an id or a digest is written as one."""
    return name[:12] if name and all(one.isalnum() or one == "-" for one in name) else ""


def _vote(vote: VoteOut) -> tuple[str, str, str]:
    said = f"{vote.person}, {wording.moment(vote.decided_at)}: {wording.sentence(vote.comment)}"
    return (_verb(vote).capitalize(), vote.evidence_digest, f"{said} On the evidence of that digest.")


def _served(one: DeploymentOut) -> tuple[str, str, str]:
    by = one.actor.partition(":")[2] or one.actor
    why = wording.sentence(one.reason)
    return (f"Served, generation {one.generation}", "", f"{wording.moment(one.since)} to {until(one)}, by {by}. {why}")
