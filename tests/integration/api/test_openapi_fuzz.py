"""The whole OpenAPI document against a real API with data: each operation with what the document allows and with what
it forbids, by programs and by people of each role. `make fuzz` does the same for longer.

Schemathesis judges: no 5xx, nothing answered that the document does not say, nothing forbidden that is accepted,
nothing allowed that is refused, and no operation that answers without the key or the session it asks for.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.api.conftest import Api, Installation
from tests.integration.api.test_dashboard_routes import found

__all__ = ["found"]

# Cases of an operation and phase; unset, a look that fits into the suite.
EXAMPLES = int(os.environ.get("STEWARD_FUZZ_EXAMPLES", "0"))
SEED = os.environ.get("STEWARD_FUZZ_SEED", "1")
ROLES = ("viewer", "operator", "approver", "admin") if EXAMPLES else ("approver",)
_PAGE = """
base-url = "{url}"
continue-on-failure = true
seed = {seed}

[auth.openapi.ApiKey]
api_key = "{key}"

[auth.openapi.Session]
bearer = "{token}"

# Guessing passwords is slowed down, and so is this.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 429]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429]

# Which words a label may be is known by the models' contracts, and what lies in the future by the clock.
[[operations]]
include-path-regex = "^/(labels|feedback)"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 413, 422]
"""


def fuzzed(url: str, page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(page), "run", f"{url}/openapi.json",
        "--checks", "all", "--workers", "1", "--no-color", *arguments,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=page.parent)


@pytest.mark.timeout(0 if EXAMPLES else 60)
@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("role", ROLES)
def test_every_operation_keeps_to_its_document(api: Api, installed: Installation, tmp_path: Path, role: str) -> None:
    url = str(api.base_url).rstrip("/")
    token = api.sign_in(role)["Authorization"].removeprefix("Bearer ")
    page = tmp_path / "schemathesis.toml"
    page.write_text(_PAGE.format(url=url, seed=SEED, key=installed.keys.everything, token=token))
    length = ("--max-examples", str(EXAMPLES)) if EXAMPLES else ("--max-examples", "1", "--phases", "examples,fuzzing")
    done = fuzzed(url, page, *length, "--exclude-path", "/auth/logout")
    assert done.returncode == 0, done.stdout[done.stdout.find("= FAILURES =") :] + done.stderr[-2000:]
