"""Whom a prediction is about, as far as anything is kept of it: a keyed hash, the same for one person and model."""

import hashlib
import hmac


def subject_digest(key: bytes, model_name: str, subject: str) -> str:
    """The hash of a subject under this installation's secret key: of another model, or without the key, it says nothing
    and cannot be found by trying names."""
    return hmac.new(
        key, b"steward subject 1\0" + model_name.encode() + b"\0" + subject.encode(), hashlib.sha256
    ).hexdigest()
