"""How a Meshtastic radio sends: its queue, its place among the others, its duty cycle. See `mesh`."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from random import Random

import msgspec

from relay.sim.channel import Channel, Transceiver, Tuning
from relay.sim.packets import HOP_LIMIT_DEFAULT, Packet, TxQueue
from relay.sim.usage import DUTY_PERCENT, TxHour

OK, TOO_LARGE, DUTY_CYCLE, FULL, DISABLED = 0, 7, 9, 32, 34  # results of sending, as QueueStatus.res has them

WINDOW_MIN, WINDOW_MAX = 3, 8  # contention windows, as powers of two
SNR_LOW_DB, SNR_HIGH_DB = -20.0, 10.0
PROCESSING_S = 4.5  # what the firmware allows for work on the way


class Role(Enum):
    """Of a device."""

    CLIENT = "CLIENT"
    CLIENT_MUTE = "CLIENT_MUTE"
    ROUTER = "ROUTER"


class Rebroadcast(Enum):
    """What a device relays."""

    ALL = "ALL"
    LOCAL_ONLY = "LOCAL_ONLY"  # what it can read
    CORE_PORTNUMS_ONLY = "CORE_PORTNUMS_ONLY"  # nothing private; its own client isn't shown that either
    NONE = "NONE"


class MeshOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a radio is set up."""

    tuning: Tuning = Tuning()
    role: Role = Role.CLIENT
    rebroadcast: Rebroadcast = Rebroadcast.ALL
    hop_limit: int = HOP_LIMIT_DEFAULT  # for what the radio itself answers
    power_dbm: float = 22.0
    strict_duty: bool = True
    tx_enabled: bool = True


class Sender:
    """The sending half of one radio. `refused` is told what the duty cycle stopped."""

    def __init__(
        self,
        channel: Channel,
        chip: Transceiver,
        chance: Random,
        options: MeshOptions,
        refused: Callable[[Packet], None],
    ) -> None:
        self.options = options
        self.queue = TxQueue(chip.name)
        self.hour = TxHour()  # as the firmware counts it: from its start
        self.stopped = 0  # packets that the duty cycle stopped
        self._channel = channel
        self._timeline = channel.timeline
        self._chip = chip
        self._chance = chance
        self._refused = refused
        self._waiting = False  # the one timer of the queue
        self._boot = 0  # a turn planned before a restart means nothing after it

    def restart(self) -> None:
        """What is in memory goes."""
        self.queue = TxQueue(self._chip.name)
        self.hour = TxHour()
        self._waiting = False
        self._boot += 1

    def add(self, packet: Packet) -> int:
        """Queue a packet, our own or another's; says OK, FULL, DUTY_CYCLE or DISABLED."""
        if not self.options.tx_enabled or not self._chip.on:
            return DISABLED
        if not self._within_duty(self.airtime_s(packet)):
            self._stop(packet)
            return DUTY_CYCLE
        if not self.queue.add(packet):
            return FULL
        self._arm()
        return OK

    def airtime_s(self, packet: Packet) -> float:
        """How long it takes to send."""
        return packet.airtime_s(self.options.tuning.preset)

    def retransmission_s(self, packet: Packet) -> float:
        """How long to wait for an acknowledgement."""
        slots: int = 2 ** self._window() + 2 * WINDOW_MAX + 2 ** ((WINDOW_MIN + WINDOW_MAX) // 2)
        return 2 * self.airtime_s(packet) + slots * self.options.tuning.slot_s + PROCESSING_S

    def silent_minutes(self) -> int:
        """How long the duty cycle says to wait."""
        return self.hour.silent_minutes(self._timeline.now_s)

    def _arm(self) -> None:
        """Let the first of the queue wait for its turn, unless something waits already."""
        if self._waiting or not self.queue.packets:
            return
        self._waiting = True
        first = self.queue.packets[0]
        slots = self._own_slots() if first.source == self._chip.name else self._relay_slots(first.snr_db)
        self._timeline.after(slots * self.options.tuning.slot_s, self._turn, self._boot)

    def _turn(self, boot: int) -> None:
        if boot != self._boot:
            return
        self._waiting = False
        now_s, chip = self._timeline.now_s, self._chip
        if not self.queue.packets:
            return
        if chip.sending is not None or chip.receives(now_s) or chip.senses(now_s):
            self._arm()
            return
        packet = self.queue.packets.pop(0)
        airtime_s = self.airtime_s(packet)
        if not self._within_duty(airtime_s):
            self._stop(packet)
            self._arm()
            return
        self.hour.add(now_s + airtime_s, airtime_s)
        self._channel.transmit(chip, packet, airtime_s, self._arm)

    def _within_duty(self, airtime_s: float) -> bool:
        now_s = self._timeline.now_s
        if self.options.strict_duty:
            return self.hour.allows(now_s, airtime_s)
        return self.hour.percent(now_s) <= DUTY_PERCENT

    def _stop(self, packet: Packet) -> None:
        self.stopped += 1
        self._refused(packet)

    def _window(self) -> int:
        busy = self._chip.busy.percent(self._timeline.now_s) / 100
        return WINDOW_MIN + int(busy * (WINDOW_MAX - WINDOW_MIN))

    def _own_slots(self) -> int:
        return int(self._chance.random() * 2 ** self._window())

    def _relay_slots(self, snr_db: float) -> int:
        """The farther it came, the sooner; routers before all clients."""
        share = min(max((snr_db - SNR_LOW_DB) / (SNR_HIGH_DB - SNR_LOW_DB), 0.0), 1.0)
        window = WINDOW_MIN + int(share * (WINDOW_MAX - WINDOW_MIN))
        if self.options.role is Role.ROUTER:
            return int(self._chance.random() * 2 * window)
        return 2 * WINDOW_MAX + int(self._chance.random() * 2**window)
