"""Accounts and sessions: argon2id, roles, and a login that grows slower and never locks anybody out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from relay.errors import Text, ValueRefused

ROLES = ("wall", "reader", "operator", "coordinator", "administrator")  # each may what those before it may
SESSION_S = 12 * 3600
WALL_SESSION_S = 365 * 86_400  # nobody stands there to log in again; closing the account ends it
LOCK_S = 15 * 60  # without a hand on it a screen hides its texts
PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 12, 256
NAME_LENGTH_MAX = 32
FREE_FAILURES = 5
WAIT_S_MAX = 30.0
FAILURES_REMEMBERED_MAX = 1000
FAILURES_FORGOTTEN_S = 900.0

# OWASP's second choice for argon2id: 19 MiB, so that ten logins at once do not fill a small server
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# what is compared for a name that does not exist, so that its answer takes as long
_NOBODY = _HASHER.hash(secrets.token_hex(16))


class Account(msgspec.Struct, frozen=True):
    """One person, or one wall."""

    name: str
    role: str
    sealed: bool = False

    def may(self, role: str) -> bool:
        """Whether this account has the rights of `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Session(msgspec.Struct, frozen=True):
    """Somebody at a browser."""

    account: Account
    csrf: str
    made_s: int
    used_s: int

    def is_over(self, now_s: int) -> bool:
        """Whether a new login is needed. A clock that jumped back ends nothing."""
        return now_s - self.made_s > (WALL_SESSION_S if self.account.role == "wall" else SESSION_S)

    def is_locked(self, now_s: int) -> bool:
        """Whether nobody has touched it for so long that it hides its texts."""
        return self.account.role != "wall" and now_s - self.used_s > LOCK_S


def check_name(name: str) -> None:
    """Raises ValueRefused unless `name` can be shown everywhere."""
    if not (name and name == name.strip() and name.isprintable() and len(name) <= NAME_LENGTH_MAX):
        raise ValueRefused(
            Text("Dit kan geen gebruikersnaam zijn", "This cannot be a user name"),
            Text(f"Geef 1 tot {NAME_LENGTH_MAX} leesbare tekens", f"Give 1 to {NAME_LENGTH_MAX} characters"),
        )


def hash_password(password: str) -> str:
    """For the account table; raises ValueRefused for one that is too short or too long."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise ValueRefused(
            Text("Wachtwoord is te kort of te lang", "The password is too short or too long"),
            Text(
                f"Neem {PASSWORD_LENGTH_MIN} tot {PASSWORD_LENGTH_MAX} tekens, bijvoorbeeld vier woorden",
                f"Take {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters, four words for example",
            ),
        )
    return _HASHER.hash(password)


def is_right(password: str, hashed: str | None) -> bool:
    """Whether `password` fits; as slow for an account that is not there."""
    if len(password) > PASSWORD_LENGTH_MAX:
        return False
    try:
        return _HASHER.verify(hashed or _NOBODY, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def new_token() -> tuple[str, bytes]:
    """A session's cookie, and what is stored of it: who reads the disk can't log in by it."""
    token = secrets.token_urlsafe(32)
    return token, stored_form(token)


def stored_form(token: str) -> bytes:
    """What is stored of a cookie."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


class Throttle:
    """Each failure beyond five makes the next answer for the same name or place slower, up to 30 s."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[int, float]] = {}

    def wait_s(self, *keys: str) -> float:
        """How long the answer for any of `keys` must wait."""
        return max((self._wait_s(key) for key in keys), default=0.0)

    def _wait_s(self, key: str) -> float:
        count, at_s = self._failed.get(key, (0, 0.0))
        if self._clock() - at_s > FAILURES_FORGOTTEN_S:
            return 0.0
        return min(WAIT_S_MAX, 2.0 ** (count - FREE_FAILURES)) if count >= FREE_FAILURES else 0.0

    def failed(self, *keys: str) -> None:
        """A wrong password for each of `keys`."""
        for key in keys:
            count, at_s = self._failed.pop(key, (0, 0.0))
            fresh = self._clock() - at_s <= FAILURES_FORGOTTEN_S
            self._failed[key] = ((count if fresh else 0) + 1, self._clock())
        while len(self._failed) > FAILURES_REMEMBERED_MAX:
            del self._failed[next(iter(self._failed))]

    def succeeded(self, *keys: str) -> None:
        """The right one: forget the failures."""
        for key in keys:
            self._failed.pop(key, None)
