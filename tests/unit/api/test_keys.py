"""API keys: their shape, their table, and what a stranger learns from an answer."""

import contextlib
import hmac
import os
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest

from api.errors import RefusalError
from api.keys import KeyTable, KnownKey
from database.enums import Scope
from database.queries import api_keys
from database.queries.api_keys import digest, parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HASH_KEY = b"pepper"
SECRET = "s" * 43


def _plaintext(key_id: str = "abcdefgh", secret: str = SECRET) -> str:
    body = f"stw_dev_{key_id}_{secret}"
    return f"{body}_{api_keys._checksum(body)}"


def _table(*, current: bool = True, expires: timedelta = timedelta(days=1)) -> KeyTable:
    table = KeyTable(HASH_KEY, lambda: current)
    scopes = frozenset({Scope.PREDICT.value})
    table.replace([KnownKey("abcdefgh", digest(HASH_KEY, SECRET), scopes, frozenset({"toy"}), NOW + expires)])
    return table


def _refusal(table: KeyTable, plaintext: str | None, scope: Scope = Scope.PREDICT) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        table.check(plaintext, scope, NOW)
    return caught.value


def test_a_known_key_is_its_client_and_may_use_its_models_only() -> None:
    client = _table().check(_plaintext(), Scope.PREDICT, NOW)
    assert client.key_id == "abcdefgh"
    assert (client.may_use("toy"), client.may_use("other")) == (True, False)


def test_unknown_wrong_malformed_and_expired_look_the_same() -> None:
    answers = [
        _refusal(_table(), _plaintext(key_id="zzzzzzzz")),
        _refusal(_table(), _plaintext(secret="t" * 43)),
        _refusal(_table(), "stw_dev_abcdefgh"),
        _refusal(_table(), "x" * 5000),
        _refusal(_table(expires=timedelta(0)), _plaintext()),
    ]
    assert {(one.status, one.code, one.detail) for one in answers} == {
        (401, "unauthenticated", "This API key is not valid.")
    }


def test_an_unknown_key_costs_the_same_work_as_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """One keyed hash and one comparison of equal lengths, whether anybody has that id or not."""
    hashed: list[str] = []
    compared: list[tuple[int, int]] = []

    def noted(key: bytes, secret: str) -> str:
        hashed.append(secret)
        return digest(key, secret)

    monkeypatch.setattr("api.keys.digest", noted)
    monkeypatch.setattr("api.keys.hmac", _Comparing(compared))
    for plaintext in (_plaintext(key_id="zzzzzzzz"), _plaintext(secret="t" * 43)):
        _refusal(_table(), plaintext)
    assert len(hashed) == 2
    assert compared == [(64, 64)] * 2


class _Comparing:
    def __init__(self, seen: list[tuple[int, int]]) -> None:
        self._seen = seen

    def compare_digest(self, ours: str, theirs: str) -> bool:
        self._seen.append((len(ours), len(theirs)))
        return hmac.compare_digest(ours, theirs)


@pytest.mark.skipif("STEWARD_FUZZ_EXAMPLES" not in os.environ, reason="a measurement: `make fuzz`")
def test_the_time_of_an_answer_does_not_tell_whether_a_key_exists() -> None:
    table = _table()
    kinds = {"unknown": _plaintext(key_id="zzzzzzzz"), "wrong": _plaintext(secret="t" * 43)}
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(2000):
        for kind, plaintext in kinds.items():
            began = time.perf_counter()
            with contextlib.suppress(RefusalError):
                table.check(plaintext, Scope.PREDICT, NOW)
            seconds[kind].append(time.perf_counter() - began)
    ratio = median(seconds["unknown"]) / median(seconds["wrong"])
    assert 0.8 <= ratio <= 1.25, f"unknown/wrong: {ratio:.3f}"


def test_a_key_that_was_used_is_refused_as_soon_as_it_is_revoked_or_its_time_is_over() -> None:
    table = _table()
    assert table.check(_plaintext(), Scope.PREDICT, NOW).key_id == "abcdefgh"
    with pytest.raises(RefusalError, match="not valid"):
        table.check(_plaintext(), Scope.PREDICT, NOW + timedelta(days=1))
    table.replace([])
    assert _refusal(table, _plaintext()).status == 401


def test_a_key_without_the_scope_is_403() -> None:
    assert _refusal(_table(), _plaintext(), Scope.LABELS).status == 403


def test_while_the_table_may_be_old_a_known_key_works_and_an_unknown_one_is_503() -> None:
    table = _table(current=False)
    assert table.check(_plaintext(), Scope.PREDICT, NOW).key_id == "abcdefgh"
    assert _refusal(table, _plaintext(key_id="zzzzzzzz")).status == 503
    assert _refusal(table, _plaintext(secret="t" * 43)).status == 401


def test_a_mistyped_key_is_seen_from_its_checksum() -> None:
    good = _plaintext()
    assert parse(good) is not None
    for at in range(len(good)):
        other = "b" if good[at] != "b" else "c"
        assert parse(good[:at] + other + good[at + 1 :]) is None
    assert parse(good + "\n") is None


def test_uses_are_noted_once_and_given_back_when_they_could_not_be_stored() -> None:
    table = _table()
    table.check(_plaintext(), Scope.PREDICT, NOW)
    used = table.take_used()
    assert used == {"abcdefgh": NOW}
    assert table.take_used() == {}
    table.give_back(used)
    assert table.take_used() == used
