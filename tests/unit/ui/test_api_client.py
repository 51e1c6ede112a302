"""Whatever the API answers, or fails to answer, becomes a typed value or a sentence."""

from collections.abc import Callable

import httpx
import pytest

from tests.dashboard.api import MODEL, RETRAIN, TOKEN, FakeApi
from ui.api_client import ApiClient, ApiError

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> ApiClient:
    return ApiClient("http://api", token=TOKEN, transport=httpx.MockTransport(handler))


def failure(handler: Handler) -> ApiError:
    with pytest.raises(ApiError) as caught:
        client(handler).overview()
    return caught.value


def test_every_page_s_answer_is_read() -> None:
    api = client(FakeApi().handle)
    assert api.me().name == "ada"
    assert api.overview(MODEL).headline.pending == 1
    assert api.model(MODEL).replicas[0].version == 1
    assert api.version(MODEL, 2).metrics["why"]
    assert api.performance(MODEL).windows[-1].labelled_n == 38
    assert api.drift(MODEL).reports[-1].html
    assert "Drift report" in api.drift_page(5)
    assert api.data_quality(MODEL).checks
    assert api.trends(MODEL).buckets
    assert len(api.actions(model=MODEL).actions) == 2
    assert api.action(RETRAIN).evidence is not None


def test_a_problem_of_the_api_becomes_its_sentence_with_the_fields() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        body = {"status": 422, "code": "invalid", "detail": "Not accepted.", "request_id": "r-7",
                "errors": [{"field": "reason", "message": "is too short"}]}  # fmt: skip
        return httpx.Response(422, json=body)

    problem = failure(refuse)
    assert (problem.status, problem.code, problem.request_id) == (422, "invalid", "r-7")
    assert problem.sentence == "Not accepted. reason: is too short"
    assert problem.fields == {"reason": "is too short"}
    assert not problem.may_pass


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[]", b'{"errors": 3}', b""])
def test_an_error_that_the_api_did_not_write_is_still_a_sentence(body: bytes) -> None:
    problem = failure(lambda _: httpx.Response(502, content=body))
    assert problem.away
    assert "502" in problem.sentence


def test_nothing_listening_is_told_with_the_address_that_was_tried() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    problem = failure(refuse)
    assert (problem.status, problem.code, problem.away) == (0, "unreachable", True)
    assert "http://api" in problem.sentence


def test_an_answer_that_takes_too_long_is_told_apart_from_nobody_there() -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    assert failure(hang).code == "timeout"


@pytest.mark.parametrize("body", [b"{}", b"null", b"not json", b'{"headline": {"pending": "many"}}'])
def test_an_answer_of_another_form_names_the_place_instead_of_crashing(body: bytes) -> None:
    problem = failure(lambda _: httpx.Response(200, content=body))
    assert problem.code == "unexpected_answer"
    assert "GET /overview" in problem.sentence


def test_a_field_the_api_adds_later_does_no_harm() -> None:
    fake = FakeApi()

    def newer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=fake.handle(request).json() | {"brand_new": 1})

    assert client(newer).overview().headline.pending == 1


def test_a_call_in_another_name_leaves_the_first_client_as_it_is() -> None:
    names: list[str] = []

    def listen(request: httpx.Request) -> httpx.Response:
        names.append(request.headers.get("authorization", ""))
        return FakeApi().handle(request)

    first = client(listen)
    with pytest.raises(ApiError) as caught:
        first.with_token("other").me()
    assert caught.value.signed_out
    first.me()
    assert names == ["Bearer other", f"Bearer {TOKEN}"]


def test_a_decision_names_what_was_seen_and_the_same_key_twice_is_one_decision() -> None:
    fake = FakeApi()
    api = client(fake.handle)
    seen = api.action(RETRAIN)
    for _ in range(3):
        receipt = api.decide(
            RETRAIN,
            decision="approve",
            comment="",
            evidence_digest=seen.evidence_digest or "",
            seen_version=seen.version,
            idempotency_key="one-and-the-same",
        )
    assert receipt.decision == "approve"
    assert len(fake.decisions) == 1
    assert fake.decisions[0]["seen_version"] == 3
