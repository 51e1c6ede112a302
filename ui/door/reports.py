"""Evidently's own page, served to a frame that may run its scripts and reach nothing: no cookie, no API, no network."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from ui.api_client import ApiClient, ApiError
from ui.session import COOKIE, REPORT

POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)


class Reports:
    """One route, asked for by the frame on the drift page with the person's own cookie."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @property
    def routes(self) -> list[Route]:
        return [Route(f"{REPORT}/{{window:int}}", self.drift, methods=["GET"])]

    async def drift(self, request: Request) -> Response:
        client = self._client.with_token(request.cookies.get(COOKIE, ""))
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        try:
            body = await run_in_threadpool(client.drift_page, request.path_params["window"])
        except ApiError as problem:
            says = f"{problem.title} {problem.sentence}\n"
            return PlainTextResponse(says, status_code=problem.status or 503, headers=headers)
        return HTMLResponse(body, headers=headers)
