"""A small OpenID provider on loopback: code flow with PKCE, one client, tokens that are really signed.

It checks what a provider checks (client, secret, redirect address, verifier, each code once), and can be told
to give tokens that are wrong in one way.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

_KEY = RSAKey.generate_key(2048, {"kid": "een"})
CLIENT, SECRET = "naober", "geheim-van-naober"


class IdentityProvider:
    """`claims` go into each token; `spoil` changes one before it is signed."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        """`host`: by which name of this machine it is known."""
        self.key = _KEY
        self.claims: dict[str, Any] = {"sub": "u-1", "preferred_username": "fenna", "roles": ["vrd-operator"]}
        self.spoil: dict[str, Any] = {}  # claims that are other than they should be; None: left out
        self.sign_with: Any = None  # another key
        self.algorithm = "RS256"
        self.token_status = 200
        self.redeemed = 0
        self._codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider._get(self)

            def do_POST(self) -> None:
                provider._token(self)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.issuer = f"http://{host}:{self._server.server_address[1]}"
        self.calls_itself = self.issuer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Unplugged."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def log_in(self, address: str) -> str:
        """What the browser of a person does who says who they are: the address that it is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        if request.path.startswith("/authorize?"):
            request.send_response(302)
            request.send_header("Location", self.log_in(request.path))
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": self.calls_itself,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
            },
            "/jwks": {"keys": [self.key.as_dict(private=False)]},
        }
        found = documents.get(request.path)
        _answer(request, 200 if found else 404, found or {})

    def _token(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self._codes.pop(form.get("code", ""), None)
        if self.token_status != 200 or asked is None or not _fits(form, asked):
            _answer(
                request, self.token_status if self.token_status != 200 else 400, {"error": "invalid_grant"}
            )
            return
        self.redeemed += 1
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {**claims, **self.claims, **self.spoil}
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm == "none":
            token = f"{_part(header)}.{_part(claims)}."
        else:
            token = jwt.encode(header, claims, self.sign_with or self.key, algorithms=[self.algorithm])
        _answer(request, 200, {"access_token": "x", "token_type": "Bearer", "id_token": token})


def secret_key() -> OctKey:
    """The client's secret as a key: who knows it must not be able to sign."""
    return OctKey.import_key(SECRET.encode().ljust(32, b"0"))


def _fits(form: dict[str, str], asked: dict[str, str]) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return (
        form.get("grant_type") == "authorization_code"
        and (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        and form.get("redirect_uri") == asked["redirect_uri"]
        and challenge == asked["code_challenge"]
    )


def _part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _answer(request: BaseHTTPRequestHandler, status: int, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
