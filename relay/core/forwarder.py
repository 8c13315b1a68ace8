"""A node's side of the protocol: submit, receive, wake, frames_for.

The forwarder joins the log (what this node said and where it stands), the sessions (what is on its way
on which link), the schedule (what goes next) and the receipts (what the inbox holds). It does no I/O:
`moment` comes in with every call, frames and events go out.

Order matters in three places.
1. A message is committed before it exists for any link (Log.submit).
2. Nothing goes out on a link before a hello was answered on it: an inbox that holds more than this card
   ever wrote must be heard before the card uses a number twice.
3. An inbox with a newer epoch has its receipts replace what was believed, downwards too, and is asked
   for its history before anything is sent to it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

import msgspec

from relay.core import payloads, wire
from relay.core.air import Air
from relay.core.beliefs import Beliefs
from relay.core.courier import COURIER
from relay.core.events import EpochRaised, Event, InboxChanged, Junk, Proven, RaiseWithheld
from relay.core.heard import HeardStore
from relay.core.ledger import Event as Move
from relay.core.ledger import State
from relay.core.log import EPOCH_STEP_MAX, Chance, Identity, Log, LogState, Outbox, Row
from relay.core.message import (
    Draft,
    Entry,
    Heard,
    History,
    Kind,
    Moment,
    Notice,
    Numbering,
    Receipt,
    ReceiptEntry,
    is_from_inbox,
)
from relay.core.offers import Offers
from relay.core.papers import PAPER_KINDS, Papers, Pinned, Standing
from relay.core.raises import NO_EPOCHS_LEFT, RaiseTokens
from relay.core.ranges import Ranges
from relay.core.receipts import Verdict
from relay.core.schedule import Class, Source, fill
from relay.core.session import HEARD_SPREAD_S, Flight, Session
from relay.errors import WireError

if TYPE_CHECKING:  # most of what a radio takes is loaded where there is one
    from relay.core.radio import Radio, Transmission

MQTT = "mqtt"  # the link that the radio stands by for


class Settings(msgspec.Struct, frozen=True):
    """Limits of one node; every one has a name."""

    batch_bytes: int = 64 * 1024
    batch_messages: int = 512
    reserve_bytes: int = 8 * 1024  # beyond a full window, for urgent reports and the newest status
    backfill_spread_s: float = 600.0


class Forwarder:
    """One node's messages, the links that carry them, and what the inbox said of them."""

    def __init__(
        self,
        identity: Identity,
        outbox: Outbox,
        state: LogState,
        chance: Chance,
        settings: Settings,
        radio: Radio | None = None,
        heard: HeardStore | None = None,
        papers: Papers | None = None,
    ) -> None:
        """`papers`: what authorities said; without them the inbox keys of `identity` are all there is."""
        self._me = identity
        self._chance = chance
        self._settings = settings
        self.log = Log(identity, outbox, state, chance)
        self.sessions: dict[str, Session] = {}
        self.radio = radio
        self.heard = HeardStore() if heard is None else heard
        self._beliefs = Beliefs(identity.address, self.log, self.sessions, self.heard)
        self.papers: Papers = papers or Pinned(identity.inboxes)
        self._standing = Standing(self.papers, self.log, self.heard, self._beliefs, self._ask_anew)
        self._air = Air(
            identity.address, self.log, self.heard, radio, self._receive_envelope, self.papers.refuses
        )
        self._news: list[Event] = []
        self.junk = 0  # what came, and was not what it claims to be
        self._backfill_s: dict[str, float] = {}  # per proven link: from when older statuses may go; 0: now
        self._raises = RaiseTokens()

    @property
    def state(self) -> LogState:
        """What is kept on disk beside the messages."""
        return self.log.state

    @property
    def old_notices(self) -> int:
        """How many notices were dropped as heard before, or of an inbox epoch that has ended."""
        return self._beliefs.old_notices

    def submit(self, drafts: Sequence[Draft], moment: Moment, said: Moment | None = None) -> list[Row]:
        """See Log.submit."""
        rows = self.log.submit(drafts, moment, said)
        if self.radio:
            self.radio.note_reports(self.log, moment.elapsed_s)
            if any(row.numbering is Numbering.STATE for row in rows):
                self.radio.status_made_s = moment.elapsed_s
        return rows

    # --- links ---

    def link_changed(self, link: str, connected: bool, moment: Moment) -> None:
        """A link came up or went."""
        session = self.sessions.setdefault(link, Session(link))
        if connected:
            session.connect(moment.elapsed_s)
        else:
            session.disconnect()
        self._backfill_s.pop(link, None)
        self._news += self._follow(moment)

    def refused(self, link: str, moment: Moment) -> None:
        """The other side refused a frame of ours (an ACL, say)."""
        self.sessions[link].refused(moment.elapsed_s)

    def next_wake_s(self) -> float | None:
        """When `frames_for` should be called next if nothing else happens."""
        if self.papers.dismissed is not None:
            return None
        wakes = [session.next_wake_s() for session in self.sessions.values()]
        wakes += [self.radio.take_over_wake_s()] if self.radio else []
        if self.log.ledger(Numbering.STATE).count(State.WAITING):
            wakes += [at_s for at_s in self._backfill_s.values() if at_s]
        return min((wake for wake in wakes if wake is not None), default=None)

    def frames_for(self, link: str, moment: Moment, room: int) -> list[bytes]:
        """At most `room` frames that should go out on `link` now."""
        session, now_s = self.sessions[link], moment.elapsed_s
        self._news += self._follow(moment)
        frames: list[bytes] = []
        session.timeout(now_s)
        if self.papers.dismissed is not None:
            return []  # nobody takes our word any more; what was said stays here
        if room > 0 and session.hello_due(now_s):
            frames.append(self._question(session, moment))
            if session.is_silent:
                self._backfill_s.pop(link, None)  # the inbox will return for everybody at once
        if now_s >= self._backfill_s.get(link, inf):
            self._backfill_s[link] = 0.0
        while session.proven and len(frames) < room:
            frame = self._batch(session, moment)
            if frame is None:
                break
            frames.append(frame)
        return frames

    def _question(self, session: Session, moment: Moment) -> bytes:
        """A hello. While nothing is proven our grant goes before it: an inbox that does not know us can't
        answer, and learns from it who we are."""
        shown = () if session.proven else (self.papers.grant,)
        hello = self._hello(session, moment)
        return wire.encode_batch([*(Entry(grant) for grant in shown if grant), Entry(hello)])

    def _hello(self, session: Session, moment: Moment) -> bytes:
        nonce, inbox = self._chance.randbytes(wire.NONCE_BYTES), self.state.inbox
        header = self.log.header(Kind.HELLO, self.log.ledger(Numbering.REPORT).last, moment)
        last_state = self.log.ledger(Numbering.STATE).last
        payload = payloads.hello_payload(
            nonce, last_state, inbox.notice_epoch, inbox.notice, self.papers.version
        )
        session.hello_sent(nonce, moment.elapsed_s)
        return wire.sign(header, payload, self._me.network, self._me.sign)

    # --- what goes next ---

    def _batch(self, session: Session, moment: Moment) -> bytes | None:
        if all(each.is_settled for each in self.state.ledgers.values()) and not len(self.heard):
            return None  # as nearly always
        settings = self._settings
        left = settings.batch_bytes * session.window_frames - session.in_flight_bytes()
        ranks: Sequence[Class] = tuple(Class)
        if left < wire.ENVELOPE_BYTES_MAX + wire.ENTRY_OVERHEAD_BYTES:
            left, ranks = left + settings.reserve_bytes, (Class.URGENT, Class.NEWEST)
        if moment.elapsed_s < self._backfill_s.get(session.name, 0.0):
            ranks = tuple(rank for rank in ranks if rank is not Class.HISTORY)
        own = Source(self._me.address, Offers(self._me.address, self.log, session, moment).of)
        sources = [own, *self.heard.sources(session.offered_heard, moment.elapsed_s)]
        budget = min(settings.batch_bytes, left)
        chosen = fill(sources, budget, wire.ENTRY_OVERHEAD_BYTES, settings.batch_messages, ranks)
        if not chosen:
            return None
        flight = Flight(Ranges(), Ranges(), 0, moment.elapsed_s)
        for offer in chosen:
            if offer.heard:
                flight.heard.add(offer.heard)
            else:
                flight.of(offer.numbering).add(offer.number)
        frame = wire.encode_batch([offer.entry for offer in chosen])
        flight.size_bytes = len(frame)
        session.sent(flight)
        for numbering, ledger in self.state.ledgers.items():
            for run in flight.of(numbering):
                ledger.apply(Move.SEND, *run)
        return frame

    # --- what the inbox says ---

    def receive(self, link: str, frame: bytes, moment: Moment) -> list[Event]:
        """Take in a frame from `link`. Junk is an event, never an error."""
        try:
            entries = wire.decode_batch(frame)
        except WireError as error:
            return [Junk(link, error.what.en)]
        events: list[Event] = []
        for entry in entries:
            try:
                events += self._receive_envelope(link, entry.envelope, moment)
            except WireError as error:
                events.append(Junk(link, error.what.en))
        return self._whole(events, moment)

    def _whole(self, events: list[Event], moment: Moment) -> list[Event]:
        """The events of a whole frame: only now is it known what an inbox has truly forgotten."""
        for index, event in enumerate(events):
            self.junk += isinstance(event, Junk)
            if isinstance(event, InboxChanged):
                events[index] = InboxChanged(event.epoch, self._beliefs.still_forgotten())
        return events + self._follow(moment)

    # --- the radio ---

    def hear(self, frame: bytes, how: Heard, hop_limit: int, moment: Moment) -> list[Event]:
        """Take in a frame from the air; `hop_limit` tells how often it would still be relayed."""
        return self._whole(self._air.hear(frame, how, hop_limit, moment), moment)

    def order(self, frame: bytes, moment: Moment) -> list[Event]:
        """Take in what the inbox orders this node to transmit."""
        return self._whole(self._air.order(frame, moment), moment)

    def next_transmission(self, moment: Moment, *, urgent_only: bool = False) -> Transmission | None:
        """The packet that should go by radio now; its airtime is spent."""
        self._news += self._follow(moment)
        dismissed = self.papers.dismissed is not None
        return None if dismissed else self._air.next(moment, urgent_only=urgent_only)

    def _follow(self, moment: Moment) -> list[Event]:
        return self.radio.follow(self.sessions.get(MQTT), moment.elapsed_s) if self.radio else []

    def take_news(self) -> list[Event]:
        """Events that no call returned."""
        news, self._news = self._news, []
        return news

    def _receive_envelope(self, link: str, envelope: bytes, moment: Moment) -> list[Event]:
        header = wire.parse_header(envelope)
        if header.kind in PAPER_KINDS:
            return self._standing.take(envelope, moment)
        key = self.papers.inboxes.get(header.address)
        if key is None or not is_from_inbox(header.kind):
            raise WireError("not from our inbox")
        if not wire.is_authentic(envelope, self._me.network, key):
            raise WireError("signature is not the inbox's")
        said = payloads.decode(envelope, header)
        self.heard.words.note(envelope, said)
        inbox, before = self.state.inbox, self.state.inbox.epoch
        is_news = inbox.is_news(header)
        inbox.hear_time(header, moment)
        if inbox.epoch != before:
            self._ask_anew(moment)
        session = self.sessions.get(link)
        if session and is_news:  # what was said before may be a recording
            session.heard(moment.elapsed_s, self._chance.uniform(0.0, HEARD_SPREAD_S))
        if isinstance(said, Receipt):
            return self._receipt(link, said, is_news, moment)
        if isinstance(said, History):
            return self._beliefs.take_history(link, said, moment)
        return self._beliefs.take_notice(link, said, envelope, moment) if isinstance(said, Notice) else []

    def _receipt(self, link: str, receipt: Receipt, is_news: bool, moment: Moment) -> list[Event]:
        """Within one inbox epoch an entry only adds, so one that was overtaken is as good as the newest."""
        if not is_news and receipt.header.epoch != self.state.believed_epoch:
            return []
        events: list[Event] = []
        covered = False
        for entry in receipt.entries:
            if entry.address == self._me.address:
                events += self._entry(link, entry, receipt, moment)
            else:
                covered |= self.heard.cover(entry)
        if covered:
            self._beliefs.settle_flights(moment)
        if not is_news:
            return events
        if self.radio and link != COURIER:  # advice of weeks ago
            self.radio.advise(receipt.advised_min)
        session = self.sessions.get(link)
        round_trip_s = session.answer(receipt.nonce, moment.elapsed_s) if session else None
        if session and round_trip_s is not None:
            events += self._proven(session, round_trip_s, moment)
        return events

    def _proven(self, session: Session, round_trip_s: float, moment: Moment) -> list[Event]:
        self.heard.uploaded(session.decide())
        if session.name not in self._backfill_s:
            spread_s = self._chance.uniform(0.0, self._settings.backfill_spread_s)
            self._backfill_s[session.name] = moment.elapsed_s + spread_s
            return [Proven(session.name, round_trip_s)]
        return []

    def _entry(self, link: str, entry: ReceiptEntry, said: Receipt, moment: Moment) -> list[Event]:
        verdict = self._beliefs.judge(entry)
        if verdict is Verdict.CLOSED:
            return []
        if self.radio and link != COURIER:  # whoever reads our stick need not hear our radio
            self.radio.named(moment.elapsed_s)
        if verdict is not Verdict.MATCHES:
            return self._raise_epoch(verdict.value, entry.epoch, moment)
        return self._beliefs.take(link, entry, said, moment)

    def _raise_epoch(self, reason: str, above: int, moment: Moment) -> list[Event]:
        if above + 1 + EPOCH_STEP_MAX > wire.NUMBER_MAX:
            return [RaiseWithheld(NO_EPOCHS_LEFT)]
        if not self._raises.take(moment.elapsed_s):
            return [RaiseWithheld(reason)]
        reissued = self.begin_epoch(above, moment)
        return [EpochRaised(self.state.epoch, reason, reissued)]

    def begin_epoch(self, above: int, moment: Moment) -> int:
        """See Log.begin_epoch; every link is proven anew before the new epoch's messages go."""
        reissued = self.log.begin_epoch(above, moment)
        if self.radio:
            self.radio.new_epoch()
        self._ask_anew(moment)
        return reissued

    def _ask_anew(self, moment: Moment) -> None:
        for session in self.sessions.values():
            if session.connected:
                session.ask(moment.elapsed_s)
