"""Words that break other systems, in the place of every name and number; and what of a secret is left behind."""

import io
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from config.logging_config import configure_logging
from tests.authorization import cells
from tests.integration.api.conftest import PASSWORD, Api, Installation, wait_until
from tests.integration.api.test_dashboard_routes import found
from tests.serving_factories import EXAMPLE, HASH_KEY

__all__ = ["found"]

WORDS = (
    "' OR '1'='1", "1; DROP TABLE predictions; --", "1) UNION SELECT secret_digest FROM api_keys --",
    "$$; SELECT pg_sleep(10); $$", "%27%20OR%201=1", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd",
    "....//....//etc/passwd", "..\\..\\windows\\win.ini", "file:///etc/passwd", "models:/x#../../etc",
    "\\\\host\\share", "$(touch /tmp/steward-was-here)", "`id`", "| id", "a\r\nX-Injected: yes", "\x00", "\ud7ff\u202e",
    "{{7*7}}", "<script>alert(1)</script>", "-1", "0", "9" * 400, "1e9", "NaN", "A" * 4000,
)  # fmt: skip
_PATHS = sorted({(cell.method, cell.path) for cell in cells() if cell.path != "/auth/logout"})
_QUERIES = ("model", "limit", "status", "hours", "days", "verify", "before", "offset", "n")


@pytest.mark.usefixtures("found")
def test_no_word_reaches_the_database_the_disk_or_a_shell_and_the_metrics_stay_small(
    api: Api, installed: Installation
) -> None:
    headers = api.sign_in("approver") | {"X-API-Key": installed.keys.everything}
    others = [api.sign_in("admin"), api.sign_in("operator")]
    before = installed.rows("SELECT count(*) FROM predictions")[0][0]
    for word in WORDS:
        for method, path in _PATHS:
            if "{" in path:
                place = re.sub(r"{\w+}", quote(word, safe=""), path)
                answer = api.request(method, place, headers=headers)
                for other in others:  # what an approver may not, somebody else may
                    if answer.status_code == 403:
                        answer = api.request(method, place, headers=other)
                assert answer.status_code in (404, 405, 409, 422), (method, path, word, answer.status_code)
                assert "x-injected" not in answer.headers
        for path in ("/actions", "/alerts", "/performance", "/trends", "/audit", "/notifications", "/agent/record"):
            answer = api.get(path, params=dict.fromkeys(_QUERIES, word[:500]), headers=headers)
            assert answer.status_code in (200, 404, 422), (path, word, answer.text)
            assert "root:" not in answer.text
        api.request(re.sub(r"[^A-Z]", "X", word.upper())[:20] or "X", f"/{quote(word, safe='')}", headers=headers)
    assert installed.rows("SELECT count(*) FROM predictions")[0][0] == before
    assert not Path("/tmp/steward-was-here").exists()
    text = api.get("/metrics").text
    series = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(series) <= 2000
    assert not [word for word in ("DROP", "passwd", "<script", "AAAA", "touch") if word in text]


def test_no_secret_is_left_in_the_log_the_spool_or_the_audit_log_whatever_goes_wrong(
    api: Api, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to fail with a secret in hand: refused, unknown, malformed, and an error nobody foresaw."""
    log = io.StringIO()
    monkeypatch.setattr("sys.stderr", log)
    configure_logging("api", level="DEBUG")
    canary = "canary0123456789canary0123456789canary01234"
    token = api.sign_in("approver")["Authorization"].removeprefix("Bearer ")
    key = installed.keys.everything
    wrong_key = key[:-1] + ("a" if key[-1] != "a" else "b")
    for sent in (canary, f"stw_dev_{canary}", wrong_key, f"{key} {canary}"):
        assert api.post("/predict", json=EXAMPLE, headers={"X-API-Key": sent}).status_code == 401
        assert api.get("/overview", headers={"Authorization": f"Bearer {sent}"}).status_code == 401
        assert api.get("/overview", headers={"Authorization": f"Basic {sent}"}).status_code == 401
    for name, password in (("approver", canary), (canary[:40], PASSWORD), ("nobody", canary)):
        assert api.post("/auth/login", json={"name": name, "password": password}).status_code == 401
    assert api.post("/auth/login", json={"name": "x", "password": {"deep": canary}}).status_code == 422
    assert api.post("/auth/login", content=f'{{"password": "{canary}"'.encode()).status_code == 422
    bad = EXAMPLE | {"age": canary}
    answers = [api.predict(key, bad), api.post("/labels", json={"actual": canary}, headers={"X-API-Key": key})]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert api.predict(key).status_code == 200
    assert (
        api.post(
            "/predict", json=EXAMPLE, headers={"X-API-Key": key, "Idempotency-Key": f"{canary} {canary}"}
        ).status_code
        == 422
    )

    def broken(*_: object, **__: object) -> None:
        hidden = canary
        raise ZeroDivisionError(f"something of {len(hidden)}")

    with monkeypatch.context() as patched:
        patched.setattr(type(api.runtime), "reading", broken)
        answers.append(api.get("/overview", headers={"Authorization": f"Bearer {token}"}))
        assert answers[-1].status_code == 500
    wait_until(lambda: bool(installed.rows("SELECT 1 FROM predictions")), 5)
    left = "".join(answer.text for answer in answers) + log.getvalue()
    left += str(installed.rows("SELECT * FROM audit_log")) + str(installed.rows("SELECT * FROM predictions"))
    home = installed.settings.platform.home
    for path in home.rglob("*"):
        if path.is_file() and path.name != "secret.key":
            left += path.read_bytes().decode("latin-1")
    assert "ZeroDivisionError" in log.getvalue()
    assert "api.login.refused" in log.getvalue()
    for secret in (canary, token, key, key.split("_")[3], PASSWORD, HASH_KEY):
        at = left.find(secret)
        assert at < 0, left[max(0, at - 300) : at + 100]
