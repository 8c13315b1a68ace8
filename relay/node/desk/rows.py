"""What people posted at this node, on disk beside its messages: forms, their numbers, receipts, drafts.

A form and its messages are one commit (SqliteOutbox.along), so that a power cut neither loses nor doubles
one. A form that is held is here before anybody is told that it is kept.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from relay.core.fields import Value
from relay.core.log import Row
from relay.core.message import Clock, Numbering
from relay.database import storage_errors, transaction
from relay.errors import LedgerError
from relay.node.desk.facts import Link
from relay.node.desk.stamps import Stamp
from relay.node.waiting import contents

FORMS_MAX = 1000  # whose ids are remembered; the oldest goes first, one that is held never
ENTERED_MAX = 500  # forms with values of the site, likewise; they push out no message
RECEIPTS_MAX = 500
MARK_BYTES = 12

DRAFT_LIFE_S = 24 * 3600
DRAFTS_MAX = 200
DRAFT_BYTES_MAX = 20_000  # all of one device

Place = tuple[int, int]  # epoch and number of a report of ours
_Messages = tuple[tuple[tuple[Place, ...], ...], tuple[bytes, ...]]


class FormState(IntEnum):
    """What became of a form."""

    HELD = 0
    SENT = 1
    UNDONE = 2
    ENTERED = 3  # values of the site: they go along in the next status


class Said(msgspec.Struct, frozen=True, array_like=True):
    """When a person said it, as its messages will bear it: the same, however late they are made."""

    boot: int
    elapsed_s: float
    unix_s: float
    clock: Clock


class What(msgspec.Struct, frozen=True, array_like=True):
    """What a form says. New fields only at the end."""

    kind: str  # a MessageKind, or "entered"
    values: dict[str, Value]
    urgency: int
    exercise: bool
    said: Said
    about: str = ""  # a withdrawal: the form that it takes back


class Form(msgspec.Struct, frozen=True):
    """One that was posted."""

    id: str
    state: FormState
    kept: Stamp
    due_s: float
    what: What
    parts: tuple[tuple[Place, ...], ...] = ()  # of each message its numbers, the newest last
    marks: tuple[bytes, ...] = ()  # of each message


class ReceiptRow(msgspec.Struct, frozen=True):
    """A receipt, and reports of people that it was the first to cover."""

    epoch: int
    first: int
    last: int
    link: Link
    said_s: int | None
    came: Stamp


def mark_of(row: Row) -> bytes:
    """Short for what a report says and when: it is the same when it is issued again."""
    time, flags, payload = contents(row)
    return hashlib.sha256(time.to_bytes(4, "big") + flags + payload).digest()[:MARK_BYTES]


def sent_as(form: Form, epoch: int, rows: Sequence[Row]) -> Form:
    """`form` when `rows` have become of it."""
    parts = tuple(((epoch, row.number),) for row in rows)
    return msgspec.structs.replace(form, state=FormState.SENT, parts=parts, marks=tuple(map(mark_of, rows)))


class DeskRows:
    """Of one outbox. Every method may raise StorageError."""

    def __init__(self, db: sqlite3.Connection, path: Path | str) -> None:
        self._db, self._path = db, path

    # --- forms ---

    def keep(self, form: Form) -> None:
        """Commit a form that sends nothing now: it is held, undone, or about values of the site."""
        with storage_errors(self._path), transaction(self._db):
            self._put(form)

    def put_sent(self, form: Form, epoch: int, rows: Sequence[Row]) -> None:
        """Within a commit of `rows`: they are what became of `form`. Raises LedgerError for a second time."""
        found = self._db.execute("SELECT state FROM form WHERE id = ?", (form.id,)).fetchone()
        if found and found[0] != FormState.HELD:
            raise LedgerError(f"form {form.id} was {FormState(found[0]).name.lower()} before")
        self._put(sent_as(form, epoch, rows))

    def form(self, id: str) -> Form | None:
        """The one posted under `id`, if it is remembered."""
        found = self._forms("id = ?", (id,))
        return found[0] if found else None

    def newest(self, most: int) -> list[Form]:
        """Those kept last that are messages, and all that are held, oldest first."""
        messages = "SELECT id FROM form WHERE state <> 3 ORDER BY elapsed_s DESC LIMIT ?"
        where = f"state = 0 OR id IN ({messages})"
        return self._forms(where, (most,))

    def reports(self, epoch: int, most: int) -> list[Row]:
        """The last reports of one epoch, oldest first."""
        query = (
            "SELECT number, urgency, boot, elapsed_s, envelope FROM message"
            " WHERE epoch = ? AND numbering = 0 ORDER BY number DESC LIMIT ?"
        )
        with storage_errors(self._path):
            found = self._db.execute(query, (epoch, most)).fetchall()
        return [Row(Numbering.REPORT, *row) for row in reversed(found)]

    def epochs(self) -> list[int]:
        """Of which there is a log, the newest first."""
        with storage_errors(self._path):
            return [epoch for (epoch,) in self._db.execute("SELECT epoch FROM log ORDER BY epoch DESC")]

    def _forms(self, where: str, values: tuple[str | int, ...]) -> list[Form]:
        with storage_errors(self._path):
            rows = self._db.execute(f"SELECT * FROM form WHERE {where} ORDER BY elapsed_s, id", values)
            return [form for row in rows if (form := _form(*row))]

    def _put(self, form: Form) -> None:
        what = msgspec.msgpack.encode(form.what)
        messages = msgspec.msgpack.encode((form.parts, form.marks))
        row = (form.id, form.state, *msgspec.structs.astuple(form.kept), form.due_s, what, messages)
        self._db.execute("INSERT OR REPLACE INTO form VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        for which, most in (("state = 3", ENTERED_MAX), ("state NOT IN (0, 3)", FORMS_MAX)):
            self._db.execute(
                f"DELETE FROM form WHERE {which} AND elapsed_s <="
                f" (SELECT elapsed_s FROM form WHERE {which} ORDER BY elapsed_s DESC LIMIT 1 OFFSET ?)",
                (most,),
            )

    # --- receipts ---

    def add_receipt(self, receipt: ReceiptRow) -> None:
        """Commit one."""
        with storage_errors(self._path), transaction(self._db):
            self._put_receipt(receipt)

    def _put_receipt(self, each: ReceiptRow) -> None:
        row = (each.epoch, each.first, each.last, each.link, each.said_s, *msgspec.structs.astuple(each.came))
        self._db.execute("INSERT INTO receipted VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._db.execute(
            "DELETE FROM receipted WHERE id <= (SELECT max(id) FROM receipted) - ?", (RECEIPTS_MAX,)
        )

    def receipts(self) -> list[ReceiptRow]:
        """In the order in which they came."""
        query = "SELECT epoch, first, last, link, said_s, boot, elapsed_s, time FROM receipted ORDER BY id"
        with storage_errors(self._path):
            return [
                ReceiptRow(epoch, first, last, link, said_s, Stamp(boot, elapsed_s, time))
                for epoch, first, last, link, said_s, boot, elapsed_s, time in self._db.execute(query)
            ]

    # --- drafts ---

    def keep_draft(self, device: str, name: str, typed: dict[str, str], now: Stamp) -> None:
        """Commit what somebody has typed so far; the oldest of too many, or too long ones, go."""
        blob = msgspec.msgpack.encode(typed)
        if len(blob) > DRAFT_BYTES_MAX:
            return
        with storage_errors(self._path), transaction(self._db) as db:
            row = (device, name, *msgspec.structs.astuple(now), blob)
            db.execute("INSERT OR REPLACE INTO draft VALUES (?, ?, ?, ?, ?, ?)", row)
            self._cut_drafts(device)
            db.execute(
                "DELETE FROM draft WHERE elapsed_s < ? OR elapsed_s <="
                " (SELECT elapsed_s FROM draft ORDER BY elapsed_s DESC LIMIT 1 OFFSET ?)",
                (now.elapsed_s - DRAFT_LIFE_S, DRAFTS_MAX),
            )

    def _cut_drafts(self, device: str) -> None:
        """Of one device the newest stay, as far as there is room for them."""
        query = "SELECT name, length(typed) FROM draft WHERE device = ? ORDER BY elapsed_s DESC, name"
        room = DRAFT_BYTES_MAX
        for name, size in self._db.execute(query, (device,)).fetchall():
            room -= size
            if room < 0:
                self._db.execute("DELETE FROM draft WHERE device = ? AND name = ?", (device, name))

    def draft(self, device: str, name: str, now: Stamp) -> dict[str, str]:
        """What was typed; empty when there is none that is young enough."""
        if name not in self.draft_names(device, now):
            return {}
        query = "SELECT typed FROM draft WHERE device = ? AND name = ?"
        with storage_errors(self._path):
            (blob,) = self._db.execute(query, (device, name)).fetchone()
        return msgspec.msgpack.decode(blob, type=dict[str, str])

    def draft_names(self, device: str, now: Stamp) -> tuple[str, ...]:
        """Of one device, the newest first."""
        query = "SELECT name, boot, elapsed_s, time FROM draft WHERE device = ? ORDER BY elapsed_s DESC, name"
        with storage_errors(self._path):
            found = self._db.execute(query, (device,)).fetchall()
        return tuple(name for name, *kept in found if _is_young(Stamp(*kept), now))

    def drop_draft(self, device: str, name: str) -> None:
        """It was sent, or thrown away."""
        with storage_errors(self._path), transaction(self._db):
            self._db.execute("DELETE FROM draft WHERE device = ? AND name = ?", (device, name))

    # --- the disk fails, the disk returns ---

    def take_over(self, other: DeskRows, moved: Callable[[Stamp], Stamp]) -> None:
        """What another outbox of this node kept meanwhile; `moved` gives its moments in our count of time."""
        forms, receipts, drafts = other._forms("1", ()), other.receipts(), other.drafts()
        with storage_errors(self._path), transaction(self._db):
            for form in forms:
                self._merge(_moved(form, moved))
            for receipt in receipts:
                self._put_receipt(msgspec.structs.replace(receipt, came=moved(receipt.came)))
            for device, name, stamp, blob in drafts:
                row = (device, name, *msgspec.structs.astuple(moved(stamp)), blob)
                self._db.execute("INSERT OR REPLACE INTO draft VALUES (?, ?, ?, ?, ?, ?)", row)

    def merge(self, forms: Iterable[Form]) -> None:
        """Commit forms that may be here already."""
        with storage_errors(self._path), transaction(self._db):
            for form in forms:
                self._merge(form)

    def _merge(self, form: Form) -> None:
        """What was sent stays sent, on whichever side that was; and all its numbers stay known."""
        mine = self.form(form.id)
        if mine is None or mine.state is FormState.HELD:
            self._put(form)
        elif mine.parts and len(mine.parts) == len(form.parts):
            both = zip(mine.parts, form.parts, strict=True)
            parts = tuple(tuple(sorted({*ours, *theirs})) for ours, theirs in both)
            self._put(msgspec.structs.replace(mine, parts=parts))

    def drafts(self) -> list[tuple[str, str, Stamp, bytes]]:
        """All of them."""
        query = "SELECT device, name, boot, elapsed_s, time, typed FROM draft"
        with storage_errors(self._path):
            return [
                (device, name, Stamp(boot, elapsed_s, time), blob)
                for device, name, boot, elapsed_s, time, blob in self._db.execute(query)
            ]


def _is_young(kept: Stamp, now: Stamp) -> bool:
    by_clock_s = now.time - kept.time if now.time and kept.time else 0
    return max(now.elapsed_s - kept.elapsed_s, by_clock_s) <= DRAFT_LIFE_S


def _moved(form: Form, moved: Callable[[Stamp], Stamp]) -> Form:
    """The same form in another count of time."""
    said = form.what.said
    before = Stamp(said.boot, said.elapsed_s, 0)
    after, shift_s = moved(before), moved(form.kept).elapsed_s - form.kept.elapsed_s
    what = msgspec.structs.replace(
        form.what, said=msgspec.structs.replace(said, boot=after.boot, elapsed_s=after.elapsed_s)
    )
    return msgspec.structs.replace(form, kept=moved(form.kept), due_s=form.due_s + shift_s, what=what)


def _form(
    id: str, state: int, boot: int, elapsed_s: float, time: int, due_s: float, what: bytes, messages: bytes
) -> Form | None:
    """A row of the table; None for a broken one: SQLite checks its pages, not what is in them."""
    try:
        said = msgspec.msgpack.decode(what, type=What)
        parts, marks = msgspec.msgpack.decode(messages, type=_Messages)
        return Form(id, FormState(state), Stamp(boot, elapsed_s, time), due_s, said, parts, marks)
    except (ValueError, TypeError):
        return None
