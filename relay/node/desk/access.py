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
LOOKS_AT_ONCE, LOOK_EVERY_S = 120, 0.25  # pages of one device: each takes a moment of the station's thread
DRAWINGS_AT_ONCE, DRAWING_EVERY_S = 24, 5.0  # of one device: a QR code takes a Pi half a second
POSTS_AT_ONCE = 60  # of one device, and as many a minute after that: −1 and +1 without scripts are posts too
POST_EVERY_S = 1.0
SAY_AT_ONCE, SAY_EVERY_S = 12, 60.0  # messages to VRD of one device
SITE_AT_ONCE, SITE_EVERY_S = 40, 30.0  # of all devices together
CALL_EVERY_S = 600.0  # so often a device is heard, however much the others say
DEVICES_MAX = 1000  # whose posts are counted; the longest unseen is forgotten
LOOPBACK = "127.0.0.1"  # the machine's own small screen
WIFI_OCTETS = 3  # NetworkManager shares a /24


class Access:
    """The doors of one page. `now` counts seconds and never goes back."""

    def __init__(self, page: PageSection, pin_file: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._open = {LOOPBACK, page.host} - {page.lan_host, ""}
        self._pin_file, self._now = pin_file, now
        self._key = secrets.token_bytes(32)  # whoever logged in does so again after a restart
        self._looks = Allowance(LOOKS_AT_ONCE, LOOK_EVERY_S, now)
        self._drawings = Allowance(DRAWINGS_AT_ONCE, DRAWING_EVERY_S, now)
        self._posts = Allowance(POSTS_AT_ONCE, POST_EVERY_S, now)
        self._said = Allowance(SAY_AT_ONCE, SAY_EVERY_S, now)
        self._site = Allowance(SITE_AT_ONCE, SITE_EVERY_S, now)
        self._calls = Allowance(1, CALL_EVERY_S, now)
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

    def may_look(self, scope: Scope, device: str) -> bool:
        """Count one page for `device`; False when it is one too many."""
        return _is_own_screen(scope, device) or self._looks.take(device)

    def may_draw(self, scope: Scope, device: str) -> bool:
        """Count one drawing for `device`; False when it is one too many."""
        return _is_own_screen(scope, device) or self._drawings.take(device)

    def may_post(self, device: str) -> bool:
        """Count one form of `device`; False when it is one too many."""
        return self._posts.take(device)

    def may_say(self, scope: Scope, device: str) -> bool:
        """Count one message to VRD; False when it is one too many.

        One laptop would fill the log, the airtime and VRD's screen. Once all devices together say too much
        each still gets one in ten minutes: who floods from many addresses keeps nobody from calling for help.
        The machine's own screen is at nobody's mercy.
        """
        if _is_own_screen(scope, device):
            return True
        if self._said.left(device) < 1 or not (self._site.take("") or self._calls.take(device)):
            return False
        return self._said.take(device)


class Allowance:
    """For each of some names: `at_once`, then one per `every_s`. `now` counts seconds."""

    def __init__(self, at_once: int, every_s: float, now: Callable[[], float]) -> None:
        self._at_once, self._every_s, self._now = float(at_once), every_s, now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how many, and at what moment

    def left(self, name: str) -> float:
        """How many `name` has now."""
        left, since = self._left.get(name, (self._at_once, 0.0))
        return min(self._at_once, left + (self._now() - since) / self._every_s)

    def take(self, name: str) -> bool:
        """Take one; False when there is none."""
        left = self.left(name)
        self._left.pop(name, None)
        self._left[name] = (left - 1 if left >= 1 else left, self._now())
        if len(self._left) > DEVICES_MAX:
            self._left.popitem(last=False)
        return left >= 1

    def __len__(self) -> int:
        """Of how many names it keeps count."""
        return len(self._left)

    def clear(self) -> None:
        """Begin anew."""
        self._left.clear()


def _is_own_screen(scope: Scope, device: str) -> bool:
    here = scope.get("server") or ("", 0)
    return str(here[0]) == device == LOOPBACK


def _network(address: str) -> list[str]:
    return address.split(".")[:WIFI_OCTETS] if "." in address else [address]
