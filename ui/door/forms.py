"""The way in and out: plain forms beside Streamlit, which cannot set a cookie that no script in the page can read.

The cookie holds the API's session token. It survives reloads, new tabs and deep links; whether it is still worth
anything is for the API to say on every call. Passwords and links pass through here and are kept nowhere.
"""

import time
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ui.api_client import ApiClient, ApiError
from ui.api_types import LoginAnswer
from ui.door import door_pages as pages
from ui.door.visitors import from_elsewhere, is_https, local_path, seen_from
from ui.session import COOKIE, FIRST, PROVIDER, SIGN_IN, SIGN_OUT

MAX_FORM_BYTES = 8192
ELSEWHERE = "This form was sent from another site. Please sign in here."
SHORTEST_PASSWORD = 12
NO_STORE = {"Cache-Control": "no-store"}
# What a link may lead to that can no longer be used: unknown, used or over.


class TooLongError(Exception):
    """A form that nobody fills in by hand."""


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a small form, each once. Raises `TooLongError`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise TooLongError
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def let_in(request: Request, login: LoginAnswer, next_path: str) -> Response:
    """On to where the person wanted to go, with the session in a cookie."""
    response = RedirectResponse(next_path, status_code=303, headers=NO_STORE)
    response.set_cookie(
        COOKIE,
        login.token,
        max_age=max(60, int(login.person.session_expires_at.timestamp() - time.time())),
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )
    return response


class Door:
    """The routes that let a person in and out. Holds the API client that the forms ask."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @property
    def routes(self) -> list[Route]:
        return [
            Route(SIGN_IN, self.form, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
            Route(SIGN_OUT, self.sign_out, methods=["GET", "POST"]),
            Route(FIRST, self.first_form, methods=["GET"]),
            Route(FIRST, self.first, methods=["POST"]),
        ]

    async def form(self, request: Request) -> Response:
        return await self.shown(local_path(request.query_params.get("next")))

    async def shown(self, next_path: str, *, problem: str = "", name: str = "", status: int = 200) -> Response:
        """The sign-in form, with the provider's button where there is one. An API that is away has none."""
        try:
            called = (await run_in_threadpool(self._client.people.ways)).provider
        except ApiError:
            called = None
        provider = (called, f"{PROVIDER}?next={quote(next_path, safe='/')}") if called else None
        return pages.sign_in(next_path, provider=provider, problem=problem, name=name, status=status)

    async def sign_in(self, request: Request) -> Response:
        if from_elsewhere(request):
            return await self.shown("/", problem=ELSEWHERE, status=403)
        try:
            fields = await fields_of(request)
        except TooLongError:
            return await self.shown("/", problem="That was too long for a name and a password.", status=413)
        name, password, next_path = fields.get("name", "").strip(), fields.get("password", ""), fields.get("next")
        next_path = local_path(next_path)
        if not name or not password:
            problem = "Enter your name and your password."
            return await self.shown(next_path, problem=problem, name=name, status=400)
        try:
            login = await run_in_threadpool(self._client.people.sign_in, name, password, seen_from(request))
        except ApiError as problem:
            return await self.shown(next_path, problem=problem.sentence, name=name, status=problem.status or 503)
        return let_in(request, login, next_path)

    async def sign_out(self, request: Request) -> Response:
        response = RedirectResponse(SIGN_IN, status_code=303, headers=NO_STORE)
        token = request.cookies.get(COOKIE)
        if from_elsewhere(request):
            return response
        if token:
            try:
                await run_in_threadpool(self._client.with_token(token).logout)
            except ApiError:
                # The session ends by itself in the API; the browser forgets it now.
                response.delete_cookie(COOKIE)
                return response
        response.delete_cookie(COOKIE)
        return response

    async def first_form(self, request: Request) -> Response:
        """Opening a link does not use it up: mail programs and previews open links, too."""
        return await self._first_shown(request.query_params.get("token", ""))

    async def _first_shown(self, token: str, *, problem: str = "", name: str = "", status: int = 200) -> Response:
        try:
            invited = await run_in_threadpool(self._client.people.invited, token)
        except ApiError as error:
            return _no_way(error)
        return pages.first(token, invited, problem=problem, name=name, status=status)

    async def first(self, request: Request) -> Response:
        if from_elsewhere(request):
            return await self.shown("/", problem=ELSEWHERE, status=403)
        try:
            fields = await fields_of(request)
        except TooLongError:
            return await self.shown("/", problem="That was too long for a password.", status=413)
        token, name = fields.get("token", ""), fields.get("name", "").strip().lower()
        password = fields.get("password", "")
        if problem := unusable(password, fields.get("again", "")):
            return await self._first_shown(token, problem=problem, name=name, status=400)
        try:
            login = await run_in_threadpool(
                self._client.people.use_link, token, password, name or None, seen_from(request)
            )
        except ApiError as error:
            # Asked again, a link that is spent says so; one that is not leads back to its form: the name was taken.
            return await self._first_shown(token, problem=error.sentence, name=name, status=error.status or 503)
        return let_in(request, login, "/")


def unusable(password: str, again: str) -> str:
    """What is wrong with a new password, before the API is asked; empty if nothing."""
    if len(password) < SHORTEST_PASSWORD:
        return f"A password has at least {SHORTEST_PASSWORD} characters."
    return "" if password == again else "The two passwords differ. Type the same one twice."


def _no_way(problem: ApiError) -> Response:
    """A link that leads nowhere, or an API that is away."""
    if problem.away:
        says = f"{problem.title} {problem.sentence} Open the link again in a moment."
        return pages.message("This does not work now", says, href=SIGN_IN, label="To the sign-in form", status=503)
    says = problem.sentence if problem.status != 422 else "This link is not whole; copy all of it."
    says = says[:1].upper() + says[1:].rstrip(".") + "."
    return pages.message("This link does not work", says, href=SIGN_IN, label="To the sign-in form", status=404)
