"""Every call the dashboard makes, typed, and every way a call can fail, as a sentence."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import ValidationError

from ui import api_types as t
from ui.answers.frame import Frame
from ui.calls.asking import A, Params
from ui.calls.corrections import CorrectionCalls
from ui.calls.govern import GovernCalls
from ui.calls.intake import IntakeCalls
from ui.calls.lineage import LineageCalls
from ui.calls.people import PeopleCalls
from ui.calls.period import PeriodCalls
from ui.calls.questions import QuestionCalls
from ui.calls.runs import RunCalls
from ui.calls.windows import WindowCalls

CONNECT_S = 2.0
READ_S = 10.0
# The bar of a page is asked every ten seconds, and has to say within fifteen that nobody answers.
FRAME_S = 4.0
_TITLES = {
    401: "You are not signed in.",
    403: "You may not do this.",
    404: "This is not here.",
    409: "Things have changed meanwhile.",
    422: "The request was not accepted.",
    429: "Too many requests.",
    503: "The service is not ready.",
}


@dataclass(eq=False)
class ApiError(Exception):
    """A call that did not give the answer asked for. `status` 0 means that the API could not be reached at all."""

    status: int
    code: str
    title: str
    sentence: str
    request_id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    differences: tuple[t.Difference, ...] = ()

    @property
    def signed_out(self) -> bool:
        return self.status == 401

    @property
    def away(self) -> bool:
        """The API, or the database behind it, does not answer."""
        return self.status in {0, 502, 503, 504}

    @property
    def may_pass(self) -> bool:
        """True when asking again later makes sense."""
        return self.away or self.status in {429, 500}

    def __str__(self) -> str:
        return self.sentence


def problem_from(response: httpx.Response) -> ApiError:
    """The problem of an answer that is an error, whether or not it is the API that wrote it."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    errors = body.get("errors")
    fields = {
        str(error.get("field", "")): str(error.get("message", ""))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    }
    sentence = str(body.get("detail") or f"The API answered with status {response.status_code}.")
    if fields:
        sentence += " " + "; ".join(f"{name}: {message}" if name else message for name, message in fields.items())
    return ApiError(
        status=response.status_code,
        code=str(body.get("code") or "unknown"),
        title=_TITLES.get(response.status_code, "Something went wrong."),
        sentence=sentence,
        request_id=str(body.get("request_id") or response.headers.get("x-request-id", "")),
        fields=fields,
        differences=_differences(body.get("differences")),
    )


def _differences(found: object) -> tuple[t.Difference, ...]:
    """What the API says is not as the page showed it."""
    try:
        return tuple(t.Difference.model_validate(one) for one in (found if isinstance(found, list) else []))
    except ValidationError:
        return ()


