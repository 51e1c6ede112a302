"""The identity provider, as OpenID Connect has it: where to send a browser, and whom a code that comes back stands for.

The API is the confidential client. It asks the provider itself, over a connection of its own, and believes nothing that
came through the browser but what the provider's signature covers. Authorization code flow with PKCE, `state`, `nonce`.
"""

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, KeySet, OKPKey, RSAKey
from loguru import logger

from api.errors import RefusalError, unavailable
from config.settings import LOOPBACK, OidcSettings
from database.queries.provider_people import Returned, Visit, Vouched, plain_names

# Signatures only the provider can make: with a shared secret (HS*) or none, anybody who knows ours could.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
MOST_BYTES = 1_000_000
DISCOVERY_LASTS_S = 3600.0
# One that did not answer is not asked again for so long: who waits for it holds a thread that others need.
AWAY_FOR_S = 5.0
LEEWAY_S = 60
AGAIN = "Sign in again from the start."


@dataclass(frozen=True)
class Found:
    """What the provider says about itself."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    secret_in_body: bool
    names_itself: bool
    at: float


@dataclass(frozen=True)
class Answer:
    """Whom a verified ID token stands for. `auth_time`: when they last showed the provider who they are, if it says."""

    vouched: Vouched
    auth_time: datetime | None


def refused(why: str, says: str) -> RefusalError:
    """Nobody is signed in: the log has the reason, the person a sentence."""
    logger.warning("api.oidc.refused why={}", why)
    return RefusalError(401, "provider_refused", f"{says} {AGAIN}")


def away(why: object) -> RefusalError:
    logger.warning("api.oidc.away why={}", why)
    return unavailable(
        "provider_away", "The identity provider does not answer as it should now. Try again in a moment."
    )


def may_be_asked(url: object, *, as_well_as: str) -> bool:
    """https, or this machine where the provider itself is on it."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    on_this_machine = urlsplit(as_well_as).scheme == "http" and parts.hostname in LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and on_this_machine))


def new_visit(redirect_uri: str) -> Visit:
    secret, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    return Visit(secret, state, nonce, verifier=secrets.token_urlsafe(48), redirect_uri=redirect_uri)


