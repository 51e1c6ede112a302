"""Who vouches for an artifact: a signature over its digest, by a key that neither the database nor what serves holds.

A digest says that files are what a row of the database names. Whoever may write that row and the directory could name
files of their own; they cannot sign them. The digest covers the kind, the facts and every file, so it is all that is
signed. Beside the manifest lies one line a key, so that the key can be changed while old and new ones are in use.

Only thinking here: bytes in, sentences out. `artifact_store.py` and `artifact_keys.py` read and write.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from database.signing_keys import key_id

# What answers clients must be vouched for; data and reports are only ever read by those who made them.
SIGNED_KINDS = frozenset({"serving_artifact"})
# Signed along with the digest, so that no signature made for another purpose can pass for this one.
_PURPOSE = b"steward artifact 1\n"


class _Signature(BaseModel):
    """One line of the file. `key`: which key signed, to tell an unknown key from an edited line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(pattern="^[0-9a-f]{16}$")
    signature: str = Field(pattern="^[0-9a-f]{128}$")


def signature_line(digest: str, key: Ed25519PrivateKey) -> bytes:
    """What this key says of that artifact. The same every time."""
    signed = _Signature(key=key_id(key.public_key()), signature=key.sign(_PURPOSE + digest.encode()).hex())
    return signed.model_dump_json().encode() + b"\n"


def _signatures(content: bytes) -> Iterator[_Signature]:
    for line in content.splitlines():
        try:
            yield _Signature.model_validate_json(line)
        except ValidationError:
            continue


@dataclass(frozen=True)
class Trust:
    """The keys that are believed, by their short names, and whether an artifact nobody signed is."""

    keys: Mapping[str, Ed25519PublicKey]
    unsigned: bool

    def fault(self, digest: str, content: bytes | None) -> str | None:
        """Why the signatures of an artifact do not vouch for it; None when they do. `content`: None without a file."""
        if content is None:
            return None if self.unsigned else "nobody signed it, and what nobody signed is refused here"
        signed = list(_signatures(content))
        known = [one for one in signed if one.key in self.keys]
        if any(self._holds(digest, one) for one in known):
            return None
        if known:
            return f"the signature of key {known[0].key} does not fit: it was made for something else, or edited"
        by = ", ".join(one.key for one in signed) or "nobody"
        return f"it is signed by {by}, and trusted here is {', '.join(sorted(self.keys)) or 'nobody'}"

    def signers(self, digest: str, content: bytes | None) -> tuple[str, ...]:
        """The short names of the trusted keys whose signature of this artifact holds."""
        signed = _signatures(content or b"")
        return tuple(sorted({one.key for one in signed if one.key in self.keys and self._holds(digest, one)}))

    def _holds(self, digest: str, one: _Signature) -> bool:
        try:
            self.keys[one.key].verify(bytes.fromhex(one.signature), _PURPOSE + digest.encode())
        except InvalidSignature:
            return False
        return True
