"""No schedule, whatever it asks for, gets a transmitter over its duty cycle; and one seed is one history."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.core.airtime import Preset
from relay.sim.packets import PRIVATE_PORT, Packet
from relay.sim.usage import DUTY_PERCENT, HOUR_S, TxHour
from tests.sim.air import KEY, Air

BURSTS = st.lists(
    st.tuples(st.floats(0, 2000), st.integers(1, 40), st.integers(0, 231)), min_size=1, max_size=25
)


class Recorder(TxHour):
    """Keeps every transmission: (end, airtime)."""

    def __init__(self, sent: list[tuple[float, float]]) -> None:
        super().__init__()
        self.sent = sent

    def add(self, end_s: float, airtime_s: float) -> None:
        self.sent.append((end_s, airtime_s))
        super().add(end_s, airtime_s)


def worst_share(sent: list[tuple[float, float]]) -> float:
    """The fullest hour, by its definition: of every window that begins or ends with a transmission."""
    edges = [end for end, _ in sent] + [end - airtime + HOUR_S for end, airtime in sent]
    return max(
        sum(
            max(0.0, min(edge, end) - max(edge - HOUR_S, end - airtime))
            for end, airtime in sent
            if end > edge - HOUR_S
        )
        for edge in edges
    )


@settings(max_examples=25, deadline=None)
@given(BURSTS, st.sampled_from([Preset.LONG_SLOW, Preset.LONG_FAST, Preset.SHORT_FAST]))
def test_no_schedule_gets_a_transmitter_over_its_duty_cycle(
    bursts: list[tuple[float, int, int]], preset: Preset
) -> None:
    world = Air(preset=preset)
    talker, _ = world.place(0), world.place(1)
    sent: list[tuple[float, float]] = []
    talker.chip.lawful = Recorder(sent)
    for wait_s, count, size in bursts:
        for _ in range(count):
            talker.send(world.packet(bytes(size), hop_limit=0))
        world.run(wait_s)
    world.run(600)
    if sent:
        assert worst_share(sent) <= HOUR_S * DUTY_PERCENT / 100 + 1e-6
        assert talker.chip.lawful.worst_percent <= DUTY_PERCENT + 1e-9


def test_as_in_the_firmware_the_queue_may_run_over_when_only_queueing_is_checked() -> None:
    world = Air()
    talker = world.place(0, strict_duty=False)
    for _ in range(300):
        talker.send(world.packet(bytes(231), hop_limit=0))
        world.run(2)
    world.run(60)
    assert DUTY_PERCENT < talker.chip.lawful.worst_percent < DUTY_PERCENT + 16 * 2.2 / 36


def test_an_hour_is_counted_exactly() -> None:
    hour = TxHour()
    hour.add(100.0, 300.0)
    assert hour.allows(100.0, 60.0)
    assert not hour.allows(100.0, 60.1)
    assert not hour.allows(3500.0, 361.0)
    assert not hour.allows(3639.8, 60.1)
    assert hour.allows(3640.0, 60.1)  # its end is then more than an hour after that of the first
    assert hour.percent(3699.9) > 8
    assert hour.percent(3700.0) == 0


def history(seed: int) -> list[tuple[int, int, int, float]]:
    world = Air(seed=seed, shadowing_db=6.0)
    for index in range(12):
        world.place(index * 2.0, y_km=(index % 3) * 2.0)
    for radio in world.radios:
        for step in range(5):
            packet = Packet(radio.number, 0xFFFFFFFF, radio.number * 10 + step, PRIVATE_PORT, bytes(80), KEY)
            world.timeline.at(step * 20.0, radio.send, packet)
    world.run(300)
    return [
        (index, packet.id, packet.hop_limit, packet.snr_db)
        for index, ear in enumerate(world.ears)
        for packet in ear.packets
    ] + [(-1, world.timeline.happened, world.channel.frames, world.channel.delivered)]


def test_one_seed_is_one_history() -> None:
    first = history(1)
    assert len(first) > 100
    assert history(1) == first
    assert history(2) != first