@dataclass
class IdentityProvider:
    """One provider. What it says of itself and its keys are kept; an unknown key is looked up again."""

    settings: OidcSettings
    connect: Callable[[], httpx.Client] = lambda: httpx.Client(timeout=TIMEOUT, follow_redirects=False)
    clock: Callable[[], float] = time.time
    _found: Found | None = None
    _failed_at: float | None = None
    _keys: KeySet | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def issuer(self) -> str:
        return self.settings.issuer or ""

    def address_for(self, visit: Visit, *, again: bool) -> str:
        """Where the browser goes. `again`: whoever sits there shows once more who they are, whoever is signed in."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(visit.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id or "",
            "redirect_uri": visit.redirect_uri,
            "scope": self.settings.scopes,
            "state": visit.state,
            "nonce": visit.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if again:
            asked |= {"prompt": "login", "max_age": "0"}
        endpoint = self._discovered().authorization_endpoint
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    def redeem(self, visit: Returned, code: str, issuer: str | None) -> Answer:
        """Whom a code stands for. `issuer`: who says it sent the browser back, if it says so (RFC 9207).

        Raises `RefusalError`: 401 for what cannot be believed, 503 for a provider that is away.
        """
        found = self._discovered()
        if (issuer is None and found.names_itself) or (issuer is not None and issuer != self.issuer):
            raise refused("mixed up", "Another identity provider answered than was asked.")
        token = self._token(found, visit, code)
        return self._answer(self._verified(found, token, visit.nonce))

    def _discovered(self) -> Found:
        with self._lock:
            if self._found is None or self.clock() - self._found.at > DISCOVERY_LASTS_S:
                if self._failed_at is not None and abs(self.clock() - self._failed_at) < AWAY_FOR_S:
                    raise away("it did not answer a moment ago")
                try:
                    self._found, self._failed_at = self._discover(), None
                except RefusalError:
                    self._failed_at = self.clock()
                    raise
            return self._found

    def _discover(self) -> Found:
        told = self._asked("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != self.issuer:
            raise away(f"it calls itself something else than OIDC_ISSUER: {str(told.get('issuer'))[:200]}")
        places = {name: told.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        for name, url in places.items():
            if not may_be_asked(url, as_well_as=self.issuer):
                raise away(f"{name} is no https address")
        ways = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Found(
            **{name: str(url) for name, url in places.items()},
            secret_in_body="client_secret_basic" not in ways and "client_secret_post" in ways,
            names_itself=told.get("authorization_response_iss_parameter_supported") is True,
            at=self.clock(),
        )

    def _asked(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        """A JSON object of the provider. A refusal (4xx) is an answer, too; everything else that is none is `away`."""
        try:
            with (
                self.connect() as http,  # asked once in a while: nothing is held open for it
                http.stream(method, url, headers={"Accept": "application/json"}, **more) as response,
            ):
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        raise away("an endless answer")
            told = httpx.Response(200, content=bytes(body)).json()
        except (httpx.HTTPError, ValueError) as error:
            raise away(type(error).__name__) from error
        if not isinstance(told, dict) or response.status_code >= 500 or (method == "GET" and response.is_error):
            raise away(f"status {response.status_code}")
        return told

    def _token(self, found: Found, visit: Returned, code: str) -> str:
        client_id = self.settings.client_id or ""
        secret = self.settings.client_secret.get_secret_value() if self.settings.client_secret else ""
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": visit.redirect_uri,
            "code_verifier": visit.verifier,
        }
        if found.secret_in_body:
            told = self._asked(
                "POST", found.token_endpoint, data=sent | {"client_id": client_id, "client_secret": secret}
            )
        else:
            told = self._asked(
                "POST", found.token_endpoint, data=sent, auth=(quote_plus(client_id), quote_plus(secret))
            )
        token = told.get("id_token")
        if not isinstance(token, str):
            raise refused(
                f"no id_token: {str(told.get('error'))[:64]}", "The identity provider did not say who you are."
            )
        return token

    def _verified(self, found: Found, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that this provider made for us, now, for this very visit."""
        required = jwt.JWTClaimsRegistry(
            now=lambda: int(self.clock()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.settings.client_id or ""},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._decoded(found, token)
            required.validate(claims)
        except ClaimError as error:
            raise refused(f"{type(error).__name__} {error.claim}", "What the provider said does not fit.") from error
        except (JoseError, ValueError) as error:
            raise refused(type(error).__name__, "What the provider said is not signed as it should be.") from error
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.settings.client_id:
            raise refused("azp", "What the provider said is for somebody else.")
        return claims

    def _decoded(self, found: Found, token: str) -> dict[str, Any]:
        with self._lock:
            known = self._keys
        if known is not None:
            try:
                return jwt.decode(token, known, algorithms=ALGORITHMS).claims
            except InvalidKeyIdError:
                logger.info("api.oidc.keys_rotated")
        fresh = self._fetched_keys(found)
        return jwt.decode(token, fresh, algorithms=ALGORITHMS).claims

    def _fetched_keys(self, found: Found) -> KeySet:
        told = self._asked("GET", found.jwks_uri).get("keys")
        keys: list[Key] = [
            key for one in (told if isinstance(told, list) else []) if (key := _public_key(one)) is not None
        ]
        if not keys:
            raise away("no key in its JWKS")
        fresh = KeySet(keys)
        with self._lock:
            self._keys = fresh
        return fresh

    def _answer(self, claims: Mapping[str, Any]) -> Answer:
        groups = claims.get(self.settings.roles_claim)
        values = groups if isinstance(groups, list) else [groups]
        roles = {role for one in values if isinstance(one, str) for role in self.settings.roles.get(one, ())}
        mail = claims.get("email") if claims.get("email_verified") is not False else None
        names = plain_names((claims.get("preferred_username"), mail, claims["sub"]))
        when = claims.get("auth_time")
        known = isinstance(when, int | float) and not isinstance(when, bool) and 0 < when < 1e11
        auth_time = datetime.fromtimestamp(min(float(when), self.clock()), UTC) if known and when is not None else None
        return Answer(Vouched(self.issuer, claims["sub"], names, tuple(sorted(roles))), auth_time)


def _public_key(one: object) -> RSAKey | ECKey | OKPKey | None:
    """A key that verifies signatures of one party. A kind we do not know, or a shared secret, is none."""
    if not isinstance(one, dict) or one.get("use", "sig") != "sig":
        return None
    try:
        key = JWKRegistry.import_key(one)
    except (JoseError, ValueError, TypeError):
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) else None
