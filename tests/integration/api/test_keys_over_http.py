"""An administrator makes, rotates and revokes keys; a secret is seen once and stands nowhere else."""

from typing import Any

import pytest

from tests.integration.api.conftest import Api, Installation, wait_until


def made(api: Api, headers: dict[str, str], **body: Any) -> dict[str, Any]:
    answer = api.post("/keys", json={"name": "a program", "scopes": ["predict:write"], **body}, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def works(api: Api, key: str) -> bool:
    return api.predict(key).status_code == 200


def test_a_key_works_from_its_making_to_its_end_and_its_secret_is_kept_nowhere(
    api: Api, installed: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    admin = api.sign_in("admin")
    one = made(api, admin, models=["heart_disease"], rows_per_day=7, days=3, owner="operator")
    wait_until(lambda: works(api, one["secret"]), 5)
    answer = api.post(f"/keys/{one['key']['key_id']}/rotate", json={"overlap_days": 0}, headers=admin)
    assert answer.status_code == 201
    two = answer.json()
    same = ("name", "scopes", "models", "rows_per_day", "owner")
    assert [two["key"][name] for name in same] == [one["key"][name] for name in same]
    wait_until(lambda: works(api, two["secret"]) and not works(api, one["secret"]), 5)
    revoked = api.post(f"/keys/{two['key']['key_id']}/revoke", headers=admin)
    assert revoked.json()["ended"] == "revoked"
    wait_until(lambda: not works(api, two["secret"]), 5)
    assert api.post(f"/keys/{two['key']['key_id']}/revoke", headers=admin).json() == revoked.json()
    verbs = "SELECT verb FROM audit_log WHERE object_type = 'api_key' AND actor = 'admin' ORDER BY seq"
    assert [row[0] for row in installed.rows(verbs)] == ["key.created", "key.created", "key.rotated", "key.revoked"]
    kept = str(installed.rows("SELECT k::text FROM api_keys k UNION ALL SELECT a::text FROM audit_log a"))
    listed = api.get("/keys", headers=admin)
    said = capfd.readouterr()
    for secret in (one["secret"], two["secret"]):
        for part in (secret, secret.split("_")[3]):
            assert part not in kept + listed.text + said.out + said.err
    ends = {key["key_id"]: key["ended"] for key in listed.json()["keys"]}
    assert (ends[one["key"]["key_id"]], ends[two["key"]["key_id"]]) == ("expired", "revoked")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"models": ["nothing"]}, 404), ({"models": []}, 422), ({"scopes": []}, 422), ({"scopes": ["all"]}, 422),
        ({"name": " "}, 422), ({"days": 731}, 422), ({"days": 0}, 422), ({"rows_per_day": -1}, 422),
        ({"scopes": ["actions:propose"]}, 422), ({"owner": "nobody"}, 404), ({"secret_digest": "0"}, 422),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_is_not_made(api: Api, installed: Installation, body: dict[str, Any], status: int) -> None:
    before = installed.rows("SELECT count(*) FROM api_keys")
    asked = {"name": "a program", "scopes": ["predict:write"]} | body
    assert api.post("/keys", json=asked, headers=api.sign_in("admin")).status_code == status
    assert installed.rows("SELECT count(*) FROM api_keys") == before


def test_what_has_ended_is_not_rotated_and_what_is_not_there_is_not_found(api: Api) -> None:
    admin = api.sign_in("admin")
    key_id = made(api, admin)["key"]["key_id"]
    api.post(f"/keys/{key_id}/revoke", headers=admin)
    assert api.post(f"/keys/{key_id}/rotate", json={}, headers=admin).status_code == 422
    for verb in ("rotate", "revoke"):
        assert api.post(f"/keys/nobodys2/{verb}", json={}, headers=admin).status_code == 404
        assert api.post(f"/keys/..%2Fkeys/{verb}", json={}, headers=admin).status_code in (404, 422)
