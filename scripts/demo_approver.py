"""The scripted second person of the headless demo: signs in and decides over HTTP, as anybody must."""

from uuid import UUID, uuid4

import httpx

from scripts.plain_speech import CommandFailedError


def approve(base_url: str, name: str, password: str, action_id: UUID) -> None:
    """Read the decision page and approve exactly what it shows. Raises `CommandFailedError` with the API's answer."""
    with httpx.Client(base_url=base_url, timeout=15.0) as http:
        login = _ok(http.post("/auth/login", json={"name": name, "password": password}))
        http.headers["Authorization"] = f"Bearer {login['token']}"
        page = _ok(http.get(f"/actions/{action_id}"))
        _ok(
            http.post(
                f"/actions/{action_id}/decision",
                json={
                    "decision": "approve",
                    "comment": "The loss is measured, the faulty rows are kept out, and the change is watched.",
                    "evidence_digest": page["evidence_digest"],
                    "seen_version": page["version"],
                    "idempotency_key": str(uuid4()),
                },
            )
        )


def _ok(response: httpx.Response) -> dict[str, object]:
    if response.is_error:
        raise CommandFailedError(f"{response.request.url.path} answered {response.status_code}: {response.text[:400]}")
    answer: dict[str, object] = response.json()
    return answer