class ApiClient:
    """The API at one address, asked in the name of one person (or of nobody, to sign in)."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str = "",
        unattended: bool = False,
        transport: httpx.BaseTransport | None = None,
        http: Any = None,
    ) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if unattended:
            self._headers["X-Unattended"] = "1"
        self._http: httpx.Client = http or httpx.Client(
            base_url=base_url,
            transport=transport,
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=20),
            headers={"User-Agent": "steward-ui"},
            trust_env=False,
        )

    def with_token(self, token: str, *, unattended: bool = False) -> "ApiClient":
        """The same connections, in another name. `unattended`: a page asks by itself, which uses no session."""
        return ApiClient(self._base_url, token=token, unattended=unattended, http=self._http)

    def send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: t.Json | None = None,
        wait_s: float = READ_S,
    ) -> httpx.Response:
        """One request. Raises `ApiError` for an answer that is an error, and for none within `wait_s` seconds."""
        timeout = httpx.Timeout(wait_s, connect=CONNECT_S)
        try:
            response = self._http.request(
                method, path, params=params, json=body, headers=self._headers, timeout=timeout
            )
        except httpx.HTTPError as problem:
            slow = isinstance(problem, httpx.TimeoutException) and not isinstance(problem, httpx.ConnectTimeout)
            raise ApiError(
                status=0,
                code="timeout" if slow else "unreachable",
                title="The API does not answer.",
                sentence=f"Waited {wait_s:.0f} s for {self._base_url}." if slow else f"Tried {self._base_url}.",
            ) from problem
        if response.is_error:
            raise problem_from(response)
        return response

    def ask(
        self,
        answer: type[A],
        method: str,
        path: str,
        params: Params | None = None,
        body: Any = None,
        wait_s: float = READ_S,
    ) -> A:
        """The same, read as `answer`; what does not fit it is an `ApiError` too."""
        response = self.send(method, path, params, body, wait_s)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as problem:
            where = ".".join(str(part) for part in problem.errors()[0]["loc"]) or "the whole answer"
            raise ApiError(
                status=502,
                code="unexpected_answer",
                title="The API and this dashboard are of different versions.",
                sentence=f"{method} {path} answered in a form this dashboard does not know (at {where}).",
                request_id=response.headers.get("x-request-id", ""),
            ) from problem

    # ----------------------------------------------------------------------------------------------- by their noun

    @property
    def people(self) -> PeopleCalls:
        """Signing in, one's own sessions, and people."""
        return PeopleCalls(self)

    @property
    def questions(self) -> QuestionCalls:
        """Calls about one action besides the decision on it."""
        return QuestionCalls(self)

    @property
    def windows(self) -> WindowCalls:
        return WindowCalls(self)

    @property
    def intake(self) -> IntakeCalls:
        return IntakeCalls(self)

    @property
    def corrections(self) -> CorrectionCalls:
        return CorrectionCalls(self)

    @property
    def lineage(self) -> LineageCalls:
        return LineageCalls(self)

    @property
    def runs(self) -> RunCalls:
        return RunCalls(self)

    @property
    def period(self) -> PeriodCalls:
        return PeriodCalls(self)

    @property
    def govern(self) -> GovernCalls:
        """The calls of the pages under Govern."""
        return GovernCalls(self)

    # ---------------------------------------------------------------------------------------------------- looking

    def logout(self) -> None:
        self.send("POST", "/auth/logout")

    def me(self) -> t.Me:
        return self.ask(t.Me, "GET", "/auth/me")

    def frame(self, model: str | None) -> Frame:
        """What stands around every page; None: the installation's own model."""
        return self.ask(Frame, "GET", "/frame", {"model": model} if model else None, wait_s=FRAME_S)

    def overview(self, model: str | None = None) -> t.Overview:
        return self.ask(t.Overview, "GET", "/overview", {"model": model} if model else None)

    def model(self, name: str) -> t.ModelDetail:
        return self.ask(t.ModelDetail, "GET", f"/models/{name}")

    def version(self, name: str, number: int) -> t.VersionDetail:
        return self.ask(t.VersionDetail, "GET", f"/models/{name}/versions/{number}")

    def performance(self, model: str, limit: int = 60) -> t.Performance:
        return self.ask(t.Performance, "GET", "/performance", {"model": model, "limit": limit})

    def verification(self, action: t.ActionDetail) -> list[t.MetricPoint]:
        """What was measured after the change while it is being verified; nothing before and after."""
        return self.performance(action.model_name).verification if action.status == "verifying" else []

    def drift(self, model: str, limit: int = 60) -> t.Drift:
        return self.ask(t.Drift, "GET", "/drift", {"model": model, "limit": limit})

    def drift_page(self, window_id: int) -> str:
        """Evidently's HTML page for one window."""
        return self.send("GET", f"/drift/{window_id}/report").text

    def data_quality(self, model: str) -> t.DataQuality:
        return self.ask(t.DataQuality, "GET", "/data-quality", {"model": model})

    def trends(self, model: str, *, hours: int | None = None, before: bool = False, buckets: int = 60) -> t.Trends:
        """`hours` back from now, or the span of the newest predictions; `before`: with the period before that."""
        asked: Params = {"model": model, "buckets": buckets}
        asked |= {"hours": hours} if hours else {}
        asked |= {"compare": "before"} if before else {}
        return self.ask(t.Trends, "GET", "/trends", asked)

    def record(self, model: str, days: int | None = None) -> t.AgentRecord:
        """How often the agent was right; in the last `days`, or since the beginning."""
        wanted: Params = {name: value for name, value in (("model", model), ("days", days)) if value}
        return self.ask(t.AgentRecord, "GET", "/agent/record", wanted)

    def notifications(self) -> t.DeliveryList:
        """Messages that have not arrived: dead letters first, then what waits."""
        return self.ask(t.DeliveryList, "GET", "/notifications")

    # --------------------------------------------------------------------------------------------------- deciding

    def actions(
        self, *, status: str | None = None, model: str | None = None, asked: bool = False, limit: int | None = None
    ) -> t.ActionList:
        """`asked`: only what people are asked about."""
        given = {"status": status, "model": model, "asked": "true" if asked else None, "limit": limit}
        wanted: Params = {name: value for name, value in given.items() if value}
        return self.ask(t.ActionList, "GET", "/actions", wanted)

    def action(self, action_id: str) -> t.ActionDetail:
        return self.ask(t.ActionDetail, "GET", f"/actions/{action_id}")

    def decide(
        self,
        action_id: str,
        *,
        decision: str,
        comment: str,
        evidence_digest: str,
        seen_version: int,
        idempotency_key: str,
        reason_code: str | None = None,
        read_s: float | None = None,
    ) -> t.Receipt:
        """Record a decision on exactly the evidence that was shown. The same key twice is one decision.

        `read_s`: how long that evidence was on the screen.
        """
        body = {
            "decision": decision,
            "comment": comment,
            "evidence_digest": evidence_digest,
            "seen_version": seen_version,
            "idempotency_key": idempotency_key,
            "reason_code": reason_code,
            "read_s": read_s,
        }
        return self.ask(t.Receipt, "POST", f"/actions/{action_id}/decision", body=body)

    def reevaluate(self, action_id: str, *, seen_version: int) -> t.Reevaluated:
        """Have the evidence of an open question gathered again. Twice about the same version is once."""
        body = {"seen_version": seen_version}
        return self.ask(t.Reevaluated, "POST", f"/actions/{action_id}/reevaluate", body=body)

    def acknowledge(self, alert_id: int) -> None:
        self.send("POST", f"/alerts/{alert_id}/acknowledge")

    def resolve(self, alert_id: int, notes: str) -> None:
        self.send("POST", f"/alerts/{alert_id}/resolve", body={"notes": notes})

    def retry_delivery(self, delivery_id: int) -> None:
        self.send("POST", f"/notifications/{delivery_id}/retry")

    def propose_rollback(self, model: str, *, reason: str, version: int | None) -> t.Proposed:
        return self.ask(t.Proposed, "POST", f"/models/{model}/rollback", body={"reason": reason, "version": version})

    def propose_retrain(self, model: str, *, reason: str) -> t.Proposed:
        return self.ask(t.Proposed, "POST", "/retrain", body={"reason": reason, "model": model})

    def set_automation(self, state: str, reason: str) -> t.AutomationOut:
        return self.ask(t.AutomationOut, "POST", "/automation", body={"state": state, "reason": reason})
