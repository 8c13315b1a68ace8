"""A radio's mesh: flooding, acknowledgements, the queue. In virtual time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from relay.core.airtime import Preset
from relay.sim.channel import Transceiver
from relay.sim.mesh import DUTY_CYCLE_NAK, MAX_RETRANSMIT, NO_CHANNEL, NO_ERROR
from relay.sim.packets import TEXT_PORT, TX_QUEUE_MAX, Packet
from relay.sim.sender import DISABLED, DUTY_CYCLE, FULL, OK, Rebroadcast, Role
from tests.sim.air import Air

HOP_KM = 5.0  # one hop is heard, two are not


def line(count: int, **air: object) -> Air:
    world = Air(**air)  # type: ignore[arg-type]
    for index in range(count):
        world.place(index * HOP_KM)
    return world


def test_flooding_reaches_three_relays_and_no_further_than_the_hop_limit() -> None:
    world = line(6)
    packet = world.packet(hop_limit=3)
    assert world.radios[0].send(packet) == OK
    world.run(60)
    assert [len(ear.packets) for ear in world.ears] == [0, 1, 1, 1, 1, 0]
    assert [ear.packets[0].hop_limit for ear in world.ears[1:5]] == [3, 2, 1, 0]
    assert all(ear.packets[0].hop_start == 3 for ear in world.ears[1:5])
    assert [radio.relayed for radio in world.radios] == [0, 1, 1, 1, 0, 0]


def test_a_packet_without_hops_is_relayed_by_nobody_unless_it_wants_an_acknowledgement() -> None:
    world = line(3)
    world.radios[0].send(world.packet(hop_limit=0))
    world.run(30)
    assert [len(ear.packets) for ear in world.ears] == [0, 1, 0]
    world.radios[0].send(world.packet(hop_limit=0, want_ack=True))
    world.run(30)
    assert [len(ear.packets) for ear in world.ears] == [0, 2, 1]


def test_who_hears_another_relay_first_keeps_quiet() -> None:
    # ten radios that all hear each other: without managed flooding each of them would relay
    world = Air()
    for index in range(10):
        world.place(index * 0.1)
    world.radios[0].send(world.packet(hop_limit=3))
    world.run(60)
    assert all(len(ear.packets) == 1 for ear in world.ears[1:])
    assert sum(radio.cancelled for radio in world.radios) >= 5
    assert world.channel.frames <= 5


def test_a_router_relays_before_clients_and_never_gives_up() -> None:
    world = Air()
    world.place(0)
    world.place(0.1)
    world.place(0.2, role=Role.ROUTER)
    for _ in range(10):
        world.radios[0].send(world.packet(hop_limit=3))
        world.run(60)
    assert world.radios[2].relayed == 10
    assert world.radios[2].chip.sent_s > 9 * 0.8
    assert world.radios[1].cancelled >= 8


def test_two_routers_relay_both() -> None:
    world = Air()
    for index in range(3):
        world.place(index * 0.1, role=Role.ROUTER if index else Role.CLIENT)
    for _ in range(10):
        world.radios[0].send(world.packet(hop_limit=3))
        world.run(60)
    assert world.channel.frames == 10 * 3


def test_an_acknowledgement_that_passes_stops_the_relaying_of_what_it_answers() -> None:
    world = Air()
    for index in range(3):
        world.place(index * 0.1)
    sent: list[tuple[int, int]] = []
    transmit = world.channel.transmit

    def record(chip: Transceiver, packet: Packet, airtime_s: float, done: Callable[[], None]) -> None:
        sent.append((chip.name, packet.id))
        transmit(chip, packet, airtime_s, done)

    world.channel.transmit = record  # type: ignore[method-assign]
    for number in range(1, 11):
        world.radios[0].send(world.packet(b"x" * 20, id=number, target=3, want_ack=True))
        world.run(60)
    assert world.ears[0].errors == dict.fromkeys(range(1, 11), NO_ERROR)
    assert sum((2, number) in sent for number in range(1, 11)) <= 2
    assert world.radios[1].relayed >= 10  # it would have


def test_a_muted_client_relays_nothing() -> None:
    world = Air()
    world.place(0)
    world.place(HOP_KM, role=Role.CLIENT_MUTE)
    world.place(2 * HOP_KM)
    world.radios[0].send(world.packet())
    world.run(60)
    assert [len(ear.packets) for ear in world.ears] == [0, 1, 0]


def test_core_portnums_only_drops_private_ports_for_its_own_client_too() -> None:
    world = Air()
    world.place(0)
    world.place(HOP_KM, rebroadcast=Rebroadcast.CORE_PORTNUMS_ONLY)
    world.place(2 * HOP_KM)
    world.radios[0].send(world.packet())
    world.run(60)
    assert [len(ear.packets) for ear in world.ears] == [0, 0, 0]
    world.radios[0].send(world.packet(port=TEXT_PORT))
    world.run(60)
    assert [len(ear.packets) for ear in world.ears] == [0, 1, 1]


def test_another_channel_is_relayed_unread_unless_the_mode_says_local_only() -> None:
    for mode, heard in ((Rebroadcast.ALL, 1), (Rebroadcast.LOCAL_ONLY, 0), (Rebroadcast.NONE, 0)):
        world = Air()
        world.place(0)
        world.place(HOP_KM, key=b"other", rebroadcast=mode)
        world.place(2 * HOP_KM)
        world.radios[0].send(world.packet())
        world.run(60)
        assert len(world.ears[2].packets) == heard


def test_the_same_id_is_heard_once_and_a_new_id_is_needed_to_say_it_again() -> None:
    world = line(2)
    for number in (7, 7, 8):
        world.radios[0].send(world.packet(id=number, hop_limit=0))
        world.run(30)
    assert [packet.id for packet in world.ears[1].packets] == [7, 8]


def test_a_unicast_is_acknowledged_by_its_target() -> None:
    world = line(2)
    world.radios[0].send(world.packet(id=5, target=2, want_ack=True))
    world.run(2.5)
    assert world.ears[0].errors == {5: NO_ERROR}
    assert [packet.source for packet in world.ears[0].packets] == [2]
    world.run(60)
    assert world.channel.frames == 2  # no repetition after it


def test_a_deaf_peer_costs_three_transmissions_and_then_max_retransmit() -> None:
    world = Air()
    world.place(0)
    began_s = []
    world.radios[0].send(world.packet(b"x" * 20, id=5, target=99, want_ack=True))
    for _ in range(300):
        world.run(0.1)
        if world.channel.frames > len(began_s):
            began_s.append(world.timeline.now_s)
        if world.ears[0].errors:
            break
    assert world.ears[0].errors == {5: MAX_RETRANSMIT}
    assert len(began_s) == 3
    assert all(6 <= later - earlier <= 9 for earlier, later in pairwise(began_s))
    assert 20 <= world.timeline.now_s <= 25


def test_an_unknown_target_succeeds_all_the_same_when_somebody_relays() -> None:
    world = line(2)
    world.radios[0].send(world.packet(id=5, target=99, want_ack=True))
    world.run(60)
    assert world.ears[0].errors == {5: NO_ERROR}
    assert world.ears[0].packets == []  # no word of the target: the acknowledgement is our own radio's


def test_a_broadcast_that_wants_an_acknowledgement_gets_it_from_any_relay() -> None:
    world = line(2)
    world.radios[0].send(world.packet(id=5, want_ack=True))
    world.run(60)
    assert world.ears[0].errors == {5: NO_ERROR}
    assert not world.ears[1].packets[0].want_ack  # never on the air


def test_a_target_without_the_channel_says_so() -> None:
    world = Air()
    world.place(0)
    world.place(1, key=b"other", rebroadcast=Rebroadcast.NONE)
    world.radios[0].send(world.packet(id=5, target=2, want_ack=True))
    world.run(30)
    # its refusal travels on the channel that the question came by, which we can read
    assert world.ears[0].errors == {5: NO_CHANNEL}


def test_the_queue_holds_sixteen_and_what_it_refused_may_go_out_later() -> None:
    world = line(2)
    results = [world.radios[0].send(world.packet(want_ack=True, target=2)) for _ in range(20)]
    assert results.count(OK) == TX_QUEUE_MAX
    assert results[TX_QUEUE_MAX:] == [FULL] * 4
    refused = set(range(TX_QUEUE_MAX + 1, 21))
    world.run(90)
    assert refused & {packet.id for packet in world.ears[1].packets}


def test_what_is_urgent_takes_the_place_of_what_is_not() -> None:
    world = line(2)
    sender = world.radios[0]
    for _ in range(TX_QUEUE_MAX):
        sender.send(world.packet(priority=10))
    assert sender.send(world.packet(id=99, priority=100)) == OK
    assert sender.sender.queue.packets[0].id == 99
    assert sender.sender.queue.free == 0


def test_relays_share_the_queue_with_our_own() -> None:
    world = line(3)
    world.radios[2].send(world.packet(hop_limit=3))
    for _ in range(TX_QUEUE_MAX):
        world.radios[1].send(world.packet(b"y" * 200))
    world.run(3)  # what radio 1 sends itself, and what it should relay, wait in one queue
    assert world.radios[1].sender.queue.free < TX_QUEUE_MAX
    world.run(120)
    assert world.radios[1].sender.queue.free == TX_QUEUE_MAX


def test_over_the_duty_cycle_all_is_refused_until_a_restart_or_an_hour() -> None:
    world = line(2)
    sender, ear = world.radios[0], world.ears[0]
    sent = 0
    while sender.send(world.packet(b"x" * 200, hop_limit=0)) == OK:
        world.run(3)
        sent += 1
    assert 185 <= sent <= 192
    assert sender.tx_percent <= 10
    packet, minutes = ear.refusals[0]
    assert 40 <= minutes <= 60
    assert ear.errors[packet.id] == DUTY_CYCLE_NAK
    assert sender.send(world.packet(b"x" * 200)) == DUTY_CYCLE
    # the radio forgets; the law doesn't
    sender.switch(False)
    sender.switch(True)
    assert sender.send(world.packet(b"x" * 200)) == OK
    assert sender.chip.lawful.worst_percent > 9.9
    world.run(3700)
    assert sender.chip.lawful.percent(world.timeline.now_s) == 0


def test_over_the_duty_cycle_what_others_say_is_dropped_without_a_word() -> None:
    world = line(3)
    middle = world.radios[1]
    while middle.send(world.packet(b"x" * 200, hop_limit=0)) == OK:
        world.run(3)
    stopped, errors = middle.sender.stopped, dict(world.ears[1].errors)
    world.radios[0].send(world.packet(b"x" * 231))
    world.run(30)
    assert middle.sender.stopped == stopped + 1
    assert world.ears[1].errors == errors
    assert not any(packet.source == 1 for packet in world.ears[2].packets)


def test_a_radio_that_may_not_transmit_says_so() -> None:
    world = Air()
    assert world.place(0, tx_enabled=False).send(world.packet()) == DISABLED
    assert world.channel.frames == 0


def test_channel_use_is_what_is_heard_and_sent_in_a_minute() -> None:
    world = line(2, preset=Preset.LONG_FAST)
    for _ in range(10):
        world.radios[0].send(world.packet(b"x" * 110, hop_limit=0))
        world.run(5)
    heard, sent = world.radios[1].busy_percent, world.radios[0].busy_percent
    assert abs(heard - 10 * 1.255 / 60 * 100) < 3
    assert abs(sent - heard) < 3
    world.run(70)
    assert world.radios[1].busy_percent == 0


def test_who_waits_for_its_turn_lets_a_frame_pass() -> None:
    # everybody has something to say at the same moment: carrier sense and the window keep most of it whole
    world = Air(seed=3)
    for index in range(8):
        world.place(index * 0.1, role=Role.CLIENT_MUTE)
    for radio in world.radios:
        radio.send(world.packet(b"x" * 50, hop_limit=0))
    world.run(60)
    assert sum(len(ear.packets) for ear in world.ears) > 7 * 4
