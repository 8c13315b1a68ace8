"""Which messages people have sent, under which numbers: one list that follows the station wherever it goes.

The outbox is where forms are kept; this is what is shown of them, in memory. It has to follow three things:
another outbox (the disk failed, or is back), another epoch (open reports have new numbers), and messages that
were sent otherwise, by `naober send`. They are looked for when somebody asks, so nothing of this can hold up
a message. A report with a new number is known by its contents (mark_of), as the inbox knows it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from relay.core.fields import Value
from relay.core.ledger import Ledger, State
from relay.core.log import Row
from relay.core.message import Clock, Kind, Message, Numbering
from relay.core.payloads import message_of
from relay.node.desk.rows import DeskRows, Form, FormState, Place, Said, What, mark_of, sent_as
from relay.node.desk.stamps import Stamp
from relay.node.outbox import SqliteOutbox
from relay.node.station import Station

PLACE_LENGTH_MAX = 21  # of two numbers of 32 bits
FORMS_MAX = 300  # that are shown; the oldest goes first
SCAN_MAX = 600  # reports that are looked through for those that were sent otherwise
KINDS = {
    Kind.REPORT: "report",
    Kind.REQUEST: "request",
    Kind.OFFER: "offer",
    Kind.SITUATION: "situation",
}


class Book:
    """Of one station, on its thread. Every method may raise StorageError where the disk fails for good."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._outbox: SqliteOutbox | None = None
        self._epoch = 0
        self._scanned = 0  # up to which report of this epoch others' were taken up
        self._forms: dict[str, Form] = {}  # in the order in which they were kept
        self._otherwise: set[str] = set()  # ids of those that no form is on disk of
        self._unsafe: set[str] = set()  # ids of those that a power cut would take
        self._about: dict[str, list[str]] = {}  # what takes which back
        self._places: dict[Place, str] = {}
        self._marks: dict[bytes, list[tuple[str, int]]] = {}  # ids and parts: two may say the same
        self._ended: dict[int, Ledger | None] = {}
        self.refresh()

    # --- what there is ---

    def get(self, id: str) -> Form | None:
        """By its id, or by any number that it has had (`<epoch>-<number>`)."""
        if id in self._forms:
            return self._forms[id]
        epoch, _, number = id.partition("-")
        if epoch.isdecimal() and number.isdecimal() and len(id) <= PLACE_LENGTH_MAX:
            return self._forms.get(self._places.get((int(epoch), int(number)), ""))
        return None

    def all(self) -> list[Form]:
        """Newest first."""
        return list(reversed(self._forms.values()))

    def covers(self, epoch: int, first: int, last: int) -> bool:
        """Whether any of these reports is a person's."""
        return any(each == epoch and first <= number <= last for each, number in self._places)

    def is_safe(self, form: Form) -> bool:
        """Whether it is on the disk: all are, but for those that came while that failed."""
        return form.id not in self._unsafe

    def about(self, form: Form) -> list[Form]:
        """What takes it back, the oldest first."""
        return [self._forms[id] for id in self._about.get(form.id, []) if id in self._forms]

    def is_on_disk(self, form: Form) -> bool:
        """Whether it has a row of its own; else only its messages have."""
        return form.id not in self._otherwise

    def state(self, places: tuple[Place, ...]) -> State | None:
        """Where a message stands under its newest number; None when it was lost from sight."""
        epoch, number = places[-1]
        ledger = self._ledger(epoch)
        if ledger is None or not 1 <= number <= ledger.last:
            return None
        state = ledger.state_of(number)
        return None if state is State.REISSUED else state

    # --- what changes ---

    def put(self, form: Form, rows: list[Row] | None = None) -> Form:
        """A form was posted, undone, or sent as `rows` of the present epoch."""
        if rows:
            form = sent_as(form, self._station.forwarder.state.epoch, rows)
        self._note_safety(form.id)
        self._otherwise.discard(form.id)
        self._take(form)
        return form

    def _note_safety(self, id: str) -> None:
        """A form that was held on the disk is safe there, even when it goes from memory."""
        if self._station.outbox.is_memory and id not in self._forms:
            self._unsafe.add(id)

    def refresh(self) -> None:
        """Follow the station."""
        station = self._station
        if station.outbox is not self._outbox:
            self._change_outbox(station.outbox)
        if station.forwarder.state.epoch != self._epoch:
            self._follow()
        self._take_others(self._present())
        self._ledger(self._epoch)

    def _take(self, form: Form) -> None:
        if form.id not in self._forms:
            if oldest := self._oldest():
                self._drop(oldest)
            if form.what.about:
                self._about.setdefault(form.what.about, []).append(form.id)
        self._forms[form.id] = form
        for part, places in enumerate(form.parts):
            owners = self._marks.setdefault(form.marks[part], [])
            if (form.id, part) not in owners:
                owners.append((form.id, part))
            for place in places:
                self._places[place] = form.id

    def _oldest(self) -> Form | None:
        """The one that makes room, where there is none left for another."""
        if len(self._forms) < FORMS_MAX:
            return None
        gone = (form for form in self._forms.values() if form.state is not FormState.HELD)
        return min(gone, key=_age_order, default=None)

    def _drop(self, form: Form) -> None:
        del self._forms[form.id]
        self._about.pop(form.id, None)
        self._otherwise.discard(form.id)
        self._unsafe.discard(form.id)
        for part, (mark, places) in enumerate(zip(form.marks, form.parts, strict=True)):
            owners = [each for each in self._marks.pop(mark, []) if each != (form.id, part)]
            if owners:
                self._marks[mark] = owners
            for place in places:
                self._places.pop(place, None)

    # --- another outbox ---

    def _change_outbox(self, outbox: SqliteOutbox) -> None:
        if outbox.is_memory and self._outbox is not None:
            mine = [form for form in self._forms.values() if self.is_on_disk(form)]
            self._station.on_desk(lambda rows: rows.merge(mine))
        self._ended = {epoch: ledger for epoch, ledger in self._ended.items() if ledger is not None}
        self._outbox, self._epoch, self._scanned = outbox, 0, 0
        others = {id: self._forms[id] for id in self._otherwise} if outbox.is_memory else {}
        found = self._station.on_desk(lambda rows: rows.newest(FORMS_MAX))
        for each in (self._forms, self._otherwise, self._places, self._marks, self._about):
            each.clear()
        self._otherwise.update(others)
        for form in sorted((*others.values(), *found), key=_age_order):
            self._take(form)
        if not outbox.is_memory:
            self._unsafe.clear()

    # --- another epoch ---

    def _follow(self) -> None:
        """Find messages that were issued again; keep their new numbers."""
        log = self._station.forwarder.log
        self._epoch, self._scanned = log.state.epoch, 0
        lost = {each for form in self._forms.values() for each in self._lost(form)}
        last = log.ledger(Numbering.REPORT).last
        found: set[str] = set()
        for row in log.rows(Numbering.REPORT, 1, last) if lost else ():
            place = (self._epoch, row.number)
            owners = self._marks.get(mark_of(row), []) if place not in self._places else []
            if owner := next((each for each in owners if each in lost), None):
                lost.discard(owner)
                self._take(_with_place(self._forms[owner[0]], owner[1], place))
                found.add(owner[0])
        if on_disk := [self._forms[id] for id in found if id not in self._otherwise]:
            self._station.on_desk(lambda rows: rows.merge(on_disk))
        if not self._station.outbox.is_memory:
            self._take_ended()

    def _lost(self, form: Form) -> Iterator[tuple[str, int]]:
        """Which of its messages are open in an epoch that has ended."""
        for part, places in enumerate(form.parts):
            is_closed = places[-1][0] != self._epoch
            if is_closed and self.state(places) in (None, State.WAITING, State.SENT):
                yield form.id, part

    def _ledger(self, epoch: int) -> Ledger | None:
        """That of the present epoch is remembered: it is right about what was receipted when it ends."""
        if epoch == self._station.forwarder.state.epoch:
            self._ended[epoch] = self._station.forwarder.log.ledger(Numbering.REPORT)
        elif epoch not in self._ended:
            self._ended[epoch] = self._station.outbox.ended(epoch)
        return self._ended[epoch]

    # --- what was sent otherwise ---

    def _present(self) -> Iterator[tuple[int, Row]]:
        log, last = self._station.forwarder.log, self._station.forwarder.log.ledger(Numbering.REPORT).last
        first, self._scanned = max(self._scanned + 1, last - SCAN_MAX + 1), last
        yield from ((self._epoch, row) for row in log.rows(Numbering.REPORT, first, last))

    def _take_ended(self) -> None:
        """What was sent otherwise in epochs that have ended; what was issued again is here already."""
        self._take_others(self._present())

        def ended(rows: DeskRows) -> list[tuple[int, Row]]:
            found: list[tuple[int, Row]] = []
            for epoch in rows.epochs():
                if epoch != self._epoch and len(found) < SCAN_MAX:
                    found = [(epoch, row) for row in rows.reports(epoch, SCAN_MAX)] + found
            return found

        self._take_others(iter(self._station.on_desk(ended)))
        in_order = sorted(self._forms.values(), key=_age_order)
        self._forms = {form.id: form for form in in_order}

    def _take_others(self, rows: Iterator[tuple[int, Row]]) -> None:
        for epoch, row in rows:
            if (epoch, row.number) in self._places:
                continue
            said = message_of(row.envelope)
            if said is None or said.header.kind not in KINDS:
                continue
            mark = mark_of(row)
            if owner := self._owner(mark, epoch):
                self._take(_with_place(self._forms[owner[0]], owner[1], (epoch, row.number)))
                continue
            self._otherwise_sent((epoch, row.number), row, said, mark)

    def _owner(self, mark: bytes, epoch: int) -> tuple[str, int] | None:
        """The message that this is another number of: it has none in that epoch."""
        for id, part in self._marks.get(mark, []):
            if epoch not in [of for of, _ in self._forms[id].parts[part]]:
                return id, part
        return None

    def _otherwise_sent(self, place: Place, row: Row, said: Message, mark: bytes) -> None:
        before = self._forms.get(self._places.get((place[0], place[1] - 1), ""))
        follows = before is not None and before.id in self._otherwise and len(before.parts) + 1
        if before is not None and follows and said.values.get("part") == follows:
            self._take(_longer(before, place, said, mark))
            return
        oldest = self._oldest()
        if oldest and row.elapsed_s < oldest.kept.elapsed_s:
            return
        id = f"{place[0]}-{place[1]}"
        self._note_safety(id)
        self._otherwise.add(id)
        self._take(_form_of(id, place, row, said, mark))


