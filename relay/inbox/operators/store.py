"""The operators' disk: all its SQL. One connection behind a lock; every write is on disk when it returns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from relay.database import connect, migrate, storage_errors, transaction
from relay.errors import NaoberError, Text
from relay.inbox.alarms.state import Change
from relay.inbox.operators.handling import Handling, ReportId, State
from relay.inbox.operators.journal import BEGIN, Entry, link
from relay.inbox.operators.people import Account, Session, check_name, hash_password, new_token, stored_form
from relay.inbox.operators.reports import Report, Shown

STORE_NAME = "operators.db"
MIGRATIONS = Path(__file__).parent / "migrations"
NOTE_LENGTH_MAX = 1000
USED_EVERY_S = 30  # how exactly it is known when a person last touched a session

_ACCOUNT = "SELECT name, role, sealed FROM account WHERE name = ? AND active = 1"
_REPORT = "address, epoch, number, message, site, kind, urgency, exercise, received_s, shown"
_HANDLING = "state, version, by, at_s, assignee, team, result"


class TakenFirst(NaoberError):
    """Somebody was first; `now` is what they made of it."""

    def __init__(self, now: Handling) -> None:
        self.now = now
        super().__init__(
            Text(f"Al gedaan door {now.by}", f"Already done by {now.by}"),
            Text("Kijk wat er nu staat", "Look at what it is now"),
        )


class Operators:
    """Accounts, sessions, handling, notes, alarms and the log. Every method may raise StorageError."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / STORE_NAME
        self._clock = clock
        self._lock = threading.Lock()
        with storage_errors(self.path):
            self._db = connect(self.path, cache_kib=1024, check_same_thread=False)
            migrate(self._db, MIGRATIONS)
        self.path.chmod(0o600)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._lock, storage_errors(self.path), transaction(self._db):
            yield

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, storage_errors(self.path):
            return self._db.execute(query, values).fetchall()

    def now_s(self) -> int:
        """Unix time."""
        return int(self._clock())

    # --- the log ---

    def _log(self, who: str, what: str, detail: str = "") -> None:
        """Append, within a write."""
        row = self._db.execute("SELECT id, hash FROM journal ORDER BY id DESC LIMIT 1").fetchone()
        number, before = (row[0] + 1, row[1]) if row else (1, BEGIN)
        at_s = self.now_s()
        hashed = link(before, number, at_s, who, what, detail)
        self._db.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", (number, at_s, who, what, detail, hashed)
        )

    def log(self, who: str, what: str, detail: str = "") -> None:
        """Append to the log of who did what."""
        with self._write():
            self._log(who, what, detail)

    def journal(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        """Rows in their order."""
        rows = self._all("SELECT * FROM journal WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit))
        return [Entry(*row) for row in rows]

    def newest_of_journal(self, limit: int = 100) -> list[Entry]:
        """The newest rows, newest first."""
        return [Entry(*row) for row in self._all("SELECT * FROM journal ORDER BY id DESC LIMIT ?", (limit,))]

    # --- people ---

    def accounts(self) -> list[Account]:
        """Those that may log in."""
        rows = self._all("SELECT name, role, sealed FROM account WHERE active = 1 ORDER BY name")
        return [Account(name, role, bool(sealed)) for name, role, sealed in rows]

    def save_account(self, account: Account, password: str, by: str) -> None:
        """Make it, or give it another role and password; sessions under the old one end."""
        check_name(account.name)
        hashed = hash_password(password)
        with self._write():
            self._db.execute(
                "INSERT INTO account VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (name) DO UPDATE SET"
                " role = excluded.role, password = excluded.password, sealed = excluded.sealed, active = 1",
                (account.name, account.role, hashed, self.now_s(), account.sealed),
            )
            self._db.execute("DELETE FROM session WHERE account = ?", (account.name,))
            self._log(by, "account", f"{account.name} {account.role}")

    def close_account(self, name: str, by: str) -> bool:
        """It can't log in any more; False when there is none."""
        with self._write():
            done = self._db.execute("UPDATE account SET active = 0 WHERE name = ? AND active = 1", (name,))
            self._db.execute("DELETE FROM session WHERE account = ?", (name,))
            if done.rowcount:
                self._log(by, "account closed", name)
            return bool(done.rowcount)

    def password_of(self, name: str) -> str | None:
        """The hash of an account; None when it is not there."""
        rows = self._all("SELECT password FROM account WHERE name = ? AND active = 1", (name,))
        return rows[0][0] if rows else None

    def log_in(self, name: str) -> tuple[str, Session]:
        """A session for `name`, whose password was right, and its cookie."""
        token, stored = new_token()
        csrf, now_s = new_token()[0], self.now_s()
        with self._write():
            row = self._db.execute(_ACCOUNT, (name,)).fetchone()
            account = Account(row[0], row[1], bool(row[2]))
            self._db.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?)", (stored, name, csrf, now_s, now_s))
            self._log(name, "sealed account used" if account.sealed else "login")
        return token, Session(account, csrf, now_s, now_s)

    def session(self, token: str) -> Session | None:
        """The one with this cookie, unless it is over."""
        rows = self._all(
            "SELECT name, role, sealed, csrf, session.made_s, used_s FROM session JOIN account ON name ="
            " account WHERE token = ? AND active = 1",
            (stored_form(token),),
        )
        for name, role, sealed, csrf, made_s, used_s in rows:
            session = Session(Account(name, role, bool(sealed)), csrf, made_s, used_s)
            return None if session.is_over(self.now_s()) else session
        return None

    def touch(self, token: str, session: Session) -> None:
        """A person used it now."""
        if abs(self.now_s() - session.used_s) > USED_EVERY_S:
            with self._write():
                self._db.execute(
                    "UPDATE session SET used_s = ? WHERE token = ?", (self.now_s(), stored_form(token))
                )

    def log_out(self, token: str) -> None:
        """The session with this cookie is over."""
        with self._write():
            row = self._db.execute(
                "DELETE FROM session WHERE token = ? RETURNING account", (stored_form(token),)
            ).fetchone()
            if row:
                self._log(row[0], "logout")

    # --- reports ---

    def followed(self) -> int:
        """The id of the newest message of the inbox's store that was looked at."""
        rows = self._all("SELECT value FROM fact WHERE name = 'followed'")
        return int(rows[0][0]) if rows else 0

    def follow(self, reports: Iterable[Report], up_to: int) -> None:
        """Take reports over; one that is here keeps its place and gets the id that it has now."""
        with self._write():
            self._db.executemany(
                "INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " message = excluded.message, site = excluded.site, shown = excluded.shown",
                [
                    (
                        *_identity(report.id),
                        report.message,
                        report.site,
                        report.kind,
                        report.urgency,
                        report.exercise,
                        report.received_s,
                        msgspec.msgpack.encode(report.shown),
                    )
                    for report in reports
                ],
            )
            self._db.execute("INSERT OR REPLACE INTO fact VALUES ('followed', ?)", (up_to,))

    def reports(self, *, exercise: bool = False, site: str | None = None, limit: int = 200) -> list[Report]:
        """The newest, newest first."""
        of_one = " AND site = ?" if site is not None else ""
        values = (exercise, site, limit) if site is not None else (exercise, limit)
        rows = self._all(
            f"SELECT {_REPORT} FROM report WHERE exercise = ?{of_one} ORDER BY received_s DESC LIMIT ?",
            values,
        )
        return [_report(row) for row in rows]

    def open_reports(self, *, exercise: bool = False) -> list[Report]:
        """Those that ask for something, or that are urgent, and that nobody resolved."""
        rows = self._all(
            f"SELECT {_REPORT} FROM report AS r WHERE exercise = ? AND (urgency <= 2 OR kind = 'request')"
            " AND NOT EXISTS (SELECT 1 FROM handling AS h WHERE h.address = r.address AND h.epoch = r.epoch"
            " AND h.number = r.number AND h.state = 'resolved') ORDER BY urgency, received_s",
            (exercise,),
        )
        return [_report(row) for row in rows]

    def report(self, identity: ReportId) -> Report | None:
        """The report with that identity."""
        rows = self._all(
            f"SELECT {_REPORT} FROM report WHERE address = ? AND epoch = ? AND number = ?",
            _identity(identity),
        )
        return _report(rows[0]) if rows else None

    # --- handling ---

    def handling(self, report: ReportId) -> Handling:
        """How far VRD is with it."""
        rows = self._all(
            f"SELECT {_HANDLING} FROM handling WHERE address = ? AND epoch = ? AND number = ?",
            (report.address, report.epoch, report.number),
        )
        return _handling(rows[0]) if rows else Handling()

    def handlings(self) -> dict[ReportId, Handling]:
        """Of every report that is not new."""
        rows = self._all(f"SELECT address, epoch, number, {_HANDLING} FROM handling")
        return {ReportId(*row[:3]): _handling(row[3:]) for row in rows}

    def move(
        self,
        report: ReportId,
        state: State,
        by: str,
        *,
        version: int | None = None,
        assignee: str = "",
        team: str = "",
        result: str = "",
    ) -> Handling:
        """Take the next step with a report, as the version on the operator's screen had it.

        Raises TakenFirst when somebody was first, LedgerError for a step that is none.
        """
        with self._write():
            row = self._db.execute(
                f"SELECT {_HANDLING} FROM handling WHERE address = ? AND epoch = ? AND number = ?",
                (report.address, report.epoch, report.number),
            ).fetchone()
            now = _handling(row) if row else Handling()
            if version is not None and now.version != version:
                raise TakenFirst(now)
            then = now.move(state, by, self.now_s(), assignee=assignee, team=team, result=result)
            self._db.execute(
                "INSERT OR REPLACE INTO handling VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*_identity(report), *msgspec.structs.astuple(then)),
            )
            detail = " ".join(word for word in (str(report), assignee, team, result) if word)
            self._log(by, str(state), detail)
            return then

    def add_note(self, subject: str, by: str, text: str) -> None:
        """A note at a site or a report."""
        with self._write():
            self._db.execute(
                "INSERT INTO note (subject, by, at_s, text) VALUES (?, ?, ?, ?)",
                (subject, by, self.now_s(), text[:NOTE_LENGTH_MAX]),
            )
            self._log(by, "note", subject)

    def notes(self, subject: str) -> list[tuple[str, int, str]]:
        """Who, when, what; the oldest first."""
        return [
            (by, at_s, text)
            for by, at_s, text in self._all(
                "SELECT by, at_s, text FROM note WHERE subject = ? ORDER BY id", (subject,)
            )
        ]

    # --- alarms ---

    def alarm_state(self) -> bytes | None:
        """The engine's state as `keep_alarms` had it."""
        rows = self._all("SELECT value FROM fact WHERE name = 'alarms'")
        return rows[0][0] if rows else None

    def keep_alarms(self, state: bytes, changes: Iterable[Change]) -> None:
        """A state and what changed on the way to it, together or not at all."""
        with self._write():
            self._db.execute("INSERT OR REPLACE INTO fact VALUES ('alarms', ?)", (state,))
            self._db.executemany(
                "INSERT INTO change (unix_s, said) VALUES (?, ?)",
                [(self.now_s(), msgspec.msgpack.encode(change)) for change in changes],
            )

    def claim(self, notifier: str) -> list[Change]:
        """What `notifier` has not told yet; it never gets these again. A new notifier begins with now."""
        with self._write():
            row = self._db.execute("SELECT claimed FROM notifier WHERE name = ?", (notifier,)).fetchone()
            newest = self._db.execute("SELECT coalesce(max(id), 0) FROM change").fetchone()[0]
            claimed = row[0] if row else newest
            rows = self._db.execute("SELECT said FROM change WHERE id > ? ORDER BY id", (claimed,)).fetchall()
            if row is None or rows:
                self._db.execute("INSERT OR REPLACE INTO notifier VALUES (?, ?)", (notifier, newest))
            return [msgspec.msgpack.decode(said, type=Change) for (said,) in rows]

    def changes(self, after_id: int = 0, limit: int = 200) -> list[tuple[int, int, Change]]:
        """Number, unix time and change; the oldest first."""
        rows = self._all(
            "SELECT id, unix_s, said FROM change WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit)
        )
        return [(number, at_s, msgspec.msgpack.decode(said, type=Change)) for number, at_s, said in rows]


def _identity(report: ReportId) -> tuple[bytes, int, int]:
    return report.address, report.epoch, report.number


def _report(row: Sequence[Any]) -> Report:
    return Report(
        id=ReportId(*row[:3]),
        message=row[3],
        site=row[4],
        kind=row[5],
        urgency=row[6],
        exercise=bool(row[7]),
        received_s=row[8],
        shown=msgspec.msgpack.decode(row[9], type=Shown),
    )


def _handling(row: Sequence[Any]) -> Handling:
    return Handling(State(row[0]), *row[1:])
