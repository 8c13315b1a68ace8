"""Fake Meshtastic radios that a real client can connect to: a TCP server each, one air for all.

    async with FakeRadios(count=2, speed=10) as radios:
        ...  # 127.0.0.1:radios.ports[0] speaks the firmware's client API

Byte for byte the stream of the firmware, quirks included (`meshtastic_radio.Quirks`). Three belong to the
stream and stand here: a new client throws out the old one; the radio notices that a client has gone only
when a write fails, so that the first frame after it is lost (two, if they follow at once); 15 minutes
without a word from the client close the connection.

With `speed` all of the radios' time runs faster: airtimes, delays, hours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random
from types import TracebackType
from typing import Self

from relay.core.airtime import Preset
from relay.sim.channel import Channel
from relay.sim.meshtastic_radio import FakeRadio, Quirks
from relay.sim.meshtastic_settings import Settings
from relay.sim.meshtastic_stream import RadioStream, Unframer, frame
from relay.sim.places import Place
from relay.sim.timeline import Timeline

HOST = "127.0.0.1"
FIRST_NUMBER = 0x4E410001
SPACING_KM = 1.0

__all__ = ["FakeRadios", "Quirks", "Unframer", "frame"]


class Pace:
    """Pushes a timeline along with the clock, `speed` times as fast."""

    def __init__(self, timeline: Timeline, speed: float) -> None:
        self._timeline = timeline
        self._speed = speed
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._handle: asyncio.TimerHandle | None = None

    def catch_up(self) -> None:
        """Let happen what is due, and plan to be called for what comes next."""
        self._timeline.run_until((self._loop.time() - self._began_s) * self._speed)
        if self._handle is not None:
            self._handle.cancel()
        next_s = self._timeline.next_s()
        if next_s is not None:
            self._handle = self._loop.call_at(self._began_s + next_s / self._speed, self.catch_up)

    def stop(self) -> None:
        """Time stands still."""
        if self._handle is not None:
            self._handle.cancel()


class FakeRadios:
    """Radios on loopback ports, `port` and up, or free ones. Use it as an async context."""

    def __init__(
        self,
        count: int = 1,
        *,
        port: int = 0,
        preset: Preset = Preset.LONG_FAST,
        region: str = "EU_868",
        speed: float = 1.0,
        seed: int = 1,
        quirks: Quirks | None = None,
        places: Sequence[Place] = (),
        shadowing_db: float = 0.0,
        resting: bool = False,
    ) -> None:
        """`resting`: without beacons of their own, as `naober radio set` leaves a radio."""
        chance = Random(seed)  # noqa: S311
        self.timeline = Timeline()
        self.channel = Channel(self.timeline, chance, shadowing_db)
        self.radios = [
            FakeRadio(
                self.channel,
                chance,
                FIRST_NUMBER + index,
                places[index] if places else Place(index * SPACING_KM, 0.0),
                Settings(FIRST_NUMBER + index, preset, region),
                quirks or Quirks(),
                time.time(),
            )
            for index in range(count)
        ]
        if resting:
            for radio in self.radios:
                radio.settings.rest()
        self.streams: list[RadioStream] = []
        self._port = port
        self._speed = speed
        self._pace: Pace | None = None

    @property
    def ports(self) -> list[int]:
        """Where each of them listens."""
        return [stream.port for stream in self.streams]

    def reboot(self, index: int, after_s: float = 0.0) -> None:
        """Restart one of them, now or later: no word, no end of the stream."""
        self._catch_up()
        self.radios[index].reboot(after_s)
        self._catch_up()

    def switch(self, index: int, on: bool) -> None:
        """Power of one of them. Its port stays; what comes in while it is off is lost."""
        self._catch_up()
        self.radios[index].switch(on)
        self._catch_up()

    def _catch_up(self) -> None:
        if self._pace is not None:
            self._pace.catch_up()

    async def open(self) -> None:
        """Start their time and listen."""
        self._pace = Pace(self.timeline, self._speed)
        for index, radio in enumerate(self.radios):
            stream = RadioStream(radio, self.timeline, self._pace.catch_up)
            self.streams.append(stream)
            await stream.listen(HOST, self._port + index if self._port else 0)
        self._pace.catch_up()

    async def close(self) -> None:
        """Close all connections and stop listening."""
        for stream in self.streams:
            await stream.close()
        if self._pace is not None:
            self._pace.stop()

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except OSError:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
