"""What a packet costs on the air, and how much of a transmitter's hour is left.

Time on air follows the Semtech formula as RadioLib, and so the Meshtastic firmware, computes it: 16 symbols
of preamble, explicit header, CRC, low-data-rate optimisation for symbols of 16 ms and longer.

The budget counts a rolling hour in minutes. A minute's airtime counts until the whole minute is more than
an hour old, so that the count is never below the true one. It runs on `Moment.elapsed_s`, in which time
without power does not pass: after a restart everything still counts, unless a good clock shows how long the
node was off. What the firmware sends besides (relays above all) is taken from its own report.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from functools import lru_cache
from math import ceil, inf

import msgspec

from relay.core.message import Clock, Moment

MESH_HEADER_BYTES = 16
DATA_BYTES = 7  # the Data protobuf around a payload on a private port ...
DATA_LONG_BYTES = 8  # ... and when the payload's length takes two bytes
SHORT_PAYLOAD_BYTES_MAX = 127
PREAMBLE_SYMBOLS = 16
SLOW_SYMBOL_MS = 16.0

HOUR_S = 3600.0
MINUTE_S = 60.0
DUTY_PERCENT = 10.0  # EU_868, 869.4-869.65 MHz: a legal limit for each transmitter, relays included
LIMIT_MS = HOUR_S * 1000 * DUTY_PERCENT / 100
STATUS_SHARE = 0.6
RELAY_SHARE = 0.5
URGENT_RESERVE = 0.2  # the last part of the hour is for urgency 1 and 2


class Preset(StrEnum):
    """The modem presets that fit EU_868, by Meshtastic's names."""

    SHORT_FAST = "SHORT_FAST"
    SHORT_SLOW = "SHORT_SLOW"
    MEDIUM_FAST = "MEDIUM_FAST"
    MEDIUM_SLOW = "MEDIUM_SLOW"
    LONG_FAST = "LONG_FAST"
    LONG_MODERATE = "LONG_MODERATE"
    LONG_SLOW = "LONG_SLOW"


class Modem(msgspec.Struct, frozen=True):
    """How a preset modulates."""

    spreading_factor: int
    bandwidth_khz: int
    coding_denominator: int  # 5 for 4:5
    slot_ms: int  # of the contention window

    @property
    def symbol_ms(self) -> float:
        """How long one symbol lasts."""
        return float((1 << self.spreading_factor) / self.bandwidth_khz)


MODEMS: dict[Preset, Modem] = {
    Preset.SHORT_FAST: Modem(7, 250, 5, 8),
    Preset.SHORT_SLOW: Modem(8, 250, 5, 10),
    Preset.MEDIUM_FAST: Modem(9, 250, 5, 12),
    Preset.MEDIUM_SLOW: Modem(10, 250, 5, 17),
    Preset.LONG_FAST: Modem(11, 250, 5, 28),
    Preset.LONG_MODERATE: Modem(11, 125, 8, 48),
    Preset.LONG_SLOW: Modem(12, 125, 8, 89),
}


def on_air_bytes(payload_bytes: int, extra_bytes: int = 0) -> int:
    """Bytes of a packet on a private port.

    `extra_bytes` is what the firmware adds: 12 for public-key encryption, 66 for a signature of its own.
    """
    data = DATA_BYTES if payload_bytes <= SHORT_PAYLOAD_BYTES_MAX else DATA_LONG_BYTES
    return MESH_HEADER_BYTES + data + payload_bytes + extra_bytes


@lru_cache(maxsize=4096)
def packet_ms(preset: Preset, packet_bytes: int) -> float:
    """Time on air, in milliseconds, of a packet of so many bytes, mesh header included."""
    modem = MODEMS[preset]
    slow = modem.symbol_ms >= SLOW_SYMBOL_MS
    bits = 8 * packet_bytes - 4 * modem.spreading_factor + 28 + 16  # 16: the CRC
    groups = max(0, ceil(bits / (4 * (modem.spreading_factor - 2 * slow))))
    symbols = PREAMBLE_SYMBOLS + 4.25 + 8 + groups * modem.coding_denominator
    return symbols * modem.symbol_ms


def airtime_ms(preset: Preset, payload_bytes: int, extra_bytes: int = 0) -> float:
    """Time on air, in milliseconds, of `payload_bytes` on a private port."""
    return packet_ms(preset, on_air_bytes(payload_bytes, extra_bytes))


class Use(IntEnum):
    """What airtime was spent on."""

    STATUS = 0
    SPEECH = 1  # reports, receipts, notices
    RELAY = 2  # what others said, sent on by us
    FIRMWARE = 3  # what the radio sent by itself: the mesh's relays, acknowledgements, its beacons


SHARES = {Use.STATUS: STATUS_SHARE, Use.SPEECH: 1.0, Use.RELAY: RELAY_SHARE}


class Minute(msgspec.Struct, array_like=True):
    """Airtime spent in one minute, in ms, by use."""

    at_s: float  # its beginning, in elapsed time
    spent_ms: list[float]


class BudgetState(msgspec.Struct, frozen=True):
    """What is kept on disk."""

    minutes: tuple[Minute, ...]
    elapsed_s: float
    unix_s: float
    clock: Clock