def _age_order(form: Form) -> tuple[float, str]:
    return form.kept.elapsed_s, form.id


def _form_of(id: str, place: Place, row: Row, said: Message, mark: bytes) -> Form:
    header = said.header
    time = 0 if header.clock == Clock.NONE else header.time
    kept = Stamp(row.boot, float(row.elapsed_s), time)
    spoke = Said(row.boot, float(row.elapsed_s), 0.0, Clock.NONE)
    what = What(KINDS[Kind(header.kind)], _plain(said.values), header.urgency, header.exercise, spoke)
    return Form(id, FormState.SENT, kept, 0.0, what, ((place,),), (mark,))


def _longer(form: Form, place: Place, said: Message, mark: bytes) -> Form:
    """With one more part of its text."""
    text = f"{form.what.values.get('text', '')} {said.values.get('text', '')}".strip()
    what = msgspec.structs.replace(form.what, values={**form.what.values, "text": text})
    return msgspec.structs.replace(form, what=what, parts=(*form.parts, (place,)), marks=(*form.marks, mark))


def _plain(values: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name not in ("part", "parts")}


def _with_place(form: Form, part: int, place: Place) -> Form:
    places = tuple(sorted({*form.parts[part], place}))
    parts = (*form.parts[:part], places, *form.parts[part + 1 :])
    return msgspec.structs.replace(form, parts=parts)
