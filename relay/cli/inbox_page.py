"""What the inbox's JSON pages say, fetched over loopback HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from relay.errors import NaoberError, Text

URL = "http://127.0.0.1:8070"
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024
PAGE_MESSAGES = 500  # what the inbox gives at once
JSON_SEPARATORS = (",", ":")


class NoAnswer(NaoberError):
    """The inbox's page can't be reached now; it may come back."""


class InboxPage:
    """The pages of one inbox. Every method may raise NoAnswer."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Raises NaoberError for a `url` that is not plain http."""
        parts = urlsplit(url)
        try:
            port = parts.port or 80
        except ValueError:
            port = 0
        if parts.scheme != "http" or not parts.hostname or not port:
            raise NaoberError(
                Text(f"Dit is geen adres van een postvak: {url}", f"This is no address of an inbox: {url}"),
                Text(f"Schrijf het als {URL}", f"Write it as {URL}"),
            )
        self._host, self._port, self._timeout_s = parts.hostname, port, timeout_s
        self._url = url

    def get(self, path: str) -> Any:
        """The JSON document at `path`."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read(ANSWER_BYTES_MAX)
                found = json.loads(body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._no_answer(str(error)) from error
        if answer.status != 200 and path != "/healthz":
            said = found.get("error", "") if isinstance(found, dict) else ""
            raise self._no_answer(f"{answer.status} {said}")
        return found

    def sites(self) -> list[dict[str, Any]]:
        """Every node of the roster with its newest state."""
        return list(self.get("/api/sites"))

    def messages(
        self,
        *,
        after: int = 0,
        limit: int = PAGE_MESSAGES,
        statuses: bool = False,
        of: tuple[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """The newest `limit` messages with an id above `after`, newest first; more pages are fetched.

        `of`: ("address", ...) of one node, or ("site", ...) of all nodes that a site ever had.
        """
        found: list[dict[str, Any]] = []
        where = f"&statuses={int(statuses)}" + (f"&{of[0]}={quote(of[1])}" if of else "")
        before = ""
        while len(found) < limit:
            asked = min(PAGE_MESSAGES, limit - len(found))
            page = self.get(f"/api/messages?after={after}&limit={asked}{before}{where}")
            found += page
            if len(page) < asked:
                break
            before = f"&before={page[-1]['id']}"
        return found

    def _no_answer(self, why: str) -> NoAnswer:
        return NoAnswer(
            Text(f"Het postvak antwoordt niet op {self._url}: {why}", f"No inbox at {self._url}: {why}"),
            Text(
                "Draait het? sudo systemctl status naober-inbox. Staat het elders: --url",
                "Does it run? sudo systemctl status naober-inbox. Is it elsewhere: --url",
            ),
        )


def dump(document: object, *, indent: int | None = None) -> str:
    """JSON of ASCII characters only, so that a terminal can be trusted with it."""
    separators = None if indent else JSON_SEPARATORS
    return json.dumps(document, indent=indent, separators=separators).replace("\x7f", "\\u007f")
