"""The air: which frame reaches whom. Pure and deterministic; no mesh in here, only radio.

Theory of operation
-------------------
A transmission is two events, its beginning and its end. At its beginning every transceiver in range
either locks on to it, or finds its own frame spoilt by it, or neither. At its end those still locked to it,
unspoilt, receive it. What decides:

- Half duplex: who sends hears nothing, and who stops sending can't lock on to a frame that has begun.
- Loss by distance and shadowing (`places`), the same in both directions and for ever, drawn per pair from
  the seed and the two names, so that adding a radio changes no other link. Per frame a fading of `FADING_DB`
  makes the edge of reception soft.
- The demodulator's limit: the SNR that a spreading factor needs, above the noise of its bandwidth.
- Collisions with capture: the frame that is received survives one that is `CAPTURE_DB` weaker. One that is
  `CAPTURE_DB` stronger takes over while the preamble of the first still runs; otherwise both are lost.
- Carrier sense: `senses` sees a frame that can be decoded once it has been there for one slot (that is what
  a slot is long for). Two that start within one slot collide; hidden nodes collide at any time.
- Only transceivers tuned alike hear each other. Spreading factors are taken as fully orthogonal.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf, log10, sqrt
from random import Random
from typing import Any

import msgspec

from relay.core.airtime import MODEMS, PREAMBLE_SYMBOLS, Preset
from relay.sim.places import SHADOWING_DB, Place, path_loss_db
from relay.sim.timeline import Timeline
from relay.sim.usage import BusyMinute, TxHour

CAPTURE_DB = 6.0
FADING_DB = 2.0
NOISE_FIGURE_DB = 6.0
THERMAL_DBM_HZ = -174.0
SNR_REPORTED_MAX_DB = 12.0  # what the chip's estimate saturates at
CERTAIN, HOPELESS = 0.995, 0.005  # chances of decoding that are not worth a throw of the dice
SNR_MIN_DB = {7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}  # by spreading factor (SX1262)


class Tuning(msgspec.Struct, frozen=True):
    """What two radios must have in common to hear each other."""

    preset: Preset = Preset.LONG_FAST
    region: str = "EU_868"
    slot: int = 0  # of the frequencies within the region

    @property
    def noise_dbm(self) -> float:
        """The receiver's noise floor."""
        return THERMAL_DBM_HZ + 10 * log10(MODEMS[self.preset].bandwidth_khz * 1000) + NOISE_FIGURE_DB

    @property
    def sensitivity_dbm(self) -> float:
        """The level at which half of all frames are decoded."""
        return self.noise_dbm + SNR_MIN_DB[MODEMS[self.preset].spreading_factor]

    @property
    def slot_s(self) -> float:
        """The contention slot: how long carrier sense needs, turn-around included."""
        return MODEMS[self.preset].slot_ms / 1000

    @property
    def preamble_s(self) -> float:
        """While this lasts, a stronger frame may still take over."""
        return PREAMBLE_SYMBOLS * MODEMS[self.preset].symbol_ms / 1000


class _Signal:
    """One transmission."""

    __slots__ = ("airtime_s", "began_s", "frame", "row")

    def __init__(self, frame: Any, began_s: float, airtime_s: float, row: list[_Path]) -> None:
        self.frame = frame
        self.began_s = began_s
        self.airtime_s = airtime_s
        self.row = row


class Transceiver:
    """The chip: sends and receives frames of any type. Made by `Channel.join`."""

    def __init__(self, name: int, place: Place, tuning: Tuning, power_dbm: float, received: Received) -> None:
        self.name = name
        self.place = place
        self.tuning = tuning
        self.power_dbm = power_dbm
        self.received = received
        self.on = True
        self.sending: _Signal | None = None
        self.locked: _Signal | None = None
        self.busy = BusyMinute()
        self.lawful = TxHour()  # what the law counts: a restart doesn't empty it
        self.sent_s = 0.0  # airtime ever
        self.collisions = 0  # frames that were spoilt here
        self._locked_dbm = 0.0
        self._intact = False
        self._audible: list[tuple[_Signal, float, bool]] = []  # (signal, dBm, whether it could be decoded)

    def senses(self, now_s: float) -> bool:
        """Whether channel activity detection finds the channel in use."""
        before_s = now_s - self.tuning.slot_s
        return any(decodes and signal.began_s <= before_s for signal, _, decodes in self._audible)

    def receives(self, now_s: float) -> bool:
        """Whether the preamble or header of a frame has been seen that still runs."""
        return self.locked is not None and self.locked.began_s <= now_s - self.tuning.slot_s

    def switch(self, on: bool) -> None:
        """Power. What is being sent when it goes is cut short: nobody receives it."""
        self.on = on
        self.locked = None
        if not on:
            self.sending = None
            self.busy = BusyMinute()

    def _begin(self, signal: _Signal, dbm: float, decodes: bool) -> None:
        """A frame of another begins here."""
        if self.sending is None and self.on:
            locked = self.locked
            if locked is None:
                if decodes:
                    self.locked, self._locked_dbm = signal, dbm
                    self._intact = all(other <= dbm - CAPTURE_DB for _, other, _ in self._audible)
            elif dbm > self._locked_dbm - CAPTURE_DB:
                in_preamble = signal.began_s < locked.began_s + self.tuning.preamble_s
                takes_over = decodes and in_preamble and dbm >= self._locked_dbm + CAPTURE_DB
                self.collisions += self._intact
                self._intact = takes_over
                if takes_over:
                    self.locked, self._locked_dbm = signal, dbm
        self._audible.append((signal, dbm, decodes))

    def _end(self, signal: _Signal, now_s: float) -> bool:
        """It ends; whether it was received unspoilt."""
        audible = self._audible
        for index, entry in enumerate(audible):
            if entry[0] is signal:
                del audible[index]
                break
        if self.locked is not signal:
            return False
        self.locked = None
        self.busy.add(now_s, signal.airtime_s)
        return self._intact


