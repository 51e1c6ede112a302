"""Where the keys of artifacts lie, and the stores that use them: whoever trains signs, whoever serves only verifies.

The private key is made when the first version is; its public half is put among the trusted ones, a directory with a
file for each key that is believed. Keys are read when something is read, so a change needs no restart.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.settings import Settings
from database.artifact_signature import Trust
from database.artifact_store import ArtifactStore
from database.signing_keys import key_id, private_key, public_key, publish


def trust_of(settings: Settings) -> Trust:
    """Whose signatures count now. Raises `InvalidError` for a trusted file that holds no key."""
    files = sorted(settings.artifact_trusted_dir.glob("*.pub"))
    keys = [public_key(path) for path in files]
    return Trust({key_id(key): key for key in keys}, settings.serves_unsigned_artifacts)


def store_of(settings: Settings) -> ArtifactStore:
    """For whoever reads: what answers clients must be signed by a trusted key."""
    return ArtifactStore(settings.artifacts_dir, trust=lambda: trust_of(settings))


def signing_store_of(settings: Settings) -> ArtifactStore:
    """For whoever trains: what is stored is signed as well."""
    return ArtifactStore(
        settings.artifacts_dir, trust=lambda: trust_of(settings), signer=lambda: artifact_signer(settings)
    )


def artifact_signer(settings: Settings) -> Ed25519PrivateKey:
    """The key that signs, made once, its public half among the trusted ones."""
    key = private_key(settings.artifact_key_file)
    publish(key, settings.artifact_trusted_dir / f"{key_id(key.public_key())}.pub")
    return key


def retire_signer(settings: Settings) -> Path | None:
    """Put the private key aside, so that the next signature makes a new one; None when there is none.

    Its public half stays trusted until somebody takes the file away.
    """
    path = settings.artifact_key_file
    if not path.exists():
        return None
    aside = path.with_name(f"{path.name}.retired-{key_id(private_key(path).public_key())}")
    path.rename(aside)
    return aside
