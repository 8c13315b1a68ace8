"""Who may come in by which door, and how often.

On the node's own Wi-Fi nobody logs in: its password, on the card in the box, is the permission to send. Who
comes by the building's network is asked for the PIN. Which door a request came by is told by the address that
it was sent to and by where it came from: an address of the Wi-Fi that is asked for over the building's
network does not pass for the Wi-Fi.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from relay.config import PageSection
from relay.errors import StorageError
from relay.node.desk import pin

COOKIE = "naober-pin"
SESSION_S = 12 * 3600
POSTS_AT_ONCE = 60  # of one device, and as many a minute after that: −1 and +1 without scripts are posts too
POST_EVERY_S = 1.0
DEVICES_MAX = 1000  # whose posts are counted; the longest unseen is forgotten
LOOPBACK = "127.0.0.1"  # the machine's own small screen
WIFI_OCTETS = 3  # NetworkManager shares a /24


class Access:
    """The doors of one page. `now` counts seconds and never goes back."""

    def __init__(self, page: PageSection, pin_file: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._open = {LOOPBACK, page.host} - {page.lan_host, ""}
        self._pin_file, self._now = pin_file, now
        self._key = secrets.token_bytes(32)  # whoever logged in does so again after a restart
        self._posts: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, and since when
        self.guard = pin.Guard(now)

    # --- the doors ---

    def is_trusted(self, scope: Scope) -> bool:
        """Whether a request came by the Wi-Fi, or from the machine itself."""
        here, there = scope.get("server"), scope.get("client")
        if not here or not there or here[0] not in self._open:
            return False
        return _network(here[0]) == _network(there[0])

    def is_inside(self, scope: Scope) -> bool:
        """Whether a request needs no PIN (any more)."""
        return self.is_trusted(scope) or self._session(scope) is not None

    def enter(self, device: str, typed: str) -> bool:
        """Judge a PIN; raises StorageError when there is none to compare with."""
        return self.guard.judge(device, typed, self._pin())

    def let_in(self, answer: Response) -> Response:
        """`answer` with the cookie of a new session of 12 hours."""
        ends = str(int(self._now()) + SESSION_S)
        answer.set_cookie(
            COOKIE,
            f"{ends}.{self._sign('session', ends)}",
            max_age=SESSION_S,
            httponly=True,
            samesite="strict",
        )
        return answer

    def csrf(self, scope: Scope) -> str:
        """What a form of this session must bring back; empty on the Wi-Fi side."""
        session = None if self.is_trusted(scope) else self._session(scope)
        return self._sign("form", session) if session else ""

    def is_ours(self, scope: Scope, csrf: str) -> bool:
        """Whether a form that brings `csrf` was made for this session."""
        wanted = self.csrf(scope)
        return not wanted or hmac.compare_digest(csrf.encode(), wanted.encode())

    def _session(self, scope: Scope) -> str | None:
        cookie = HTTPConnection(scope).cookies.get(COOKIE, "")
        ends, _, signed = cookie.partition(".")
        if not (ends.isascii() and ends.isdecimal() and len(ends) <= 12 and int(ends) > self._now()):
            return None
        try:
            wanted = self._sign("session", ends)
        except StorageError:
            return None
        return ends if hmac.compare_digest(signed.encode(), wanted.encode()) else None

    def _sign(self, what: str, text: str) -> str:
        said = f"{what} {text} {self._pin()}".encode()  # another PIN ends all sessions
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()

    def _pin(self) -> str:
        return pin.load_or_create(self._pin_file)

    # --- how often ---

    def may_post(self, device: str) -> bool:
        """Count one form of `device`; False when it is one too many."""
        now = self._now()
        left, since = self._posts.pop(device, (float(POSTS_AT_ONCE), now))
        left = min(float(POSTS_AT_ONCE), left + (now - since) / POST_EVERY_S)
        may = left >= 1
        self._posts[device] = (left - 1 if may else left, now)
        if len(self._posts) > DEVICES_MAX:
            self._posts.popitem(last=False)
        return may


def _network(address: str) -> list[str]:
    return address.split(".")[:WIFI_OCTETS] if "." in address else [address]
