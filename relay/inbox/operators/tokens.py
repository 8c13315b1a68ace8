"""Tokens of other systems: what is stored of one can't be used."""

from __future__ import annotations

from relay.inbox.operators.disk import Disk
from relay.inbox.operators.people import check_name, new_token, stored_form


class Tokens:
    """Every method may raise StorageError."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def make(self, name: str, by: str) -> str:
        """A new token for the system `name`, shown this once; an old one is void. Raises ValueRefused."""
        check_name(name)
        token, stored = new_token()
        with self._disk.write() as db:
            db.execute("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", (name, stored, self._disk.now_s()))
            self._disk.append(db, by, "token", name)
        return token

    def close(self, name: str, by: str) -> bool:
        """It is void; False when there is none of that name."""
        with self._disk.write() as db:
            done = db.execute("DELETE FROM token WHERE name = ?", (name,))
            if done.rowcount:
                self._disk.append(db, by, "token closed", name)
            return bool(done.rowcount)

    def names(self) -> list[str]:
        """Which systems have one."""
        return [name for (name,) in self._disk.all("SELECT name FROM token ORDER BY name")]

    def owner(self, token: str) -> str | None:
        """The system that this token is of; None for one that is void."""
        rows = self._disk.all("SELECT name FROM token WHERE token = ?", (stored_form(token),))
        return rows[0][0] if rows else None
