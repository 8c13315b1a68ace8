"""What goes by radio, and when (rules 10 and 11 and "Radio: what goes when" of the design).

The radio stands by until MQTT has failed for the right reason for long enough (`takeover`); urgent reports
do not wait for that. It is given one packet at a time, the most urgent: airtime is the scarce thing, and
what lies in the firmware's queue can't be taken back. Every packet is counted in the budget before it is
handed out, and given back when it did not go.

Taken over, a node sends a first status somewhere in a window that is as wide as all sites together need,
repeats it at most twice until a receipt names the node, and later ones once per interval and never again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf

import msgspec

from relay.core.airtime import MODEMS, Budget, Preset, Use, airtime_ms
from relay.core.events import Event, TookOver
from relay.core.heard import HeardMessage, HeardStore
from relay.core.ledger import Event as Move
from relay.core.log import Chance, Log
from relay.core.message import Moment, Numbering, Urgency
from relay.core.neighbours import Neighbours
from relay.core.orders import Order, Orders
from relay.core.payloads import may_go_by_radio
from relay.core.radio_plan import USUAL_BYTES, interval_s, receipt_wait_s, window_s
from relay.core.session import Session
from relay.core.takeover import TakeOver
from relay.core.tries import REFUSED_PAUSE_S, Due, Pacing, Tries, Undo
from relay.core.wire import encode_radio_frame

URGENT_WAIT_S = 10.0  # for a receipt by MQTT
URGENT_SPREAD_S = 3.0  # with a turn on the channel within 15 s
URGENT_START_S = 2.0  # when the radio has taken over there is nothing to wait for
URGENT_RECEIPT_S = 8.0  # how long the inbox may take over a receipt for an urgent report
STATUS_REPEATS = 2
FRESH_S = 60.0  # a status younger than this need not be made anew

HOPS = 4  # to the inbox's gateway, until a receipt tells
SLOTS = 48
PROCESSING_S = 10.0
BUSY_PCT, FULL_PCT = 25.0, 40.0  # channel use: from here half as many statuses, and none
USE_MAX = 0.8
FULL_PAUSE_S = 60.0
JITTER = 0.25
RELAYS_MAX = 16
IN_FLIGHT = 2  # a routine packet in the radio's queue, and an urgent one that goes before it


class RadioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the radio of a node is set up."""

    preset: Preset = Preset.LONG_FAST
    extra_bytes: int = 0  # that the firmware adds to a packet
    payload_bytes_max: int = 231
    sites: int = 50  # that share the channel, until the inbox advises


class RadioReport(msgspec.Struct, frozen=True):
    """What the radio says of itself; None: not known."""

    ready: bool = False  # it takes a packet and would transmit it
    channel_pct: float | None = None  # channel use around it
    air_util_tx_pct: float | None = None  # its own transmissions in the last hour
    uptime_s: float | None = None
    payload_bytes_max: int = 231  # it may take less than we were told: newer firmware, or encryption


class Transmission(msgspec.Struct, frozen=True):
    """One packet for the radio; its airtime is spent."""

    frame: bytes
    urgency: int
    airtime_ms: float
    use: Use
    spent_s: float


class _Choice(msgspec.Struct, frozen=True):
    """What could go now."""

    envelope: bytes
    age_s: float | None
    urgency: int
    use: Use
    taken: Callable[[float], Undo]


