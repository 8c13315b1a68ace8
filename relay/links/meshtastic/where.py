"""Which radio: on USB by its device, or in the network by host and port."""

from __future__ import annotations

import msgspec

from relay.links.meshtastic.serial import open_serial
from relay.links.meshtastic.stream import Stream, open_tcp


class Where(msgspec.Struct, frozen=True):
    """`device` empty: by TCP."""

    device: str = ""
    host: str = "127.0.0.1"
    port: int = 4403

    @property
    def name(self) -> str:
        """For people."""
        return self.device or f"{self.host}:{self.port}"

    async def open(self) -> Stream:
        """Raises LinkError: `R01`, `R04`, `no_access`; by TCP `refused`, `unreachable`."""
        if self.device:
            return await open_serial(self.device)
        return await open_tcp(self.host, self.port)
