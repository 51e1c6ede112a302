"""What answers predictions, in front of FastAPI: between the network and the model there is nothing else.

FastAPI routes, resolves dependencies and builds requests for every other address. For these two, which are asked
thousands of times a second, that cost several times what the answer does. Their declarations stay in
`api/routes/predict.py` for the documentation, and name the same object for who may call them (`api/access.py`).

There are two ways in. `PredictFront` is an ASGI application and takes every request. `api/short_way.py` takes what came
whole and small, which is nearly all of them, without a task and a scope of its own.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import PREDICTIONS, UNKNOWN_ADDRESS, Address, ClientMay
from api.answering import Asked, reply_to
from api.errors import as_refusal, problem_response
from api.middleware.context import first_of
from api.runtime import Runtime
from database.errors import StewardError

_DEFAULT, _NAMED = "/predict", "/models/{name}/predict"
_NAMED_PATH = re.compile(r"/models/([a-z0-9_-]{1,64})/predict")
_JSON = (b"content-type", b"application/json")


class Addressed(NamedTuple):
    """A prediction that is asked for: the declared route, who may call it, and the model's name if one was said."""

    route: Address
    permission: ClientMay
    model_name: str | None


_ASKS_DEFAULT = Addressed(Address(_DEFAULT), PREDICTIONS[_DEFAULT], None)
_ASKS_NAMED = Addressed(Address(_NAMED), PREDICTIONS[_NAMED], None)


def addressed_by(path: str) -> Addressed | None:
    """Which prediction a path asks for, if it asks for one."""
    if path == _DEFAULT:
        return _ASKS_DEFAULT
    named = _NAMED_PATH.fullmatch(path)
    return _ASKS_NAMED._replace(model_name=named[1]) if named else None


def asked_by(
    runtime: Runtime,
    addressed: Addressed,
    headers: Mapping[bytes, bytes],
    address: str,
    body: bytes,
    began: float,
    request_id: str,
) -> Asked:
    """The request of a client whose key was checked. `address`: where it comes from. Raises `RefusalError`."""
    key, idempotency_key = headers.get(b"x-api-key"), headers.get(b"idempotency-key")
    client = addressed.permission.client(runtime, key.decode("latin-1") if key else None, address)
    name = addressed.model_name or runtime.settings.platform.default_model
    return Asked(
        client,
        name,
        body,
        None if idempotency_key is None else idempotency_key.decode("latin-1"),
        began,
        request_id,
    )


class PredictFront:
    """Answers `POST /predict` and `POST /models/{name}/predict`; everything else goes on to the application.

    Needs the whole body in one message (`BodyLimits`) and `request_id` and `began` in the scope (`RequestContext`).
    """

    def __init__(self, app: ASGIApp, runtime: Callable[[], Runtime]) -> None:
        self._app, self._runtime = app, runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        addressed = None
        if scope["type"] == "http" and scope["method"] == "POST":
            addressed = addressed_by(scope["path"])
        if addressed is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = addressed.route
        runtime, request_id = self._runtime(), scope["request_id"]
        headers, peer = first_of(scope["headers"]), scope.get("client")
        body = (await receive()).get("body", b"")
        try:
            address = peer[0] if peer else UNKNOWN_ADDRESS
            reply = await reply_to(
                runtime, asked_by(runtime, addressed, headers, address, body, scope["began"], request_id)
            )
        except StewardError as error:
            refusal = as_refusal(error)
            runtime.refusals.count(addressed.route.path, addressed.model_name, refusal, time.time())
            await problem_response(request_id, refusal)(scope, receive, send)
            return
        length = (b"content-length", str(len(reply.body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [_JSON, length, *reply.headers]})
        await send({"type": "http.response.body", "body": reply.body})
