"""To a URL, as JSON: a chat, a pager, a control room."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from relay.inbox.alarms.state import Change
from relay.inbox.notifiers.base import NotTold, line

TIMEOUT_S = 10.0


class Webhook:
    """One POST for all changes of a moment."""

    name = "webhook"

    def __init__(self, url: str, secret: str = "") -> None:
        self._url, self._secret = urlsplit(url), secret

    async def tell(self, changes: Sequence[Change]) -> None:
        """Post it; any answer but 2xx is NotTold. Redirects are not followed."""
        try:
            status = await asyncio.to_thread(self._post, body(changes))
        except (OSError, http.client.HTTPException) as error:
            raise NotTold(str(error)) from error
        if not 200 <= status < 300:
            raise NotTold(f"status {status}")

    def _post(self, content: bytes) -> int:
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        try:
            headers = {"Content-Type": "application/json"}
            if self._secret:
                headers["Authorization"] = f"Bearer {self._secret}"
            path = self._url.path or "/"
            target = f"{path}?{self._url.query}" if self._url.query else path
            connection.request("POST", target, content, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def body(changes: Sequence[Change]) -> bytes:
    """What is posted, and what goes to the topic."""
    told = [
        {
            "text": line(change),
            "kind": change.kind,
            "rule": change.rule,
            "level": change.level,
            "site": change.subject if not change.names else None,
            "names": change.names or ((change.name,) if change.name else ()),
            "count": change.count,
        }
        for change in changes
    ]
    return msgspec.json.encode({"text": "\n".join(line(change) for change in changes), "alarms": told})
