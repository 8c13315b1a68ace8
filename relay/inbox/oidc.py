"""A login by VRD's own identity provider (OpenID Connect, authorization code with PKCE).

Nothing here is needed for anything else: it is loaded where it is configured, asks with short timeouts, and
what fails is one of two errors. A token is believed when its signature, issuer, audience, times and nonce are
right, and only with one of the algorithms below; a code, a state and a nonce are of one try.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from relay.config.inbox import OidcSection
from relay.loopback import is_loopback

TIMEOUT_S = 3.0  # of one question to the provider
ANSWER_S = 6.0  # of a whole answer: TIMEOUT_S is that of each piece, and pieces may be single bytes
ANSWER_BYTES_MAX = 256 * 1024
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
KNOWN_S = 3600.0  # its addresses and keys are asked again after this
LOOK_AGAIN_S = 30.0  # whether it can be reached
FAILED_AGAIN_S = 5.0  # for so long a provider that did not answer is not asked: many may press the button
LEEWAY_S = 120
SCOPES = "openid profile"
RANKS = ("administrator", "coordinator", "operator", "reader")  # of the roles it may give, the highest first
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Unreachable(Exception):
    """The provider does not answer, or not as a provider."""


class Refused(Exception):
    """What came back is not believed; the text is for the log only."""


class Flow(msgspec.Struct, frozen=True):
    """One try to log in, from the button until the browser comes back."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Flow:
        """With secrets of its own."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


class Person(msgspec.Struct, frozen=True):
    """Who the provider says that it is."""

    issuer: str
    subject: str
    name: str
    role: str  # the highest that it gives; empty: none


class _Known(msgspec.Struct, frozen=True):
    at_s: float
    places: dict[str, Any]
    keys: KeySet


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A provider's answers lie where it says, and nowhere else."""


class Provider:
    """The one that inbox.toml names. Everything blocks, for a few seconds at most: call it on a thread."""

    def __init__(self, settings: OidcSection, secret: str) -> None:
        self._settings, self._secret = settings, secret
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._known: _Known | None = None
        self._lock = threading.Lock()
        self._looked_s, self._failed_s = -LOOK_AGAIN_S, -FAILED_AGAIN_S
        self.reachable: bool | None = None  # None: nobody has looked yet
        self.issuer = settings.issuer

    def look(self) -> bool:
        """Whether it can be reached, as of at most half a minute ago."""
        if time.monotonic() - self._looked_s >= LOOK_AGAIN_S or self.reachable is None:
            self._looked_s = time.monotonic()
            try:
                self._learn()
                self.reachable = True
            except Unreachable:
                self.reachable = False
        return bool(self.reachable)

    def address_for(self, flow: Flow) -> str:
        """Where the browser goes; raises Unreachable."""
        digest = hashlib.sha256(flow.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self.back,
            "scope": SCOPES,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        place = str(self._trusted().places["authorization_endpoint"])
        return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"

    @property
    def back(self) -> str:
        """Where the browser comes back to."""
        return f"{self._settings.address.rstrip('/')}/inloggen/oidc/terug"

    def redeem(self, code: str, flow: Flow) -> Person:
        """Who came back with `code`; raises Refused or Unreachable."""
        known = self._trusted()
        told = self._ask(
            str(known.places["token_endpoint"]),
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.back,
                "client_id": self._settings.client_id,
                "client_secret": self._secret,
                "code_verifier": flow.verifier,
            },
        )
        token = told.get("id_token")
        if not isinstance(token, str):
            raise Refused("no id_token")
        return self._person(self._claims(token, flow, str(told.get("access_token", ""))))

    def _claims(self, token: str, flow: Flow, access_token: str) -> dict[str, Any]:
        """Those of a token that is right in every way."""
        settings = self._settings
        ways: tuple[Callable[[], _Known], ...] = (self._trusted, self._learn)  # it may have new keys
        for known in ways:
            try:
                decoded = jwt.decode(token, known().keys, algorithms=list(ALGORITHMS))
                break
            except (JoseError, ValueError, TypeError) as error:
                failed = error
        else:
            raise Refused(f"signature: {failed}")
        options = {
            "iss": {"essential": True, "value": settings.issuer},
            "aud": {"essential": True, "value": settings.client_id},
            "exp": {"essential": True},
        }
        params = {"nonce": flow.nonce, "client_id": settings.client_id, "access_token": access_token or None}
        claims: Any = CodeIDToken(decoded.claims, decoded.header, options, params)
        try:
            claims.validate(now=int(time.time()), leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            raise Refused(f"claims: {error}") from error
        return dict(decoded.claims)

    def _person(self, claims: dict[str, Any]) -> Person:
        settings = self._settings
        subject, name = claims.get("sub"), claims.get(settings.name_claim)
        if not isinstance(subject, str) or not subject or not isinstance(name, str):
            raise Refused(f"no sub, or no {settings.name_claim}")
        said = claims.get(settings.role_claim)
        several = said if isinstance(said, list) else [said]
        has = {each for each in several if isinstance(each, str)}
        role = next((rank for rank in RANKS if has & set(getattr(settings, rank))), "")
        return Person(settings.issuer, subject, name, role)

    # --- what it says of itself ---

    def _trusted(self) -> _Known:
        known = self._known
        return known if known and time.monotonic() - known.at_s < KNOWN_S else self._learn()

    def _learn(self) -> _Known:
        with self._lock:
            if time.monotonic() - self._failed_s < FAILED_AGAIN_S:
                raise Unreachable("a moment ago it did not answer")
            try:
                self._known = self._learned()
            except Unreachable:
                self._failed_s = time.monotonic()
                raise
            return self._known

    def _learned(self) -> _Known:
        places = self._ask(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if places.get("issuer") != self._settings.issuer or not all(places.get(each) for each in NEEDED):
            raise Unreachable("it calls itself otherwise")
        try:
            keys = KeySet.import_key_set(self._ask(str(places["jwks_uri"])))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise Unreachable(f"its keys: {error}") from error
        return _Known(time.monotonic(), places, keys)

    def _ask(self, address: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise Unreachable(f"not by https: {parts.scheme}")
        asked = urllib.request.Request(  # noqa: S310 (judged above)
            address, urlencode(form).encode() if form else None, {"Accept": "application/json"}
        )
        try:
            with self._opener.open(asked, timeout=TIMEOUT_S) as answer:
                found = json.loads(_body(answer))
        except urllib.error.HTTPError as error:
            error.close()
            if form and 400 <= error.code < 500:
                raise Refused(f"the provider says {error.code}") from error
            raise Unreachable(str(error)) from error
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise Unreachable(str(error)) from error
        if not isinstance(found, dict):
            raise Unreachable("no object")
        return found


def _body(answer: http.client.HTTPResponse) -> bytes:
    """All of it; raises ValueError for one that is too long or comes too slowly."""
    until_s, body = time.monotonic() + ANSWER_S, b""
    while piece := answer.read1(ANSWER_BYTES_MAX):
        body += piece
        if len(body) > ANSWER_BYTES_MAX or time.monotonic() > until_s:
            raise ValueError("too much, or too slowly")
    return body
