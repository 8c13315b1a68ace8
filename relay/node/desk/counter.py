"""All that the desk knows and does, on the station's thread: DeskWork asks, and this answers at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.core.message import Moment, Urgency
from relay.core.receipts import InboxView
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.node.desk.band import band_of
from relay.node.desk.book import Book
from relay.node.desk.facts import Exercise, Home, Known, Outcome, Sent, VrdNotice
from relay.node.desk.forms import Forms
from relay.node.desk.progress import Now, Progress
from relay.node.desk.stamps import stamp_of, time_of
from relay.node.desk.vrd import FromVrd
from relay.node.entered import NOT_KNOWN, Entered
from relay.node.station import Station

HOME_SENT_MAX = 4
EMERGENCY_LATE_S = 600


class Counter:
    """Of one node."""

    def __init__(self, station: Station, entered: Entered, interval_s: float) -> None:
        """`interval_s`: between statuses by MQTT."""
        self._station, self._entered, self._interval_s = station, entered, interval_s
        book = Book(station)
        self._book, self._progress = book, Progress(station, book)
        self._forms = Forms(station, book, self._progress)
        self._vrd = FromVrd(station)
        self._changed_by: dict[str, str] = {}  # field: the device that changed it last, since the start

    def moment(self) -> tuple[Moment, InboxView]:
        """Now, for a stamp."""
        now = self._now()
        return now.moment, now.inbox

    def _now(self) -> Now:
        return self._progress.now()

    # --- what is shown ---

    def home(
        self, device: str, site: str, address: str, exercise: Mapping[str, Any] | None, trouble: str
    ) -> Home:
        """See facts.Home; `trouble`: the radio's spoken code."""
        self._forms.refresh()
        now, station = self._now(), self._station
        entered = self.entered()
        unread = [each for each in self._vrd.notices(now) if not each.seen and each.replaced_by is None]
        time = time_of(now.moment, now.inbox)
        time_s = time + EPOCH_2025_UNIX_S if time else None
        asking = stamp_of(now.moment, now.inbox)
        return Home(
            site=site,
            address=address,
            time_s=time_s,
            band=band_of(station, self._progress, now, self._interval_s),
            exercise=_exercise(exercise, time_s),
            unread=len(unread),
            newest_unread=unread[0] if unread else None,
            entered=entered,
            entered_age_s=min((each.age_s for each in entered.values()), default=None),
            sent=self._progress.listed(now, HOME_SENT_MAX),
            sent_total=self._progress.total(),
            emergency=self._emergency(now),
            drafts=station.on_desk(lambda rows: rows.draft_names(device, asking)),
            radio_trouble=trouble,
            revoked=station.forwarder.papers.dismissed is not None,
        )

    def _emergency(self, now: Now) -> Sent | None:
        """The oldest that waits for too long; a real one before one of an exercise."""
        late = []
        for form in self._progress.waiting(now):
            if form.what.urgency == Urgency.EMERGENCY and form.what.kind != "withdrawal":
                sent = self._progress.sent(form, now)
                if not sent.withdrawn and (sent.age_s is None or sent.age_s > EMERGENCY_LATE_S):
                    late.append(sent)
        return next(iter(sorted(late, key=lambda sent: sent.exercise)), None)

    def sent(self, limit: int) -> tuple[Sent, ...]:
        """Newest first."""
        self._forms.refresh()
        return self._progress.listed(self._now(), limit)

    def one(self, id: str) -> Sent | None:
        """See DeskWork."""
        self._forms.refresh()
        form = self._book.get(id)
        return self._progress.sent(form, self._now()) if form else None

    def entered(self) -> dict[str, Known]:
        """What a person entered, as long as it is known."""
        facts = self._entered.facts(*self.moment())
        return {
            name: Known(value=each["value"], age_s=max(0, each["age_s"]), entered=True)
            for name, each in facts.items()
        }

    # --- what is said ---

    def again(self, id: str) -> Outcome | None:
        """What came of a form that was posted before."""
        self._forms.refresh()
        return self._forms.again(id)

    def enter(
        self,
        form: str,
        typed: Mapping[str, str],
        was: Mapping[str, str],
        *,
        same: bool,
        device: str,
        ago_min: int,
    ) -> Outcome:
        """See DeskWork."""
        if again := self.again(form):
            return again
        elsewhere = self._elsewhere(typed, was, device)
        moment, inbox = self.moment()
        safe = True
        if same:
            safe = self._entered.same(moment, inbox, anyhow=True)
        if typed:
            safe = self._entered.put(typed, moment, inbox, ago_min=ago_min, anyhow=True)
        self._changed_by |= dict.fromkeys(typed, device)
        self._forms.note_entered(form)
        return Outcome(sent=None, safe=safe, elsewhere=elsewhere)

    def _elsewhere(self, typed: Mapping[str, str], was: Mapping[str, str], device: str) -> dict[str, Known]:
        """Fields that are not any more as this form had shown them, by somebody else's hand."""
        known = self.entered()
        found = {}
        for name, shown in was.items():
            now = known.get(name)
            if now is None or self._changed_by.get(name) == device:
                continue
            before = "" if shown.strip().lower() in NOT_KNOWN else shown.strip()
            if str(now.value) not in (before, typed.get(name)):
                found[name] = now
        return found

    def submit(
        self, form: str, request: Mapping[str, Any], *, hold: bool, ago_min: int, device: str = ""
    ) -> Outcome:
        """See Forms."""
        return self._forms.submit(form, request, hold=hold, ago_min=ago_min, device=device)

    def undo(self, id: str, device: str = "") -> Sent | None:
        """See Forms."""
        return self._forms.undo(id, device)

    def withdraw(self, form: str, id: str, reason: str, device: str = "") -> Outcome:
        """See Forms."""
        return self._forms.withdraw(form, id, reason, device)

    def answer(self, form: str, number: int, answer: int) -> Outcome:
        """See Forms."""
        return self._forms.answer(form, number, answer)

    def release(self) -> tuple[float, bool]:
        """See Forms."""
        return self._forms.release()

    # --- what VRD says ---

    def notices(self) -> tuple[VrdNotice, ...]:
        """Newest first."""
        return self._vrd.notices(self._now())

    def looked(self, number: int) -> None:
        """See FromVrd."""
        self._vrd.looked(number)

    def public(self) -> VrdNotice | None:
        """See FromVrd."""
        return self._vrd.public(self._now())

    def show_public(self, number: int | None) -> None:
        """See FromVrd."""
        self._vrd.show_public(number)


def _exercise(facts: Mapping[str, Any] | None, time_s: int | None) -> Exercise | None:
    if not facts:
        return None
    left_s = int(facts["left_s"])
    return Exercise(
        name=str(facts.get("name", "")), left_s=left_s, until_s=time_s + left_s if time_s else None
    )
