"""One stolen key can't make the inbox's gateways talk without end: urgent answers on the air are rationed."""

from __future__ import annotations

import random

from relay.core.airtime import Preset
from relay.core.message import Entry, Heard, Kind, Urgency
from relay.core.wire import parse_header
from relay.inbox.air import Air
from relay.inbox.hearing import TESTS_AT_ONCE, URGENT_AT_ONCE, Hearing
from relay.inbox.parcel import Item, Parcel
from tests.inbox.desk import Key, Writer

THIEF, INNOCENT, HILL = Writer("dief"), Writer("beilen"), Key("hill")
HOW = Heard("radio", 5, 1)


class Channel:
    """An inbox's ear and plan of the air; an accomplice, or a neighbour, relays what is signed."""

    def __init__(self) -> None:
        self.air = Air(Preset.LONG_FAST, random.Random(1), lambda: 10)
        self.hearing = Hearing(self.air)
        self.now_s = 1000.0
        self.orders = 0
        self.air.direct(HILL.address, self.now_s)

    def bring(self, writer: Writer, envelope: bytes) -> None:
        header = parse_header(envelope)
        item = Item(header, Entry(envelope, 1, HOW), writer, HILL.hex, judged=True, authentic=True)
        self.hearing.tell([Parcel(HILL.hex, [item])], [(header, envelope)], self.now_s)

    def run(self, seconds: int) -> int:
        """What was ordered meanwhile."""
        found = 0
        for _ in range(seconds):
            self.now_s += 1
            self.air.direct(HILL.address, self.now_s)
            for order in self.air.due(self.now_s):
                self.air.sent(order, 1, self.now_s)
                self.air._proved(self.air.sites[order.addresses[0]])  # its next status says that it heard
                found += 1
        return found


def flood(channel: Channel, kind: Kind, urgency: Urgency) -> int:
    """An hour of one new message every ten seconds."""
    ordered = 0
    for number in range(1, 361):
        channel.bring(THIEF, THIEF.report(number, kind=kind, urgency=urgency))
        ordered += channel.run(10)
    return ordered


def test_tests_by_the_hundred_are_answered_by_the_dozen() -> None:
    assert flood(Channel(), Kind.TEST, Urgency.ROUTINE) <= TESTS_AT_ONCE + 30 + 15


def test_so_are_emergencies_that_one_node_says_without_end() -> None:
    ordered = flood(Channel(), Kind.REPORT, Urgency.EMERGENCY)
    assert URGENT_AT_ONCE < ordered <= URGENT_AT_ONCE + 6 + 15


def test_the_emergency_of_another_is_answered_at_once_in_the_midst_of_it() -> None:
    channel = Channel()
    flood(channel, Kind.TEST, Urgency.ROUTINE)
    flood(channel, Kind.REPORT, Urgency.EMERGENCY)
    channel.run(60)
    channel.bring(INNOCENT, INNOCENT.report(1, urgency=Urgency.EMERGENCY))
    assert channel.run(9) == 1


def test_four_tests_in_a_row_of_a_technician_are_each_answered_at_once() -> None:
    channel, number = Channel(), 0
    for _ in range(4):
        for _ in range(3):
            number += 1
            channel.bring(THIEF, THIEF.report(number, kind=Kind.TEST))
            assert channel.run(9) == 1