class Radio:
    """One node's radio, as long as the process lives. Times are elapsed seconds."""

    def __init__(self, settings: RadioSettings, chance: Chance, budget: Budget | None = None) -> None:
        self.settings = settings
        self.budget = budget or Budget()
        self.report = RadioReport()
        self.orders = Orders()
        self.neighbours = Neighbours()
        self.counts: dict[str, int] = {}
        self._chance = chance
        self._duty = TakeOver()
        pacing = Pacing(self._answer_s, lambda: self.interval_s, self._spread)
        self._tries = Tries(settings.payload_bytes_max, pacing)
        self._hops = HOPS
        self._advised_s: float | None = None
        self._status_s = self._routine_s = inf  # from when each may go
        self.status_made_s = -inf  # when one was composed
        self._repeats, self._said = 0, False  # of the first status since it took over
        self._relays: dict[bytes, float] = {}  # urgent messages of others to say once more, and when
        self._room_s = inf  # when the budget has room for what it refused last
        self._undos: dict[bytes, Undo] = {}  # of the frames that were taken last

    # --- standing by, taking over, giving back ---

    @property
    def taken_over(self) -> bool:
        """Whether MQTT has failed for long enough."""
        return self._duty.taken_over

    @property
    def active(self) -> bool:
        """Whether what is not urgent goes by radio."""
        return self._duty.active

    @property
    def interval_s(self) -> float:
        """Between two statuses, as things are now."""
        planned_s = self._advised_s or interval_s(self.settings.sites, self.settings.preset)
        return planned_s * (2 if self._channel_pct >= BUSY_PCT else 1)

    @property
    def status_due_s(self) -> float:
        """When the next status may go; infinity while MQTT carries them."""
        return self._status_s

    @property
    def window_s(self) -> float:
        """In which all sites say their first word."""
        return window_s(self.settings.sites, self.settings.preset)

    def follow(self, session: Session | None, now_s: float) -> list[Event]:
        """Look at the MQTT link: rule 10."""
        change = self._duty.follow(session, now_s)
        if change is None:
            return []
        self._tries.clear()
        if isinstance(change, TookOver):
            self._advised_s = None  # it was for the sites that were on radio then
            self._status_s = self._routine_s = now_s + self._chance.uniform(0.0, self.window_s)
            self._repeats, self._said = STATUS_REPEATS, False
        else:
            self._status_s = self._routine_s = inf
        return [change]

    def take_over_wake_s(self) -> float:
        """When `follow` should look again."""
        return self._duty.wake_s()

    # --- what the inbox and the radio say ---

    def named(self, now_s: float) -> None:
        """A receipt names this node: it is heard."""
        self._tries.named()
        if self._said and self._repeats:  # the first status need not be repeated
            self._status_s = now_s + self._spread(self.interval_s)
            self._repeats = 0

    def inbox_heard(self, hops: int) -> None:
        """So many radios relayed a word of the inbox to us: as many will relay ours."""
        self._hops = hops + 1

    def advise(self, minutes: float) -> None:
        """The inbox counts who is on radio and advises an interval."""
        if self.taken_over and minutes > 0:
            self._advised_s = minutes * 60

    def take_report(self, report: RadioReport, now_s: float) -> None:
        """The radio tells how it is; what it sent besides is counted (rule 11)."""
        self.report = report
        self._tries.limit(min(report.payload_bytes_max, self.settings.payload_bytes_max))
        if report.air_util_tx_pct is not None:
            self.budget.report(report.air_util_tx_pct, now_s, report.uptime_s)

    def heard_urgent(self, key: bytes, is_new: bool, now_s: float) -> None:
        """An urgent message of another arrived that nobody will relay further: say it once more.

        Hearing it again, or a receipt for it, makes that unnecessary.
        """
        if not is_new:
            self._relays.pop(key, None)
        elif len(self._relays) < RELAYS_MAX:
            pause_s = self._chance.uniform(2.0, 4.0) * self._answer_s(USUAL_BYTES, Urgency.URGENT)
            self._relays[key] = now_s + pause_s

    def new_epoch(self) -> None:
        """Reports have other numbers now."""
        self._tries.clear()

    # --- what goes ---

    def status_wanted(self, now_s: float) -> bool:
        """Whether a status is about to go and should be made anew first."""
        if now_s < self.status_made_s + FRESH_S or not self.report.ready or not self._status_due(now_s):
            return False
        return self.budget.left_ms(Use.STATUS, False, now_s) >= self._airtime_ms(USUAL_BYTES)

    def next(self, log: Log, heard: HeardStore, moment: Moment, *, urgent_only: bool) -> Transmission | None:
        """The packet that should go now; ask only when the radio has room for one."""
        now_s = moment.elapsed_s
        self._room_s = inf
        self.note_reports(log, now_s)
        if not self.report.ready:
            return None
        choices = self._choices(log, heard, moment, urgent_only)
        for choice in (each for each in choices if self._tries.fits(each.envelope)):
            frame = encode_radio_frame(choice.envelope, choice.age_s)
            cost_ms = self._airtime_ms(len(frame))
            urgent = choice.urgency <= Urgency.URGENT
            room_s = self.budget.room_at_s(cost_ms, choice.use, urgent, now_s)
            if room_s > now_s:
                self._room_s = min(self._room_s, room_s)
                continue
            self.budget.spend(cost_ms, choice.use, now_s)
            self._undos = dict([*self._undos.items(), (frame, choice.taken(now_s))][-IN_FLIGHT:])
            self.count(choice.use.name.lower())
            return Transmission(frame, choice.urgency, cost_ms, choice.use, now_s)
        return None

    def not_sent(self, transmission: Transmission) -> None:
        """Nothing of it went on the air: give the airtime back and try again a little later."""
        self.budget.give_back(transmission.airtime_ms, transmission.use, transmission.spent_s)
        if undo := self._undos.pop(transmission.frame, None):
            undo()

    def wake_s(self, log: Log, moment: Moment) -> float:
        """When `next` may have something that it has not now; asked after it gave nothing."""
        now_s = moment.elapsed_s
        self.note_reports(log, now_s)
        if not self.report.ready:
            return inf
        wakes = self._tries.wakes_s(log, active=self.active)
        wakes += [*self._relays.values(), *log.proofs.wakes_s(now_s), *([now_s] if self.orders else [])]
        if self.active:
            wakes += [self._status_s] + ([self._routine_s] if now_s < self._routine_s else [])
        later = min((wake for wake in wakes if wake > now_s), default=inf)
        blocked = any(wake <= now_s for wake in wakes)  # by budget or by a full channel
        return min(later, self._room_s, now_s + FULL_PAUSE_S) if blocked else later

    def _choices(self, log: Log, heard: HeardStore, moment: Moment, urgent_only: bool) -> Iterator[_Choice]:
        now_s = moment.elapsed_s
        yield from self._own(self._tries.due(log, moment, urgent=True), log, moment)
        yield from self._ordered(now_s, urgent=True)
        yield from self._relayed(heard, now_s)
        if urgent_only or self._channel_pct >= FULL_PCT:
            return
        yield from self._ordered(now_s, urgent=False)
        yield from self._own(self._tries.proofs(log, moment), log, moment)
        if self._status_due(now_s):
            yield from self._status(log, moment)
        if self.active and now_s >= self._routine_s:
            yield from self._own(self._tries.due(log, moment, urgent=False), log, moment)
            yield from self._own(self._tries.probe(log, now_s), log, moment)

    def note_reports(self, log: Log, now_s: float) -> None:
        """Take up what is new in the log: from now an urgent report has its seconds to go by MQTT."""
        routine = self.active and now_s >= self._routine_s
        self._tries.note(log, now_s, self._urgent_s, routine=routine)

    def _urgent_s(self) -> float:
        if self.active:
            return self._chance.uniform(0.0, URGENT_START_S)
        return URGENT_WAIT_S + self._chance.uniform(0.0, URGENT_SPREAD_S)

    def _own(self, reports: Iterator[Due], log: Log, moment: Moment) -> Iterator[_Choice]:
        for due in reports:
            yield _Choice(due.row.envelope, log.age_s(due.row, moment), due.urgency, Use.SPEECH, due.taken)

    # --- statuses, orders, relays ---

    def _status_due(self, now_s: float) -> bool:
        return self.active and now_s >= self._status_s and self._channel_pct < FULL_PCT

    def _status(self, log: Log, moment: Moment) -> Iterator[_Choice]:
        last = log.ledger(Numbering.STATE).last
        row = next(log.rows(Numbering.STATE, last, last), None) if last else None
        if row is None or not may_go_by_radio(row.envelope):
            return

        def taken(now_s: float) -> Undo:
            was, self._said = self._repeats, True
            pause_s = self.window_s if self._repeats else self._spread(self.interval_s)
            self._status_s, self._repeats = now_s + pause_s, max(0, self._repeats - 1)
            log.ledger(Numbering.STATE).apply(Move.SEND, last)

            def undo() -> None:
                self._status_s, self._repeats = now_s + REFUSED_PAUSE_S, was

            return undo

        yield _Choice(row.envelope, log.age_s(row, moment), Urgency.INFORMATION, Use.STATUS, taken)

    def _ordered(self, now_s: float, *, urgent: bool) -> Iterator[_Choice]:
        for order in self.orders.waiting(now_s, urgent=urgent):
            yield _Choice(order.envelope, 0.0, order.urgency, Use.SPEECH, self._taken_order(order))

    def _taken_order(self, order: Order) -> Callable[[float], Undo]:
        def taken(_now_s: float) -> Undo:
            self.orders.remove(order)
            return lambda: self.orders.put_back(order)

        return taken

    def _relayed(self, heard: HeardStore, now_s: float) -> Iterator[_Choice]:
        for key, due_s in list(self._relays.items()):
            message = heard.get(key)
            if message is None:
                del self._relays[key]
            elif due_s <= now_s:
                yield self._relay(key, message, now_s)

    def _relay(self, key: bytes, message: HeardMessage, now_s: float) -> _Choice:
        def taken(now_s: float) -> Undo:
            del self._relays[key]
            return lambda: self._relays.update({key: now_s + REFUSED_PAUSE_S})

        age_s = None if message.age_s is None else message.age_s + now_s - message.at_s
        return _Choice(message.envelope, age_s, message.header.urgency, Use.RELAY, taken)

    @property
    def _channel_pct(self) -> float:
        return self.report.channel_pct or 0.0

    def _airtime_ms(self, frame_bytes: int) -> float:
        return airtime_ms(self.settings.preset, frame_bytes, self.settings.extra_bytes)

    def _answer_s(self, frame_bytes: int, urgency: int) -> float:
        """How long an answer may take: there and back over all hops, and the inbox's own wait."""
        slot_s = MODEMS[self.settings.preset].slot_ms / 1000
        use = min(USE_MAX, self._channel_pct / 100)
        one_way_s = self._hops * (self._airtime_ms(frame_bytes) / 1000 + SLOTS * slot_s)
        waits_s = URGENT_RECEIPT_S if urgency <= Urgency.URGENT else receipt_wait_s(self.settings.preset)
        return (2 * one_way_s + PROCESSING_S) / (1 - use) + waits_s

    def _spread(self, seconds: float) -> float:
        return seconds * self._chance.uniform(1 - JITTER, 1 + JITTER)

    def count(self, what: str) -> None:
        """One more of `what`."""
        self.counts[what] = self.counts.get(what, 0) + 1
