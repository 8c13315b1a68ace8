"""What becomes of a form that was posted: kept, held for a moment, sent once; undone or withdrawn.

Synchronous, on the station's thread, so no two forms meet. A form is known by its one-time id for as long as
it is remembered: posted twice it does nothing, and tells what came of it the first time.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from relay.core.fields import parse
from relay.core.message import Clock, Confidence, Draft, Kind, Moment, Urgency
from relay.core.parts import split
from relay.core.wire import EPOCH_2025_UNIX_S, NUMBER_MAX
from relay.errors import LedgerError, NaoberError, Text, ValueRefused, WireError
from relay.loopback import is_loopback
from relay.node.desk.book import Book
from relay.node.desk.facts import Outcome, Sent
from relay.node.desk.progress import Now, Progress
from relay.node.desk.rows import Form, FormState, Said, What
from relay.node.desk.stamps import stamp_of
from relay.node.noticing import answer_draft
from relay.node.station import Station
from relay.node.submitting import SEND_KINDS, drafts_of

HOLD_S = 10.0  # "Ongedaan maken (10)"
AGO_MIN_MAX = 48 * 60  # what was written longer ago is not entered as if it counted
ID_FORM = re.compile(r"(?!\d+-\d+$)[A-Za-z0-9_-]{1,64}")
AGAIN_BYTES = 12  # of a name that no posted form has: there is a dot in it
WAIT_S = 60.0
NOT_YOURS = Text("Alleen wie dit verstuurde kan het nu ongedaan maken", "Only who sent this can undo it now")
NOT_YOURS_DO = Text(
    "Wacht tot het weg is. Dan kun je het intrekken, en dat ziet VRD.",
    "Wait until it has gone. Then you can withdraw it, and VRD sees that.",
)

log = logging.getLogger("naober.node")


class Forms:
    """Of one station. Verbs raise ValueRefused or NaoberError with words for whoever posted."""

    def __init__(self, station: Station, book: Book, progress: Progress) -> None:
        self._station, self._book, self._progress = station, book, progress
        self._epoch = 0
        self._by: dict[str, str] = {}  # whose device a form is that is held
        self.refresh()

    def refresh(self) -> None:
        """Follow the station; what was taken back is taken back under its new numbers, too."""
        self._station.on_disk(self._progress.refresh)
        if self._epoch != self._station.forwarder.state.epoch:
            self._epoch = self._station.forwarder.state.epoch
            for form in self._book.all():
                if form.what.kind == "withdrawal":
                    self._withdraw_again(form)

    # --- posting ---

    def submit(
        self, id: str, request: Mapping[str, Any], *, hold: bool, ago_min: int, device: str = ""
    ) -> Outcome:
        """`request`: see submitting.drafts_of. On disk when this returns; an emergency goes at once."""
        self.refresh()
        if again := self.again(id):
            return again
        drafts = drafts_of(dict(request))
        values = {name: value for name, value in drafts[0].values.items() if name not in ("part", "parts")}
        if text := " ".join(str(request["values"].get("text", "")).split()):
            values["text"] = text
        first, now = drafts[0], self._progress.now()
        said = _said(now, ago_min)
        what = What(str(request["kind"]), values, first.urgency, first.exercise, said)
        form = self._new(id, what, now)
        if hold and first.urgency is not Urgency.EMERGENCY:
            self._station.on_desk(lambda rows: rows.keep(form))
            self._book.put(form)
            self._by[id] = device
        else:
            self._send(form, drafts)
        return self._outcome(id)

    def note_entered(self, id: str) -> None:
        """A form with values of the site has been taken."""
        now = self._progress.now()
        what = What("entered", {}, Urgency.INFORMATION, False, _said(now, 0))
        form = msgspec.structs.replace(self._new(id, what, now), state=FormState.ENTERED)
        self._station.on_desk(lambda rows: rows.keep(form))

    def answer(self, id: str, number: int, given: int) -> Outcome:
        """Tell VRD what somebody here says to its notice `number`."""
        self.refresh()
        if again := self.again(id):
            return again
        row, draft = answer_draft(self._station, number, given)
        now = self._progress.now()
        what = What("answer", draft.values, draft.urgency, draft.exercise, _said(now, 0))
        self._send(self._new(id, what, now), [draft])
        self._station.notices.note_seen(row.kept.epoch, row.kept.number, given)
        return self._outcome(id)

    def again(self, id: str) -> Outcome | None:
        """What came of this form before; None when it is new. Raises ValueRefused for what is no id."""
        if not ID_FORM.fullmatch(id):
            raise ValueRefused(
                Text("Dit formulier is niet van deze pagina", "This form is not of this page"),
                Text("Open de pagina opnieuw", "Open the page again"),
            )
        form = self._book.get(id) or self._station.on_desk(lambda rows: rows.form(id))
        if form is None:
            return None
        if form.state is FormState.ENTERED:
            return Outcome(sent=None, repeated=True, safe=self._station.storage is None)
        return msgspec.structs.replace(self._outcome(form.what.about or id, form), repeated=True)

    # --- taking back ---

    def undo(self, id: str, device: str = "") -> Sent | None:
        """Never send it, if it is still held; tells how it is in any case.

        Raises NaoberError for a device that did not post it: VRD would never hear what others keep from it.
        """
        self.refresh()
        form = self._book.get(id)
        if form is None:
            return None
        if form.state is FormState.HELD:
            if device != self._by.get(form.id, device) and not is_loopback(device):  # the box's own screen
                raise NaoberError(NOT_YOURS, NOT_YOURS_DO)
            form = msgspec.structs.replace(form, state=FormState.UNDONE)
            undone = form
            self._station.on_desk(lambda rows: rows.keep(undone))
            self._book.put(form)
            self._by.pop(form.id, None)
        return self._progress.sent(form, self._progress.now())

    def withdraw(self, id: str, about: str, reason: str, device: str = "") -> Outcome:
        """Tell VRD that a message no longer holds; one that is held is never sent."""
        self.refresh()
        if again := self.again(id):
            return again
        target = self._book.get(about)
        if target is None:
            raise NaoberError(
                Text("Dit bericht staat hier niet meer", "This message is here no more"),
                Text("Bel VRD als het niet meer klopt", "Call VRD if it no longer holds"),
            )
        if target.state is FormState.HELD:
            self.undo(target.id, device)
        elif target.state is FormState.SENT and not self._book.about(target):
            self._withdraw(id, target, _reason(reason))
        return self._outcome(target.id)

    def _withdraw(self, id: str, target: Form, reason: str) -> None:
        if not self._book.is_on_disk(target):  # so that it keeps its name
            self._station.on_desk(lambda rows: rows.merge([target]))
            self._book.put(target)
        why = {"reason": reason} if reason else {}
        places = [places[-1] for places in target.parts]
        urgency = Urgency.EMERGENCY if target.what.urgency == Urgency.EMERGENCY else Urgency.ROUTINE
        drafts = [
            Draft(
                kind=Kind.WITHDRAWAL,
                values={"about_epoch": epoch, "about_number": number, **why},
                urgency=urgency,
                exercise=target.what.exercise,
            )
            for epoch, number in places
        ]
        now = self._progress.now()
        values = drafts[0].values
        what = What("withdrawal", values, urgency, target.what.exercise, _said(now, 0), target.id)
        self._send(self._new(id, what, now), drafts)

    def _withdraw_again(self, form: Form) -> None:
        target = self._book.get(form.what.about)
        if target is None or not target.parts:
            return
        place = target.parts[0][-1]
        told = [each.what.values for each in self._book.about(target)]
        if place[0] == self._epoch and place not in [_about(values) for values in told]:
            name = hashlib.sha256(form.id.encode()).hexdigest()[: 2 * AGAIN_BYTES]
            self._withdraw(f"{name}.{self._epoch}", target, str(form.what.values.get("reason", "")))

    # --- sending ---

    def release(self) -> tuple[float, bool]:
        """Send what was held long enough; seconds until there is something again, and whether any went."""
        self.refresh()
        sent, wait_s, now_s = False, WAIT_S, self._station.moment().elapsed_s
        for form in reversed(self._book.all()):
            if form.state is not FormState.HELD:
                continue
            left_s = form.due_s - now_s
            if 0 < left_s <= HOLD_S:  # one that is due later was counted by another outbox
                wait_s = min(wait_s, left_s)
                continue
            try:
                self._send(form, _drafts(form.what))
                sent = True
            except (LedgerError, ValueRefused, WireError) as error:  # the others must go all the same
                log.error("a form that was held is not sent: %s", error)
                self._reload(form.id)
        return wait_s, sent

    def _reload(self, id: str) -> None:
        known = self._station.on_desk(lambda rows: rows.form(id))
        if known:
            self._book.put(known)

    def _new(self, id: str, what: What, now: Now) -> Form:
        kept = stamp_of(now.moment, now.inbox)
        return Form(id, FormState.HELD, kept, kept.elapsed_s + HOLD_S, what)

    def _send(self, form: Form, drafts: list[Draft]) -> None:
        """Form and messages in one commit."""
        said = form.what.said
        moment = Moment(said.elapsed_s, said.boot, said.unix_s, said.clock)
        rows = self._station.submit(drafts, moment, form)
        self._by.pop(form.id, None)
        self._book.put(form, rows)

    def _outcome(self, id: str, otherwise: Form | None = None) -> Outcome:
        form = self._book.get(id) or otherwise
        sent = self._progress.sent(form, self._progress.now()) if form else None
        return Outcome(sent=sent, safe=self._station.storage is None)


def _reason(typed: str) -> str:
    """As it fits beside the longest number that its message may ever have. Raises ValueRefused."""
    reason = " ".join(typed.split())
    if reason:
        split({"about_epoch": NUMBER_MAX, "about_number": NUMBER_MAX, "reason": parse("reason", reason)})
    return reason


def _about(values: Mapping[str, Any]) -> tuple[Any, Any]:
    return values.get("about_epoch"), values.get("about_number")


def _drafts(what: What) -> list[Draft]:
    values = {name: value for name, value in what.values.items() if name != "text"}
    return [
        Draft(
            kind=SEND_KINDS[what.kind],
            values=part,
            urgency=Urgency(what.urgency),
            confidence=Confidence.UNCONFIRMED,
            exercise=what.exercise,
        )
        for part in split(values, str(what.values.get("text", "")))
    ]


def _said(now: Now, ago_min: int) -> Said:
    """When it was said, by the best clock there is now: however late it goes, and if it goes twice."""
    if not 0 <= ago_min <= AGO_MIN_MAX:
        raise ValueRefused(
            Text("Dat is te lang geleden", "That is too long ago"),
            Text("Geef ten hoogste 48 uur", "Give at most 48 hours"),
        )
    time, clock = now.inbox.time(now.moment)
    unix_s = 0.0 if clock is Clock.NONE else float(max(0, time - ago_min * 60) + EPOCH_2025_UNIX_S)
    return Said(now.moment.boot, max(0.0, now.moment.elapsed_s - ago_min * 60), unix_s, clock)
