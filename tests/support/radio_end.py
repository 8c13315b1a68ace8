"""A node with a radio that a test can listen to, beside the inbox of `ends`."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from relay.core import payloads, wire
from relay.core.events import Event
from relay.core.message import Header, Heard, Kind, ReceiptEntry
from relay.core.papers import Papers
from relay.core.radio import Radio, RadioReport, RadioSettings, Transmission
from tests.support.ends import InboxEnd, NodeEnd, own_entry

READY = RadioReport(ready=True)


class Sent(NamedTuple):
    """One packet on the air."""

    at_s: float
    header: Header
    transmission: Transmission

    @property
    def kind(self) -> str:
        return Kind(self.header.kind).name.lower()


class RadioEnd(NodeEnd):
    """A node whose packets are written down; MQTT is whatever the test makes of it."""

    def __init__(self, seed: int = 0, papers: Papers | None = None, **settings) -> None:
        super().__init__(seed=seed, radio=RadioSettings(**settings), papers=papers)
        self.air: list[Sent] = []
        self.says = READY
        self.on_air.take_report(READY, self.now_s)
        self.forwarder.link_changed("mqtt", False, self.moment)
        self.makes_statuses = True

    @property
    def on_air(self) -> Radio:
        assert self.radio
        return self.radio

    def report_radio(self, **facts) -> None:
        self.on_air.take_report(RadioReport(**{"ready": True, **facts}), self.now_s)

    def dark(self) -> None:
        """MQTT is gone for so long that the radio has taken over; the start window begins."""
        self.run(60.1)
        assert self.on_air.taken_over

    def run(self, seconds: float) -> list[Sent]:
        """Let time pass; the packets that went meanwhile."""
        end_s, was, rounds = self.now_s + seconds, len(self.air), 0
        while self.now_s < end_s:
            rounds += 1
            assert rounds < 20_000, "the radio spins"
            if self.makes_statuses and self.on_air.status_wanted(self.now_s):
                self.status()
            transmission = self.forwarder.next_transmission(self.moment)
            self.events += self.forwarder.take_news()
            if transmission:
                envelope = wire.decode_radio_frame(transmission.frame).envelope
                self.air.append(Sent(self.now_s, wire.parse_header(envelope), transmission))
                self.now_s += transmission.airtime_ms / 1000
                continue
            wakes = (
                self.on_air.wake_s(self.forwarder.log, self.moment),
                self.on_air.take_over_wake_s(),
                self.forwarder.next_wake_s() or inf,
            )
            self.now_s = min(end_s, max(self.now_s + 0.001, min(wake for wake in wakes if wake > self.now_s)))
        return self.air[was:]

    def hear_radio(
        self, envelope: bytes, *, age_s: float | None = 0.0, hops: int = 1, hop_limit: int = 4, snr: int = 5
    ) -> list[Event]:
        frame = wire.encode_radio_frame(envelope, age_s)
        events = self.forwarder.hear(frame, Heard("radio", snr, hops), hop_limit, self.moment)
        self.events += events
        return events

    def receipted(self, inbox: InboxEnd, *, upto: int = 0, state: int = 0) -> None:
        """The inbox has heard this much of us, and a receipt comes by radio."""
        self.hear_radio(inbox.receipt(b"", self.entry(inbox, upto=upto, state=state)))

    def entry(self, inbox: InboxEnd, *, upto: int, state: int) -> ReceiptEntry:
        from relay.core.message import Numbering

        key = (self.signer.address, self.forwarder.state.epoch)
        for numbering, last in ((Numbering.REPORT, upto), (Numbering.STATE, state)):
            for number in range(1, last + 1):
                signature = self.forwarder.log.signature(numbering, number)
                assert signature
                inbox.keep(key, numbering, number, signature)
        return own_entry(self, inbox)


def kinds(sent: list[Sent]) -> list[str]:
    return [each.kind for each in sent]


def advice(inbox: InboxEnd, minutes: float, *entries: ReceiptEntry) -> bytes:
    """A receipt that advises an interval."""
    return inbox.envelope(Kind.RECEIPT, payloads.receipt_payload(b"", minutes, entries))