Received = Callable[[Any, float, float], None]  # frame, SNR in dB, RSSI in dBm
_Path = tuple[Transceiver, float, bool, float, float]  # receiver, dBm, decodes, chance, SNR as reported


class Channel:
    """All transceivers, and what passes between them."""

    def __init__(self, timeline: Timeline, chance: Random, shadowing_db: float = SHADOWING_DB) -> None:
        self.timeline = timeline
        self.members: list[Transceiver] = []
        self.frames = 0  # transmissions so far
        self.delivered = 0  # receptions so far
        self._chance = chance
        self._seed = chance.getrandbits(64)
        self._shadowing_db = shadowing_db
        self._losses_db: dict[tuple[int, int], float] = {}
        self._rows: dict[int, list[_Path]] = {}

    def join(
        self,
        name: int,
        place: Place,
        received: Received,
        tuning: Tuning | None = None,
        power_dbm: float = 22.0,
    ) -> Transceiver:
        """A new transceiver; `received` is called with each frame that reaches it. Names must differ."""
        member = Transceiver(name, place, tuning or Tuning(), power_dbm, received)
        self.members.append(member)
        self._rows.clear()
        return member

    def retune(self, member: Transceiver, tuning: Tuning) -> None:
        """Another preset, region or frequency, from the next frame on."""
        member.tuning = tuning
        self._rows.clear()

    def transmit(self, sender: Transceiver, frame: Any, airtime_s: float, sent: Callable[[], None]) -> None:
        """Put a frame on the air now; `sent` is called at its end, after those who received it."""
        assert sender.on and sender.sending is None, "a transceiver sends one frame at a time"
        now_s = self.timeline.now_s
        row = self._rows.get(sender.name)
        if row is None:
            row = self._rows[sender.name] = self._row(sender)
        signal = _Signal(frame, now_s, airtime_s, row)
        sender.sending, sender.locked = signal, None
        self.frames += 1
        for receiver, dbm, decodes, _, _ in row:
            receiver._begin(signal, dbm, decodes)
        self.timeline.after(airtime_s, self._end, sender, signal, sent)

    def link_db(self, one: Transceiver, other: Transceiver) -> float:
        """The SNR margin above what decodes half of the frames, from `one` to `other`."""
        return self._level_dbm(one, other) - other.tuning.sensitivity_dbm

    def _end(self, sender: Transceiver, signal: _Signal, sent: Callable[[], None]) -> None:
        now_s = self.timeline.now_s
        reached = [path for path in signal.row if path[0]._end(signal, now_s)]
        cut = not sender.on or sender.sending is not signal
        if sender.sending is signal:
            sender.sending = None
        sender.busy.add(now_s, signal.airtime_s)
        sender.lawful.add(now_s, signal.airtime_s)
        sender.sent_s += signal.airtime_s
        if cut:
            return
        noise_dbm = sender.tuning.noise_dbm
        for receiver, dbm, _, chance, snr_db in reached:
            if chance < CERTAIN and self._chance.random() >= chance:
                continue
            self.delivered += 1
            receiver.received(signal.frame, snr_db, max(dbm, noise_dbm))
        sent()

    def _row(self, sender: Transceiver) -> list[_Path]:
        """Everybody whom this sender can reach or disturb."""
        row: list[_Path] = []
        sensitivity_dbm, noise_dbm = sender.tuning.sensitivity_dbm, sender.tuning.noise_dbm
        for receiver in self.members:
            if receiver is sender or receiver.tuning != sender.tuning:
                continue
            dbm = self._level_dbm(sender, receiver)
            if dbm < sensitivity_dbm - 2 * CAPTURE_DB:
                continue
            chance = (1 + erf((dbm - sensitivity_dbm) / FADING_DB / sqrt(2))) / 2
            snr_db = round(min(dbm - noise_dbm, SNR_REPORTED_MAX_DB) * 4) / 4
            row.append((receiver, dbm, chance > HOPELESS, chance, snr_db))
        return row

    def _level_dbm(self, sender: Transceiver, receiver: Transceiver) -> float:
        names = (min(sender.name, receiver.name), max(sender.name, receiver.name))
        loss_db = self._losses_db.get(names)
        if loss_db is None:
            shadow = Random(f"{self._seed} {names}").gauss(0.0, self._shadowing_db)  # noqa: S311
            loss_db = self._losses_db[names] = path_loss_db(sender.place, receiver.place) + shadow
        return sender.power_dbm + sender.place.gain_dbi + receiver.place.gain_dbi - loss_db
