"""To the identity provider and back. This side only sends the browser on and hands over what it brings: the API asks
the provider, verifies what it says, and decides who is let in."""

import base64
import binascii

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ui.api_client import ApiClient, ApiError
from ui.door import door_pages as pages
from ui.door.forms import NO_STORE, Door, let_in
from ui.door.visitors import is_https, local_path, seen_from
from ui.session import CALLBACK, COOKIE, PROVIDER

VISIT = "steward_visit"
LONGEST_NEXT = 1500


def packed(visit: str, next_path: str) -> str:
    """What the browser keeps while it is away: the secret of its visit, and where its person wants to go."""
    way = base64.urlsafe_b64encode(next_path[:LONGEST_NEXT].encode()).decode().rstrip("=")
    return f"{visit}.{way}"


def unpacked(kept: str | None) -> tuple[str, str]:
    visit, _, way = (kept or "").partition(".")
    try:
        next_path = base64.urlsafe_b64decode(way + "=" * (-len(way) % 4)).decode()
    except (binascii.Error, ValueError):
        next_path = "/"
    return visit, local_path(next_path)


class ProviderDoor:
    """Two routes: off to the provider, and back from it."""

    def __init__(self, client: ApiClient, door: Door, public_url: str | None) -> None:
        self._client, self._door, self._public_url = client, door, public_url

    @property
    def routes(self) -> list[Route]:
        return [Route(PROVIDER, self.leave, methods=["GET"]), Route(CALLBACK, self.back, methods=["GET"])]

    def _callback(self, request: Request) -> str:
        """This page's own address, as the provider has to know it."""
        if self._public_url:
            return self._public_url.rstrip("/") + CALLBACK
        return f"{'https' if is_https(request) else 'http'}://{request.headers.get('host', '')}{CALLBACK}"

    async def leave(self, request: Request) -> Response:
        """With `again`, whoever is signed in shows once more who they are, and comes back to where they were."""
        next_path = local_path(request.query_params.get("next"))
        token, again = request.cookies.get(COOKIE), "again" in request.query_params
        client = self._client.with_token(token) if again and token else self._client
        if again and not token:
            return await self._door.shown(next_path, problem="Sign in first.", status=401)
        try:
            begun = await run_in_threadpool(client.people.to_provider, self._callback(request), again)
        except ApiError as problem:
            return await self._door.shown(next_path, problem=problem.sentence, status=problem.status or 503)
        response = RedirectResponse(
            begun.address, status_code=303, headers=NO_STORE | {"Referrer-Policy": "no-referrer"}
        )
        response.set_cookie(
            VISIT,
            packed(begun.visit, next_path),
            max_age=begun.lasts_s,
            path=CALLBACK,
            httponly=True,
            samesite="lax",
            secure=is_https(request),
        )
        return response

    async def back(self, request: Request) -> Response:
        visit, next_path = unpacked(request.cookies.get(VISIT))
        brought = request.query_params
        response = await self._answer(request, visit, next_path, brought.get("state", ""), brought.get("code", ""))
        response.delete_cookie(VISIT, path=CALLBACK)
        return response

    async def _answer(self, request: Request, visit: str, next_path: str, state: str, code: str) -> Response:
        if not code or not visit:
            refused = request.query_params.get("error") == "access_denied"
            says = (
                "The identity provider did not let you through."
                if refused
                else "The identity provider sent nothing that could be used, or it took too long. Try again from here."
            )
            return await self._door.shown(next_path, problem=says, status=401)
        try:
            done = await run_in_threadpool(
                self._client.people.from_provider,
                visit=visit,
                state=state,
                code=code,
                issuer=request.query_params.get("iss"),
                seen_from=seen_from(request),
            )
        except ApiError as problem:
            if request.cookies.get(COOKIE):
                return pages.message(
                    "It was not confirmed", problem.sentence, href=next_path, label="Back", status=problem.status or 503
                )
            return await self._door.shown(next_path, problem=problem.sentence, status=problem.status or 503)
        login = done.login()
        if login is None:
            return RedirectResponse(next_path, status_code=303, headers=NO_STORE)
        return let_in(request, login, next_path)
