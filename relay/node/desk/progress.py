"""How far each message of a person is: four steps, each of them a fact.

KEPT: it is on disk. UNDER_WAY: it was given to a link. RECEIVED: the ledger has the inbox's receipt; an inbox
that has forgotten it takes that back. READ: a signed notice says so, of an inbox that still holds it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import cast

import msgspec

from relay.core.events import Event, InboxDistrusted, NoticeHeard, Receipted
from relay.core.ledger import State
from relay.core.message import Clock, Moment
from relay.core.receipts import InboxView
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.errors import StorageError
from relay.node.desk.book import Book
from relay.node.desk.facts import Handling, Link, MessageKind, Received, Sent, Step
from relay.node.desk.rows import RECEIPTS_MAX, Form, FormState, Place, ReceiptRow
from relay.node.desk.stamps import Stamp, age_s, stamp_of
from relay.node.desk.tries import Tries
from relay.node.noticing import said_in
from relay.node.outbox import SqliteOutbox
from relay.node.station import Station

LISTED = ("report", "request", "offer", "situation")


class Now(msgspec.Struct, frozen=True):
    """The moment for which something is told."""

    moment: Moment
    inbox: InboxView

    def age_s(self, stamp: Stamp) -> int | None:
        """See stamps."""
        return age_s(stamp, self.moment, self.inbox)


class _Handled(msgspec.Struct, frozen=True):
    """What VRD said of one report."""

    said: tuple[int, int]  # inbox epoch and sequence
    state: str
    text: str
    heard: Stamp
    time_s: int | None


class Progress:
    """Of the messages in one book; a Watch of its station."""

    def __init__(self, station: Station, book: Book) -> None:
        self._station, self._book = station, book
        self._tries = Tries()
        self._began_s = station.moment().elapsed_s  # tries before are not known
        self._outbox: SqliteOutbox | None = None
        self._receipts: list[ReceiptRow] = []
        self._handled: dict[Place, _Handled] = {}
        self._stale = True
        self.refresh()
        station.watch = self

    def now(self) -> Now:
        """For `sent`."""
        return Now(self._station.moment(), self._station.forwarder.state.inbox)

    # --- as a Watch ---

    def saw(self, events: Sequence[Event]) -> None:
        """Remember which receipt was the first to cover a message; a failing disk holds nothing up."""
        reports = [each for each in events if isinstance(each, Receipted) and not each.numbering]
        self._stale |= any(isinstance(each, NoticeHeard | InboxDistrusted) for each in events)
        if not reports:
            return
        with contextlib.suppress(StorageError):
            self.refresh()
        now, epoch = self.now(), self._station.forwarder.state.epoch
        came = stamp_of(now.moment, now.inbox)
        for each in reports:
            if self._book.covers(epoch, each.first, each.last):
                self._keep(ReceiptRow(epoch, each.first, each.last, cast(Link, each.link), each.said_s, came))

    def _keep(self, receipt: ReceiptRow) -> None:
        self._receipts = [*self._receipts, receipt][-RECEIPTS_MAX:]
        with contextlib.suppress(StorageError):
            self._station.on_desk(lambda rows: rows.add_receipt(receipt))

    def went(self, link: str, epoch: int, number: int, *, undone: bool = False) -> None:
        """See Watch."""
        if undone:
            self._tries.came_back((epoch, number))
        else:
            self._tries.went((epoch, number), link, self._station.moment().elapsed_s)

    # --- following the station ---

    def refresh(self) -> None:
        """The book follows, and what is known of its messages does. Raises StorageError."""
        self._book.refresh()
        outbox = self._station.outbox
        if outbox is not self._outbox:
            if outbox.is_memory and self._outbox is not None:
                for receipt in self._receipts:
                    outbox.desk.add_receipt(receipt)
            self._receipts, self._outbox, self._stale = outbox.desk.receipts(), outbox, True
        if self._stale:
            self._read_handling()
            self._stale = False

    def _read_handling(self) -> None:
        rows = self._station.notices
        places: dict[int, list[int]] = {}
        for form in self._book.all():
            for part in form.parts:
                for epoch, number in part:
                    places.setdefault(epoch, []).append(number)
        for epoch, numbers in places.items():
            for number, row in rows.handling(epoch, numbers).items():
                notice = said_in(row)
                header, kept = notice.header, row.kept
                time = 0 if header.clock == Clock.NONE else header.time
                self._handled[epoch, number] = _Handled(
                    kept.said,
                    str(notice.values.get("handling", "seen")),
                    str(notice.values.get("text", "")),
                    Stamp(kept.boot, float(kept.elapsed_s), 0),
                    time + EPOCH_2025_UNIX_S if time else None,
                )

    # --- what is told ---

    def listed(self, now: Now, limit: int) -> tuple[Sent, ...]:
        """Newest first."""
        forms = [form for form in self._book.all() if form.what.kind in LISTED]
        return tuple(self.sent(form, now) for form in forms[:limit])

    def total(self) -> int:
        """How many `listed` has at most."""
        return sum(form.what.kind in LISTED for form in self._book.all())

    def waiting(self, now: Now) -> list[Form]:
        """Forms of people without a receipt, those on hold included; the oldest first."""
        return [form for form in reversed(self._book.all()) if self._waits(form)]

    def _waits(self, form: Form) -> bool:
        if form.state is FormState.HELD:
            return True
        return any(state in (State.WAITING, State.SENT) for state in self._states(form))

    def _states(self, form: Form) -> list[State | None]:
        """Of each of its messages. Of an epoch in memory, which left no ledger, the receipts still tell."""
        states = [self._book.state(places) for places in form.parts]
        return [
            State.RECEIPTED if state is None and self._receipt(places[-1:]) else state
            for state, places in zip(states, form.parts, strict=True)
        ]

    def sent(self, form: Form, now: Now) -> Sent:
        """All that is known of one."""
        states = self._states(form)
        is_received = bool(states) and all(state is State.RECEIPTED for state in states)
        handled = self._handling(form)
        places = tuple(place for part in form.parts for place in part)
        tries = self._tries.of(places)
        held_s = form.due_s - now.moment.elapsed_s if form.state is FormState.HELD else 0.0
        is_fresh = form.kept.elapsed_s >= self._began_s
        taken_back = self._book.about(form)
        return Sent(
            id=form.id,
            kind=cast(MessageKind, form.what.kind),
            values=form.what.values,
            urgency=form.what.urgency,
            exercise=form.what.exercise,
            step=self._step(states, is_received, tries is not None, handled),
            age_s=now.age_s(form.kept),
            hold_s=max(1, round(held_s)) if form.state is FormState.HELD else 0,
            undone=form.state is FormState.UNDONE,
            expired=bool(states) and any(state in (None, State.GIVEN_UP) for state in states),
            safe=is_received or self._book.is_safe(form),
            sent_count=tries.count if tries and is_fresh else 0 if is_fresh else None,
            sent_age_s=int(now.moment.elapsed_s - tries.elapsed_s) if tries else None,
            sent_link=cast(Link, tries.link) if tries else "",
            received=self._received(form, now) if is_received else None,
            handling=self._told(handled, now) if handled else None,
            withdrawn=bool(taken_back),
            withdrawn_age_s=now.age_s(taken_back[0].kept) if taken_back else None,
            withdrawal_received=any(self.is_received(each) for each in taken_back),
        )

    def is_received(self, form: Form) -> bool:
        """Whether all of it has a receipt."""
        states = self._states(form)
        return bool(states) and all(state is State.RECEIPTED for state in states)

    def _step(
        self, states: Sequence[State | None], received: bool, tried: bool, handled: _Handled | None
    ) -> Step:
        believed = self._station.forwarder.state.believed_epoch
        if handled and (received or handled.said[0] >= believed):
            return Step.READ
        if received:
            return Step.RECEIVED
        under_way = tried or State.SENT in states or State.RECEIPTED in states
        return Step.UNDER_WAY if under_way else Step.KEPT

    def _received(self, form: Form, now: Now) -> Received:
        """By the receipt that completed it."""
        found = [self._receipt(places) for places in form.parts]
        known = [each for each in found if each is not None]
        if not known or len(known) < len(found):
            return Received(age_s=None, time_s=None, link="")
        last = max(known, key=lambda each: each.came.elapsed_s)
        return Received(age_s=now.age_s(last.came), time_s=last.said_s, link=last.link)

    def _receipt(self, places: Iterable[Place]) -> ReceiptRow | None:
        """The last that covered it for the first time: there is another one after an inbox had forgotten."""
        for row in reversed(self._receipts):
            if any(epoch == row.epoch and row.first <= number <= row.last for epoch, number in places):
                return row
        return None

    def _handling(self, form: Form) -> _Handled | None:
        """The newest word about any part of it."""
        places = (place for part in form.parts for place in part)
        found = [self._handled[place] for place in places if place in self._handled]
        return max(found, key=lambda each: each.said, default=None)

    def _told(self, handled: _Handled, now: Now) -> Handling:
        return Handling(
            state=handled.state, text=handled.text, age_s=now.age_s(handled.heard), time_s=handled.time_s
        )
