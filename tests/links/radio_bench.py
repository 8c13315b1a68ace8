"""A running Meshtastic link, what it said and what it heard."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from relay.links.base import LinkFacts
from relay.links.meshtastic import MeshtasticLink, MeshtasticOptions, Timing, Wanted, fingerprint
from relay.links.radio import HeardFrame, RadioLink
from tests.links.radio_stub import KEY
from tests.support.clients import until

WANTED = Wanted(channel_name="naober", channel_key=fingerprint(KEY))
TIMING = Timing(handshake_s=5.0, ask_again_s=0.2, heartbeat_s=0.3, answer_s=0.3, status_s=0.3)
PATIENT = msgspec.structs.replace(TIMING, heartbeat_s=60.0)  # nothing but what the test does
AIRTIME_MS = 10.0


class Bench:
    """`async with Bench(port=...).running() as link`."""

    def __init__(self, **options: Any) -> None:
        made = {"airtime_ms": lambda payload_bytes: AIRTIME_MS, "wanted": WANTED, "timing": PATIENT}
        self.link = MeshtasticLink(MeshtasticOptions(**{**made, **options}), random.Random(7).random)
        self.port: RadioLink = self.link
        self.heard: list[HeardFrame] = []
        self.facts: list[LinkFacts] = []

    @contextlib.asynccontextmanager
    async def running(self, *, connected: bool = True) -> AsyncIterator[MeshtasticLink]:
        task = asyncio.create_task(self.link.run(self.heard.append, self.facts.append))
        try:
            if connected:
                await until(lambda: task.done() or self.link.facts.connected)
            yield self.link
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    def codes(self) -> list[str]:
        return [fact.code for fact in self.facts]

    def payloads(self) -> list[bytes]:
        return [frame.payload for frame in self.heard]
