"""Accounts of people whom VRD's identity provider knows: each has a password here as well."""

from __future__ import annotations

import unicodedata

from relay.inbox.operators.disk import Disk
from relay.inbox.operators.people import Account

OPEN, CLOSED, FREE = "open", "closed", "free"  # what becomes of a name


class Linked:
    """Of one operators' file. Every method may raise StorageError."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def account(self, issuer: str, subject: str) -> str | None:
        """The account of that person, closed or not; None before the first login."""
        rows = self._disk.all("SELECT account FROM oidc WHERE issuer = ? AND subject = ?", (issuer, subject))
        return rows[0][0] if rows else None

    def standing(self, name: str) -> tuple[str, Account | None]:
        """Whether an account of that name is open, closed, or not there.

        One that a person would read as the same (Els for els) is the same: nobody gets a double of a name.
        """
        rows = self._disk.all("SELECT name, role, sealed, active FROM account ORDER BY name <> ?", (name,))
        row = next((each for each in rows if _read(each[0]) == _read(name)), None)
        if row is None:
            return FREE, None
        found, role, sealed, active = row
        return (OPEN if active else CLOSED), Account(found, role, bool(sealed))

    def link(self, issuer: str, subject: str, account: str) -> None:
        """From now on that person is `account`."""
        with self._disk.write() as db:
            db.execute("INSERT OR REPLACE INTO oidc VALUES (?, ?, ?)", (issuer, subject, account))
            self._disk.append(db, account, "account linked", f"{issuer} {subject}"[:200])

    def set_role(self, account: str, role: str) -> None:
        """As the provider says now; nothing when it is the same."""
        with self._disk.write() as db:
            done = db.execute(
                "UPDATE account SET role = ? WHERE name = ? AND active = 1 AND sealed = 0 AND role <> ?",
                (role, account, role),
            )
            if done.rowcount:
                self._disk.append(db, account, "account", f"{account} {role} (oidc)")


def _read(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
