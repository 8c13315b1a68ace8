"""Alarms on disk: the engine's state with what changed, and who has told which change."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from relay.inbox.alarms.state import Change, Mute
from relay.inbox.operators.disk import Disk


class AlarmRows:
    """Every method may raise StorageError."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def state(self) -> bytes | None:
        """What `keep` had; None before the first time."""
        rows = self._disk.all("SELECT value FROM fact WHERE name = 'alarms'")
        return rows[0][0] if rows else None

    def keep(self, state: bytes, changes: Iterable[Change]) -> None:
        """A state and what changed on the way to it, together or not at all."""
        with self._disk.write() as db:
            db.execute("INSERT OR REPLACE INTO fact VALUES ('alarms', ?)", (state,))
            db.executemany(
                "INSERT INTO change (unix_s, said) VALUES (?, ?)",
                [(self._disk.now_s(), msgspec.msgpack.encode(change)) for change in changes],
            )

    def claim(self, notifier: str) -> list[Change]:
        """What `notifier` has not told yet; it never gets these again. A new notifier begins with now."""
        with self._disk.write() as db:
            row = db.execute("SELECT claimed FROM notifier WHERE name = ?", (notifier,)).fetchone()
            newest = db.execute("SELECT coalesce(max(id), 0) FROM change").fetchone()[0]
            claimed = row[0] if row else newest
            rows = db.execute("SELECT said FROM change WHERE id > ? ORDER BY id", (claimed,)).fetchall()
            if row is None or rows:
                db.execute("INSERT OR REPLACE INTO notifier VALUES (?, ?)", (notifier, newest))
            return [msgspec.msgpack.decode(said, type=Change) for (said,) in rows]

    def mute(self, rule: str, by: str, reason: str, until_s: int) -> None:
        """No sound of `rule` until then; a time that is past switches it on again."""
        with self._disk.write() as db:
            db.execute("DELETE FROM mute WHERE rule = ? OR until_s <= ?", (rule, self._disk.now_s()))
            if until_s > self._disk.now_s():
                db.execute("INSERT INTO mute VALUES (?, ?, ?, ?)", (rule, by, reason, until_s))
            self._disk.append(
                db, by, "muted" if until_s > self._disk.now_s() else "unmuted", f"{rule} {reason}"
            )

    def mutes(self) -> list[Mute]:
        """Those that hold now, their end in Unix time."""
        rows = self._disk.all(
            "SELECT rule, by, reason, until_s FROM mute WHERE until_s > ?", (self._disk.now_s(),)
        )
        return [Mute(rule=rule, by=by, reason=reason, until_s=until_s) for rule, by, reason, until_s in rows]

    def newest(self, limit: int = 200, *, exercise: bool = False) -> list[tuple[int, Change]]:
        """Unix time and change of one lane, newest first, out of the newest `limit` of both."""
        rows = self._disk.all("SELECT unix_s, said FROM change ORDER BY id DESC LIMIT ?", (limit,))
        found = [(at_s, msgspec.msgpack.decode(said, type=Change)) for at_s, said in rows]
        return [(at_s, change) for at_s, change in found if change.exercise == exercise]
