"""A test message by radio is answered by radio, whatever the node says by MQTT meanwhile."""

from __future__ import annotations

import random

import pytest

from relay.core.airtime import Preset
from relay.core.message import Heard, Urgency
from relay.inbox.air import Air, Order

BEILEN, HILL = b"beil", b"hill"
HOW = Heard("radio", 5, 1)


@pytest.fixture
def air() -> Air:
    air = Air(Preset.LONG_FAST, random.Random(1), lambda: 10)
    air.direct(HILL, 1000.0)
    air.direct(BEILEN, 1000.0)
    return air


def orders(air: Air, start_s: float, end_s: float) -> list[Order]:
    """What is ordered meanwhile; both nodes speak by MQTT each second."""
    found = []
    for second in range(int(start_s), int(end_s)):
        air.direct(HILL, float(second))
        air.direct(BEILEN, float(second))
        for order in air.due(float(second)):
            air.sent(order, 1, float(second))
            found.append(order)
    return found


def hear(air: Air, at_s: float, *, test: bool, fresh: bool = True) -> None:
    air.heard(BEILEN, HILL.hex(), HOW, Urgency.ROUTINE, at_s, fresh=fresh, test=test)


def test_it_is_ordered_within_eight_seconds_though_mqtt_speaks(air) -> None:
    hear(air, 1001.0, test=True)
    assert orders(air, 1002, 1011) == [Order(HILL.hex(), (BEILEN,), True)]


def test_another_message_is_not_since_mqtt_has_told_the_node(air) -> None:
    hear(air, 1001.0, test=False)
    assert orders(air, 1002, 1400) == []


def test_its_repeat_is_answered_again_and_once(air) -> None:
    hear(air, 1001.0, test=True)
    assert len(orders(air, 1002, 1030)) == 1
    hear(air, 1031.0, test=True, fresh=False)
    assert len(orders(air, 1032, 1400)) == 1


def test_a_copy_through_another_relay_asks_for_nothing_more(air) -> None:
    hear(air, 1001.0, test=True)
    hear(air, 1002.0, test=True, fresh=False)
    assert len(orders(air, 1003, 1400)) == 1
