"""The sign-in window of a phone opens the page by itself, and no other name reaches it.

A phone that joins a Wi-Fi asks a well-known address whether the internet works. The node's name server
answers every name with the node's own address, so it asks us; sent elsewhere, it opens its sign-in window.
The same rule keeps out pages that make a browser believe that we are them (DNS rebinding).
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HTTP_PORT = 80
LOOKING = ("GET", "HEAD")
PATHS = frozenset(
    {
        "/generate_204",  # Android
        "/gen_204",
        "/hotspot-detect.html",  # iOS, macOS
        "/library/test/success.html",
        "/connecttest.txt",  # Windows
        "/ncsi.txt",
        "/redirect",
        "/canonical.html",  # Firefox
        "/success.txt",
        "/check_network_status.txt",  # NetworkManager
    }
)


class Portal:
    """Sends whoever asks for another host, or whether the internet works, to the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        names = own_names(scope)
        asked = Headers(scope=scope).get("host", "").lower()
        if asked in names and scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        answer: Response = PlainTextResponse("", 403)
        if scope["method"] in LOOKING:
            answer = RedirectResponse(f"http://{names[0]}/", 302)
        await answer(scope, receive, send)


def own_names(scope: Scope) -> list[str]:
    """The hosts that we answer to where this request came in; the first is the one to send people to."""
    server = scope.get("server") or ("127.0.0.1", HTTP_PORT)
    address, port = str(server[0]), int(server[1] or HTTP_PORT)
    hosts = [f"[{address}]" if ":" in address else address]
    if address in ("127.0.0.1", "::1"):
        hosts.append("localhost")
    if port == HTTP_PORT:
        return [*hosts, *(f"{host}:{port}" for host in hosts)]
    return [f"{host}:{port}" for host in hosts]
