"""What answers predictions, in front of FastAPI: between the network and the model there is nothing else.

FastAPI routes, resolves dependencies and builds requests for every other address. For these two, which are asked
thousands of times a second, that cost several times what the answer does. Their declarations stay in
`api/routes/predict.py`: who may call them, and what the documentation shows, is read off those.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from api.answering import Asked, Reply, reply_to
from api.dependencies import UNKNOWN_ADDRESS, ClientMay
from api.errors import as_refusal, problem_response
from api.runtime import Runtime
from database.errors import StewardError

_DEFAULT, _NAMED = "/predict", "/models/{name}/predict"
_NAMED_PATH = re.compile(r"/models/([a-z0-9_-]{1,64})/predict")
_JSON = (b"content-type", b"application/json")


def _header(scope: Scope, wanted: bytes) -> str | None:
    """The first header of that name, as Starlette reads it."""
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value.decode("latin-1"))
    return None


class PredictFront:
    """Answers `POST /predict` and `POST /models/{name}/predict`; everything else goes on to the application.

    Needs the whole body in one message (`BodyLimits`) and `request_id` and `began` in the scope (`RequestContext`).
    """

    def __init__(
        self, app: ASGIApp, runtime: Callable[[], Runtime], routes: Mapping[str, tuple[Any, ClientMay]]
    ) -> None:
        """`routes`: the declared routes by path, each with who may call it. Raises KeyError when one is missing."""
        self._app, self._runtime = app, runtime
        self._default, self._named = routes[_DEFAULT], routes[_NAMED]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        path, model_name = scope["path"], None
        if path == _DEFAULT:
            scope["route"], permission = self._default
        elif named := _NAMED_PATH.fullmatch(path):
            scope["route"], permission = self._named
            model_name = named[1]
        else:
            await self._app(scope, receive, send)
            return
        runtime = self._runtime()
        try:
            reply = await self._reply(runtime, permission, model_name, scope, receive)
        except StewardError as error:
            await problem_response(scope["request_id"], as_refusal(error))(scope, receive, send)
            return
        length = (b"content-length", str(len(reply.body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [_JSON, length, *reply.headers]})
        await send({"type": "http.response.body", "body": reply.body})

    @staticmethod
    async def _reply(
        runtime: Runtime, permission: ClientMay, model_name: str | None, scope: Scope, receive: Receive
    ) -> Reply:
        key, idempotency_key = _header(scope, b"x-api-key"), _header(scope, b"idempotency-key")
        peer = scope.get("client")
        client = permission.client(runtime, key, peer[0] if peer else UNKNOWN_ADDRESS)
        name = model_name or runtime.settings.platform.default_model
        body = (await receive()).get("body", b"")
        return await reply_to(runtime, Asked(client, name, body, idempotency_key, scope["began"], scope["request_id"]))
