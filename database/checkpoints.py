"""Checkpoints: signed words about how far the audit log reached, kept where a superuser of the database cannot write.

Whoever may do anything in the database can cut off the newest events, or write the whole chain anew with hashes that
fit: the chain alone then shows nothing. A checkpoint says "event 80 has this hash, at this time", signed with a key
that is not in the database, so the chain can be held against it. Each one names the one before it; so a line taken out
of the file is noticed too, unless everything after it went as well.

Only thinking here: bytes and reports in, sentences out. `checkpoint_file.py` reads and writes.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from database.queries.audit import ChainReport
from database.signing_keys import key_id

# Signed along with the values, so that no signature made for another purpose can pass for a checkpoint.
_PURPOSE = b"steward audit checkpoint 1\n"
UNSEEN = "a cut end, or a chain that was rewritten whole, would not show"
_Seq = Annotated[int, Field(ge=1)]
_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Checkpoint(BaseModel):
    """Event `seq` had this hash at this time. `after`: the event of the checkpoint before; 0 for the first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: _Seq
    hash: _Hash
    at: AwareDatetime
    after: int = Field(ge=0)

    @property
    def when(self) -> str:
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def signed_bytes(self) -> bytes:
        """What the signature is made over: the values in one fixed form."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        values = {"after": self.after, "at": at, "hash": self.hash, "seq": self.seq}
        return _PURPOSE + json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


class SignedCheckpoint(Checkpoint):
    """One line of the file. `key`: which key signed, to tell a wrong key from an edited line."""

    key: str
    signature: str

    def is_by(self, key: Ed25519PublicKey) -> bool:
        try:
            key.verify(bytes.fromhex(self.signature), self.signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The line of the file, without its end."""
    values = {
        "seq": checkpoint.seq,
        "hash": checkpoint.hash,
        "at": checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "after": checkpoint.after,
        "key": key_id(key.public_key()),
        "signature": key.sign(checkpoint.signed_bytes()).hex(),
    }
    return json.dumps(values, separators=(",", ":"))


def parsed(line: bytes) -> SignedCheckpoint | None:
    """What a line says, believed or not; None when it is no whole line of ours."""
    try:
        return SignedCheckpoint.model_validate_json(line)
    except ValidationError:
        return None


@dataclass(frozen=True)
class CheckpointsRead:
    """What a file of checkpoints says. `notes` harm nothing; `faults` mean that somebody altered the file."""

    checkpoints: tuple[SignedCheckpoint, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_lines(content: bytes, name: str, key: Ed25519PublicKey) -> CheckpointsRead:
    """Check every line of a file. Only checkpoints that the key signed are returned.

    A line that a crash tore was never followed on: its neighbours name each other, or it is the last one.
    """
    good: list[SignedCheckpoint] = []
    faults: list[str] = []
    notes: list[str] = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        found, where = parsed(line), f"{name}, line {number}"
        if found is None:
            end = number == len(lines)
            notes.append(f"{where} is torn, as {'the last line' if end else 'a line'} is after a crash; it is left out")
        elif not found.is_by(key):
            faults.append(f"{where}: {_why_not(found, key)}")
        else:
            if fault := _not_following(found, good):
                faults.append(f"{where}: {fault}")
            elif not good and found.after:
                notes.append(f"{name} begins after the checkpoint of event {found.after}, which stands in another file")
            good.append(found)
    if not good and not faults:
        notes.append(f"{name} holds no checkpoint: {UNSEEN}")
    return CheckpointsRead(tuple(good), tuple(faults), tuple(notes))


def _why_not(found: SignedCheckpoint, key: Ed25519PublicKey) -> str:
    if found.key != key_id(key):
        return f"signed with another key ({found.key}) than the one given ({key_id(key)})"
    return f"the checkpoint of event {found.seq} was edited: its signature does not fit"


def _not_following(found: Checkpoint, good: Sequence[Checkpoint]) -> str:
    if not good or found.after == good[-1].seq:
        return ""
    return (
        f"the checkpoint of event {found.seq} follows one of event {found.after}, and here one of event {good[-1].seq} "
        "stands before it: lines were taken out or moved"
    )


def contradictions(checkpoints: Sequence[Checkpoint], chain: ChainReport) -> Iterator[str]:
    """What was signed and is no longer so, one sentence each. The report knows the hashes at the signed places."""
    reached = [one for one in checkpoints if one.seq <= chain.last]
    beyond = [one for one in checkpoints if one.seq > chain.last]
    same = [one for one in reached if chain.hashes.get(one.seq) == one.hash]
    last_same = max((one.seq for one in same), default=0)
    rewritten = [one for one in reached if one.seq > last_same]
    for one in reached:
        if one.seq < last_same and one not in same:
            yield f"event {one.seq} is {_lost(one, chain)} was signed at {one.when}"
    if rewritten:
        yield _rewritten(rewritten[0], same, chain) + _restored_after(last_same, chain)
    if beyond:
        newest = max(beyond, key=lambda one: one.seq)
        yield (
            f"the end was cut off: the chain ends with event {chain.last}, and event {newest.seq} was signed at "
            f"{newest.when}; at least {newest.seq - chain.last} are missing"
        ) + ("" if rewritten else _restored_after(last_same, chain))


def _restored_after(seq: int, chain: ChainReport) -> str:
    """What the log itself says about it, which explains it to whoever did that, and proves nothing to anybody else."""
    restore = next((one for one in chain.restores if one.seq > seq), None)
    if restore is None:
        return ""
    return (
        f". Event {restore.seq} says that {restore.actor} restored a backup of {restore.made_at[:16]} UTC: if that was "
        "so, what was signed after that time is what the backup did not hold"
    )


def _lost(one: Checkpoint, chain: ChainReport) -> str:
    return "another than what" if one.seq in chain.hashes else "missing, which"


def _rewritten(first: Checkpoint, same: Sequence[Checkpoint], chain: ChainReport) -> str:
    fits = ", though its hashes fit each other" if chain.ok else ""
    what = f"event {first.seq} is {_lost(first, chain)} was signed at {first.when}{fits}"
    if not same:
        return f"the whole chain was rewritten, or its beginning: {what}"
    held = max(same, key=lambda one: one.seq)
    return f"the chain was rewritten after event {held.seq}, which is still as signed at {held.when}: {what}"
