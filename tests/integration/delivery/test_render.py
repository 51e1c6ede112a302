"""The client of Render's API against a stand-in that starts real processes."""

import sys
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from scripts.delivery.render import HostingError, Patience, Render, _deploy
from scripts.proofs.hosting.server import FINE, KEY, LOST, Hosting
from scripts.proofs.hosting.services import Image, Service

NAME = "ghcr.io/example/steward-agent"
LIVES = Image(lambda _port: [sys.executable, "-c", "import time; time.sleep(60)"])
DIES = Image(lambda _port: [sys.executable, "-c", "raise SystemExit(1)"])
IMAGES = {f"{NAME}:1": LIVES, f"{NAME}:2": LIVES, f"{NAME}:dies": DIES}
DEADLINE = float("inf")


@pytest.fixture
def hosting() -> Iterator[Hosting]:
    with Hosting(IMAGES, within_s=5) as found:
        yield found


@pytest.fixture
def service(hosting: Hosting) -> Service:
    return hosting.add("agent", health_path=None)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def render(hosting: Hosting, pauses: list[float]) -> Iterator[Render]:
    """Pauses are remembered; the processes behind the stand-in get a moment of real time."""

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(0.02)

    client = Render(SecretStr(KEY), hosting.url, Patience(tries=4, first_pause_s=1.0, poll_s=0.5, sleep=sleep))
    yield client
    client.close()


def deployed(render: Render, service: Service, image: str) -> str:
    return render.wait(service.id, render.start(service.id, image), DEADLINE).status


def test_a_new_image_takes_over_and_the_old_one_is_told_from_it(render: Render, service: Service) -> None:
    assert deployed(render, service, f"{NAME}:1") == "live"
    assert deployed(render, service, f"{NAME}:2") == "live"
    assert [(one.image, one.status) for one in render.deploys(service.id)] == [
        (f"{NAME}:2", "live"),
        (f"{NAME}:1", "deactivated"),
    ]
    back = render.roll_back(service.id, render.deploys(service.id)[1])
    assert render.wait(service.id, back, DEADLINE).status == "live"
    assert render.deploys(service.id)[0].image == f"{NAME}:1"


def test_an_image_that_dies_leaves_the_old_one_serving(render: Render, service: Service) -> None:
    deployed(render, service, f"{NAME}:1")
    assert deployed(render, service, f"{NAME}:dies") == "update_failed"
    assert deployed(render, service, f"{NAME}:unknown") == "build_failed"
    assert service.live is not None
    assert service.live.image == f"{NAME}:1"


def test_what_passes_is_tried_again_with_growing_pauses(
    hosting: Hosting, render: Render, service: Service, pauses: list[float]
) -> None:
    hosting.bad_days.extend([500, 429, 503])
    assert render.deploys(service.id) == []
    assert pauses == [1.0, 2.0, 4.0]


def test_what_does_not_pass_is_told_and_not_repeated(hosting: Hosting, render: Render, service: Service) -> None:
    hosting.bad_days.extend([503] * 4)
    with pytest.raises(
        HostingError, match=r"/services/srv-agent/deploys: .* answered 503 \(try again later\), 4 times"
    ):
        render.deploys(service.id)
    render.start(service.id, f"{NAME}:1")
    asked = len(hosting.asked)
    with pytest.raises(HostingError, match="must match the service's"):
        render.start(service.id, "ghcr.io/another/name:1")
    assert [method for method, _ in hosting.asked[asked:]].count("POST") == 1


def test_a_deploy_whose_answer_got_lost_is_found_and_not_made_twice(
    hosting: Hosting, render: Render, service: Service
) -> None:
    hosting.bad_days.extend([FINE, LOST])  # the list is read first
    made = render.start(service.id, f"{NAME}:1")
    assert [one.id for one in service.deploys] == [made.id]


def test_a_wrong_key_is_told_and_stands_nowhere(hosting: Hosting, service: Service) -> None:
    render = Render(SecretStr("rnd_wrong-key"), hosting.url, Patience(tries=2, sleep=lambda _: None))
    with pytest.raises(HostingError) as told:
        render.service(service.id)
    assert "answered 401 (Unauthorized)" in str(told.value)
    assert "rnd_wrong-key" not in repr(told.value) + repr(vars(render))
    render.close()


def test_the_key_never_goes_over_a_line_that_others_can_read() -> None:
    with pytest.raises(HostingError, match="https only"):
        Render(SecretStr(KEY), "http://api.render.example/v1")


@pytest.mark.parametrize(
    ("ref", "sha", "image", "same"),
    [
        ("docker.io/you/api@sha256:aa", None, "docker.io/you/api@sha256:aa", True),
        ("you/api@sha256:aa", None, "docker.io/you/api@sha256:aa", True),
        ("you/api:main", "sha256:aa", "docker.io/you/api@sha256:aa", True),
        ("you/api:main", "aa", "docker.io/you/api@sha256:aa", True),
        ("you/api:main", "sha256:bb", "docker.io/you/api@sha256:aa", False),
        ("you/api:main", None, "you/api:next", False),
        (None, None, "you/api:next", False),
    ],
)
def test_an_image_is_known_by_its_digest_however_its_registry_is_written(
    ref: str | None, sha: str | None, image: str, same: bool
) -> None:
    assert _deploy({"id": "dep-1", "status": "live", "image": {"ref": ref, "sha": sha}}).is_of(image) is same


@pytest.mark.parametrize("answer", [None, [], {"status": "live"}, {"id": "dep-1", "image": "a text"}])
def test_an_answer_that_is_no_deploy_is_an_error_that_a_deployment_survives(answer: object) -> None:
    with pytest.raises(HostingError, match="no deploy"):
        _deploy(answer)
