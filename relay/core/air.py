"""A node's ears and mouth on the air: frames heard, orders of the inbox, and the packet that goes next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from relay.core import payloads, wire
from relay.core.events import Event, Junk, MessageHeard
from relay.core.heard import HeardMessage, HeardStore
from relay.core.log import Log
from relay.core.message import Address, Heard, Kind, Moment, Receipt, is_from_inbox
from relay.errors import WireError

if TYPE_CHECKING:
    from relay.core.radio import Radio, Transmission

RADIO, AIR = "radio", "air"  # the link, and what the inbox orders for it by MQTT
NEVER_BY_RADIO = frozenset((Kind.HELLO, Kind.GRANT, Kind.ENROLMENT_REQUEST))

Take = Callable[[str, bytes, Moment], list[Event]]


class Air:
    """Of one forwarder. `take` judges an envelope of the inbox and raises WireError for any other."""

    def __init__(
        self,
        me: Address,
        log: Log,
        heard: HeardStore,
        radio: Radio | None,
        take: Take,
        refuses: Callable[[Address], bool],
    ) -> None:
        """`refuses` tells whose key was revoked: nothing of theirs is kept or passed on."""
        self._me, self._log, self._heard, self._radio, self._take = me, log, heard, radio, take
        self._refuses = refuses

    def hear(self, frame: bytes, how: Heard, hop_limit: int, moment: Moment) -> list[Event]:
        """Take in a frame from the air. Junk is counted, never an error."""
        try:
            return self._hear(frame, how, hop_limit, moment)
        except WireError as error:
            return self._junk(RADIO, error)

    def order(self, frame: bytes, moment: Moment) -> list[Event]:
        """Take in what the inbox orders this node to transmit; what it did not sign is junk."""
        events: list[Event] = []
        try:
            entries = wire.decode_batch(frame)
        except WireError as error:
            return self._junk(AIR, error)
        for entry in entries:
            try:
                events += self._order(entry.envelope, moment)
            except WireError as error:
                events += self._junk(AIR, error)
        return events

    def next(self, moment: Moment, *, urgent_only: bool = False) -> Transmission | None:
        """The packet that should go now; its airtime is spent."""
        if self._radio is None:
            return None
        return self._radio.next(self._log, self._heard, moment, urgent_only=urgent_only)

    def _hear(self, frame: bytes, how: Heard, hop_limit: int, moment: Moment) -> list[Event]:
        entry, now_s = wire.decode_radio_frame(frame), moment.elapsed_s
        header = wire.parse_header(entry.envelope)
        if is_from_inbox(header.kind):
            events = self._take(RADIO, entry.envelope, moment)
            self._log.proofs.heard_so(how.snr_db, how.hops)
            if self._radio:
                self._radio.inbox_heard(how.hops)
            return events
        if header.kind == Kind.ROSTER_CHANGE:
            return self._take(RADIO, entry.envelope, moment)
        if header.address == self._me or header.kind in NEVER_BY_RADIO:
            raise WireError("our own, or nothing that goes by radio")
        if self._refuses(header.address):
            raise WireError("of a revoked key")
        message = HeardMessage(header, entry.envelope, how, entry.age_s, now_s)
        is_new = self._heard.add(message)
        if self._radio:
            self._radio.neighbours.heard(header.address, how.snr_db, how.hops, now_s)
            if message.is_urgent and (hop_limit == 0 or not is_new):
                self._radio.heard_urgent(wire.signature_of(entry.envelope), is_new, now_s)
        return [MessageHeard(header.address, header.kind, header.urgency, how.hops, how.snr_db)]

    def _order(self, envelope: bytes, moment: Moment) -> list[Event]:
        events = self._take(AIR, envelope, moment)
        if self._radio:
            header = wire.parse_header(envelope)
            said = None if header.kind == Kind.ROSTER_CHANGE else payloads.decode(envelope, header)
            names = [entry.address for entry in said.entries] if isinstance(said, Receipt) else []
            self._radio.orders.take(header, envelope, frozenset(names), moment.elapsed_s)
        return events

    def _junk(self, link: str, error: WireError) -> list[Event]:
        if self._radio:
            self._radio.count("junk")
        return [Junk(link, error.what.en)]
