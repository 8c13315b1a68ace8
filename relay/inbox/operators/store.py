"""What operators keep: people, reports as lists show them, how far VRD is with each, and notes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from relay.core.message import Address
from relay.database import storage_errors
from relay.errors import NaoberError, Text, ValueRefused
from relay.inbox.operators.alarm_rows import AlarmRows
from relay.inbox.operators.disk import Disk
from relay.inbox.operators.documents import Documents
from relay.inbox.operators.ended import EndedFindings
from relay.inbox.operators.exercises import Exercises
from relay.inbox.operators.handling import Handling, ReportId, State
from relay.inbox.operators.linked import Linked
from relay.inbox.operators.listing import Listing, note_words
from relay.inbox.operators.manual import ManualRows
from relay.inbox.operators.notices import Notices, note_answers
from relay.inbox.operators.people import Account, Session, check_name, hash_password, new_token, stored_form
from relay.inbox.operators.reports import Report, Shown, as_of_now
from relay.inbox.operators.tokens import Tokens
from relay.inbox.operators.withdrawn import OF_REPORT, WHY, note_withdrawals

NOTE_LENGTH_MAX = 1000
USED_EVERY_S = 30  # how exactly it is known when a person last touched a session

_ACCOUNT = "SELECT name, role, sealed FROM account WHERE name = ? AND active = 1"
_REPORT = (
    "address, epoch, number, message, site, kind, urgency, exercise, received_s, shown,"
    f" {OF_REPORT} AS withdrawn_s, {WHY}"
)
_HANDLING = "state, version, by, at_s, assignee, team, result"
_HANDLING_OF = f"SELECT {_HANDLING} FROM handling WHERE address = ? AND epoch = ? AND number = ?"
_NOT_MERGED = (
    "NOT EXISTS (SELECT 1 FROM merged AS m WHERE m.address = r.address AND m.epoch = r.epoch"
    " AND m.number = r.number)"
)


class TakenFirst(NaoberError):
    """Somebody was first; `now` is what they made of it."""

    def __init__(self, now: Handling) -> None:
        self.now = now
        super().__init__(
            Text(f"Al gedaan door {now.by}", f"Already done by {now.by}"),
            Text("Kijk wat er nu staat", "Look at what it is now"),
        )


class Operators(Disk):
    """Accounts, sessions, reports, handling and notes. Every method may raise StorageError."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        standing: Callable[[Address], str] = lambda _address: "valid",
    ) -> None:
        """`standing` says what a key is worth now: it may have lost its word since its reports came."""
        super().__init__(folder, clock)
        self._standing = standing
        self.alarms = AlarmRows(self)
        self.documents = Documents(self)
        self.ended = EndedFindings(self)
        self.tokens = Tokens(self)
        self.manual = ManualRows(self, self.report)
        self.notices = Notices(self)
        self.exercises = Exercises(self)
        self.linked = Linked(self)
        self.listing = Listing(self, _REPORT, _NOT_MERGED, self._report)

    # --- people ---

    def accounts(self) -> list[Account]:
        """Those that may log in."""
        rows = self.all("SELECT name, role, sealed FROM account WHERE active = 1 ORDER BY name")
        return [Account(name, role, bool(sealed)) for name, role, sealed in rows]

    def save_account(self, account: Account, password: str, by: str, *, is_new: bool = False) -> None:
        """Make it, or give it another role and password; sessions under the old one end.

        Raises ValueRefused when it must be new and is not.
        """
        check_name(account.name)
        hashed = hash_password(password)
        with self.write() as db:
            if is_new and db.execute("SELECT 1 FROM account WHERE name = ?", (account.name,)).fetchone():
                raise ValueRefused(Text("Deze naam bestaat al", "This name is taken"))
            db.execute(
                "INSERT INTO account VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (name) DO UPDATE SET"
                " role = excluded.role, password = excluded.password, sealed = excluded.sealed, active = 1",
                (account.name, account.role, hashed, self.now_s(), account.sealed),
            )
            db.execute("DELETE FROM session WHERE account = ?", (account.name,))
            self.append(db, by, "account", f"{account.name} {account.role}")

    def close_account(self, name: str, by: str) -> bool:
        """It can't log in any more; False when there is none."""
        with self.write() as db:
            done = db.execute("UPDATE account SET active = 0 WHERE name = ? AND active = 1", (name,))
            db.execute("DELETE FROM session WHERE account = ?", (name,))
            if done.rowcount:
                self.append(db, by, "account closed", name)
            return bool(done.rowcount)

    def password_of(self, name: str) -> str | None:
        """The hash of an account; None when it is not there."""
        rows = self.all("SELECT password FROM account WHERE name = ? AND active = 1", (name,))
        return rows[0][0] if rows else None

    def log_in(self, name: str) -> tuple[str, Session]:
        """A session for `name`, whose password was right, and its cookie."""
        token, stored = new_token()
        csrf, now_s = new_token()[0], self.now_s()
        with self.write() as db:
            row = db.execute(_ACCOUNT, (name,)).fetchone()
            account = Account(row[0], row[1], bool(row[2]))
            db.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?)", (stored, name, csrf, now_s, now_s))
            self.append(db, name, "sealed account used" if account.sealed else "login")
        return token, Session(account, csrf, now_s, now_s)

    def session(self, token: str) -> Session | None:
        """The one with this cookie, unless it is over."""
        rows = self.all(
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
            with self.write() as db:
                db.execute(
                    "UPDATE session SET used_s = ? WHERE token = ?", (self.now_s(), stored_form(token))
                )

    def log_out(self, token: str) -> None:
        """The session with this cookie is over."""
        with self.write() as db:
            row = db.execute(
                "DELETE FROM session WHERE token = ? RETURNING account", (stored_form(token),)
            ).fetchone()
            if row:
                self.append(db, row[0], "logout")

    # --- reports ---

    def followed(self) -> int:
        """The id of the newest message of the inbox's store that was looked at."""
        rows = self.all("SELECT value FROM fact WHERE name = 'followed'")
        return int(rows[0][0]) if rows else 0

    def follow(self, reports: Iterable[Report], up_to: int) -> None:
        """Take reports over; one that is here keeps its place and gets the id that it has now."""
        reports = list(reports)
        with self.write() as db:
            note_answers(db, reports)
            db.executemany(
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
            note_withdrawals(db, reports)
            note_words(db)
            db.execute("INSERT OR REPLACE INTO fact VALUES ('followed', ?)", (up_to,))

    def reports(self, *, exercise: bool = False, site: str | None = None, limit: int = 200) -> list[Report]:
        """The newest, newest first."""
        of_one = " AND site = ?" if site is not None else ""
        values = (exercise, site, limit) if site is not None else (exercise, limit)
        rows = self.all(
            f"SELECT {_REPORT} FROM report AS r WHERE exercise = ?{of_one} AND {_NOT_MERGED}"
            " ORDER BY received_s DESC LIMIT ?",
            values,
        )
        return [self._report(row) for row in rows]

    def open_reports(self, *, exercise: bool = False) -> list[Report]:
        """Those that ask for something, or that are urgent, and that nobody resolved or took back."""
        rows = self.all(
            f"SELECT {_REPORT} FROM call CROSS JOIN report AS r USING (address, epoch, number)"
            f" WHERE exercise = ? AND withdrawn_s IS NULL AND {_NOT_MERGED} ORDER BY urgency, received_s",
            (exercise,),
        )
        return [self._report(row) for row in rows]

    def reports_of(self, assignee: str, *, exercise: bool = False) -> list[Report]:
        """What somebody has in hand, newest first."""
        rows = self.all(
            f"SELECT {_REPORT} FROM handling AS h CROSS JOIN report AS r USING (address, epoch, number)"
            f" WHERE assignee = ? AND state <> 'resolved' AND exercise = ? AND {_NOT_MERGED}"
            " ORDER BY received_s DESC",
            (assignee, exercise),
        )
        return [self._report(row) for row in rows]

    def report(self, identity: ReportId) -> Report | None:
        """The report with that identity."""
        rows = self.all(
            f"SELECT {_REPORT} FROM report AS r WHERE address = ? AND epoch = ? AND number = ?",
            _identity(identity),
        )
        return self._report(rows[0]) if rows else None

    def _report(self, row: Sequence[Any]) -> Report:
        report = _report(row)
        return as_of_now(report, self._standing(report.id.address))

    # --- handling ---

    def handling(self, report: ReportId) -> Handling:
        """How far VRD is with it."""
        rows = self.all(_HANDLING_OF, _identity(report))
        return _handling(rows[0]) if rows else Handling()

    def handlings(self, reports: Iterable[Report]) -> dict[ReportId, Handling]:
        """Of those among `reports` that are not new."""
        found = {}
        with self._lock, storage_errors(self.path):
            for report in reports:
                row = self._db.execute(_HANDLING_OF, _identity(report.id)).fetchone()
                if row:
                    found[report.id] = _handling(row)
        return found

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
        with self.write() as db:
            row = db.execute(_HANDLING_OF, _identity(report)).fetchone()
            now = _handling(row) if row else Handling()
            if version is not None and now.version != version:
                raise TakenFirst(now)
            then = now.move(state, by, self.now_s(), assignee=assignee, team=team, result=result)
            db.execute(
                "INSERT OR REPLACE INTO handling VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*_identity(report), *msgspec.structs.astuple(then)),
            )
            detail = " ".join(word for word in (str(report), assignee, team, result) if word)
            self.append(db, by, str(state), detail)
            return then

    def hand_over(self, giver: str, taker: str, *, exercise: bool = False) -> None:
        """What `giver` had in hand in one lane is `taker`'s from now on."""
        with self.write() as db:
            done = db.execute(
                "UPDATE handling AS h SET assignee = ?, version = version + 1"
                " WHERE assignee = ? AND state <> 'resolved' AND ? = coalesce((SELECT exercise"
                " FROM report AS r WHERE r.address = h.address AND r.epoch = h.epoch"
                " AND r.number = h.number), 0)",
                (taker, giver, exercise),
            )
            self.append(db, giver, "handed over", f"{taker}, {done.rowcount}")

    def add_note(self, subject: str, by: str, text: str) -> None:
        """A note at a site or a report."""
        with self.write() as db:
            db.execute(
                "INSERT INTO note (subject, by, at_s, text) VALUES (?, ?, ?, ?)",
                (subject, by, self.now_s(), text[:NOTE_LENGTH_MAX]),
            )
            self.append(db, by, "note", subject)

    def notes(self, subject: str) -> list[tuple[str, int, str]]:
        """Who, when, what; the oldest first."""
        return [
            (by, at_s, text)
            for by, at_s, text in self.all(
                "SELECT by, at_s, text FROM note WHERE subject = ? ORDER BY id", (subject,)
            )
        ]


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
        withdrawn_s=row[10],
        reason=row[11] or "",
    )


def _handling(row: Sequence[Any]) -> Handling:
    return Handling(State(row[0]), *row[1:])