class Budget:
    """One transmitter's rolling hour. All `now_s` are elapsed times that never go back."""

    def __init__(self, limit_ms: float = LIMIT_MS, minutes: Sequence[Minute] = ()) -> None:
        self._limit_ms = limit_ms
        self._minutes = list(minutes)

    def spend(self, ms: float, use: Use, now_s: float) -> None:
        """Count airtime that was, or may have been, used."""
        self._forget(now_s)
        at_s = now_s - now_s % MINUTE_S
        if not self._minutes or self._minutes[-1].at_s < at_s:
            self._minutes.append(Minute(at_s, [0.0] * len(Use)))
        self._minutes[-1].spent_ms[use] += ms

    def give_back(self, ms: float, use: Use, spent_s: float) -> None:
        """Airtime that was counted at `spent_s` was not used after all."""
        at_s = spent_s - spent_s % MINUTE_S
        for minute in self._minutes:
            if minute.at_s == at_s:
                minute.spent_ms[use] = max(0.0, minute.spent_ms[use] - ms)

    def shift(self, seconds: float) -> None:
        """Time is counted from elsewhere now: what was spent moves along."""
        self._minutes = [Minute(each.at_s + seconds, each.spent_ms) for each in self._minutes]

    def report(self, percent: float, now_s: float, uptime_s: float | None = None) -> None:
        """Take in the radio's own count of the last hour (`air_util_tx`, percent).

        What it exceeds ours by, the radio sent by itself. The firmware counts from its start, so with
        `uptime_s` only what was spent since then is compared: a radio that restarts forgets its hour, and
        we do not.
        """
        since_s = now_s - min(HOUR_S, HOUR_S if uptime_s is None else uptime_s)
        unknown_ms = percent / 100 * HOUR_S * 1000
        for minute in reversed(self._minutes):
            if unknown_ms <= 0 or minute.at_s + MINUTE_S <= since_s:
                break
            unknown_ms -= sum(minute.spent_ms)
        if unknown_ms > 0:
            self.spend(unknown_ms, Use.FIRMWARE, now_s)

    def used_ms(self, now_s: float, use: Use | None = None) -> float:
        """Airtime of the last hour, of one use or of all."""
        self._forget(now_s)
        return sum(_of(minute, use) for minute in self._minutes)

    def left_ms(self, use: Use, urgent: bool, now_s: float) -> float:
        """What may be sent now for this use; 0 when nothing may."""
        self._forget(now_s)
        return max(0.0, self._left_ms(self._minutes, use, urgent))

    def room_at_s(self, ms: float, use: Use, urgent: bool, now_s: float) -> float:
        """When `ms` fit: `now_s`, later, or infinity for what never fits."""
        self._forget(now_s)
        for index in range(len(self._minutes) + 1):
            if self._left_ms(self._minutes[index:], use, urgent) >= ms:
                return now_s if index == 0 else max(now_s, _gone_s(self._minutes[index - 1]))
        return inf

    def snapshot(self, moment: Moment) -> BudgetState:
        """What to keep on disk."""
        self._forget(moment.elapsed_s)
        minutes = tuple(Minute(minute.at_s, list(minute.spent_ms)) for minute in self._minutes)
        return BudgetState(minutes, moment.elapsed_s, moment.unix_s, moment.clock)

    @classmethod
    def restore(cls, state: BudgetState, moment: Moment, limit_ms: float = LIMIT_MS) -> Budget:
        """The budget after a restart. Time without power passed only if NTP kept both clocks.

        A GPS receiver that lies, or lags by years, must not give a second hour's airtime.
        """
        off_s = 0.0
        if state.clock == moment.clock == Clock.NTP:
            ran_s = moment.elapsed_s - state.elapsed_s
            off_s = max(0.0, moment.unix_s - state.unix_s - ran_s)
        minutes = [Minute(minute.at_s - off_s, list(minute.spent_ms)) for minute in state.minutes]
        budget = cls(limit_ms, minutes)
        budget._forget(moment.elapsed_s)
        return budget

    def _left_ms(self, minutes: Sequence[Minute], use: Use, urgent: bool) -> float:
        share_ms = SHARES[use] * self._limit_ms - sum(_of(minute, use) for minute in minutes)
        open_ms = self._limit_ms * (1.0 if urgent else 1.0 - URGENT_RESERVE)
        return min(share_ms, open_ms - sum(_of(minute, None) for minute in minutes))

    def _forget(self, now_s: float) -> None:
        while self._minutes and _gone_s(self._minutes[0]) <= now_s:
            del self._minutes[0]


def _of(minute: Minute, use: Use | None) -> float:
    return sum(minute.spent_ms) if use is None else minute.spent_ms[use]


def _gone_s(minute: Minute) -> float:
    """When a minute counts no longer: its last moment is an hour ago."""
    return minute.at_s + MINUTE_S + HOUR_S


def unknown_budget(now_s: float) -> Budget:
    """When the disk can't tell what was spent: only urgent reports may go for an hour."""
    budget = Budget()
    budget.spend((1 - URGENT_RESERVE) * LIMIT_MS, Use.FIRMWARE, now_s)
    return budget
