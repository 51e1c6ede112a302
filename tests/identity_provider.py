"""An identity provider on this machine: small, but real. It signs with RSA keys and keeps to OpenID Connect's rules.

Change its fields to make it lie, forget, rotate its keys or go away.
"""

import base64
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "steward here", "a client's secret: +/%"


def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)


@dataclass
class Provider:
    """`who`: the claims about who sits at the browser. `lies`: claims of the ID token that differ from the truth."""

    issuer: str
    who: dict[str, Any] = field(
        default_factory=lambda: {"sub": "u-1", "preferred_username": "Ada", "groups": ["ml-approvers"]}
    )
    lies: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    down: bool = False
    signed_in_at: float = field(default_factory=time.time)
    says_auth_time: bool = True
    keys: list[RSAKey] = field(default_factory=lambda: [_key()])
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def rotate(self) -> None:
        """The old key is gone: who kept it must fetch anew."""
        self.keys = [_key()]

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _discovery(self, _: Request) -> Response:
        if self.down:
            return JSONResponse({"error": "maintenance"}, 503)
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        told = {name: f"{self.issuer}/{path}" for name, path in places.items()}
        return JSONResponse({"issuer": self.issuer, "authorization_response_iss_parameter_supported": True, **told})

    async def _jwks(self, _: Request) -> Response:
        self.fetched.append("keys")
        mine = [{**key.as_dict(private=False), "use": "sig"} for key in self.keys]
        return JSONResponse({"keys": [{"kty": "new-kind", "kid": "x"}, *mine]})

    async def _authorize(self, request: Request) -> Response:
        """A page with one button, as a person would meet; a program presses it by adding `go`."""
        asked = dict(request.query_params)
        if "go" not in asked:
            here = f"{self.issuer}/authorize?{urlencode(asked | {'go': '1'})}"
            return HTMLResponse(f'<title>Provider</title><a id="go" href="{here}">Sign in as Ada</a>')
        self.asked.append(asked)
        if asked.get("prompt") == "login":
            self.signed_in_at = time.time()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        if self.down:
            return JSONResponse({"error": "maintenance"}, 503)
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        expected = base64.b64encode(
            f"{quote(CLIENT_ID).replace('%20', '+')}:{quote(CLIENT_SECRET, safe='').replace('%20', '+')}".encode()
        )
        if request.headers.get("authorization") != f"Basic {expected.decode()}":
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self.codes.pop(form["code"], None)
        verified = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        )
        if (
            asked is None
            or verified != asked["code_challenge"]
            or asked["code_challenge_method"] != "S256"
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(
            {"access_token": "unused", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}
        )

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": nonce, **self.who}
        if self.says_auth_time:
            claims["auth_time"] = int(self.signed_in_at)
        claims = {name: value for name, value in (claims | self.lies).items() if value is not None}
        key = self.keys[0]
        if self.algorithm == "none":
            parts = ({"alg": "none", "kid": key.kid}, claims)
            return (
                ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts)
                + "."
            )
        if self.algorithm == "HS256":  # signed with what everybody knows: the public key
            shared = OctKey.import_key(str(key.as_dict(private=False)["n"]))
            return jwt.encode({"alg": "HS256", "kid": key.kid}, claims, shared, algorithms=["HS256"])
        return jwt.encode({"alg": self.algorithm, "kid": key.kid}, claims, key, algorithms=[self.algorithm])


@contextmanager
def running_provider() -> Iterator[Provider]:
    """On a free port of this machine, for the length of the block."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    provider = Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(provider.app(), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
