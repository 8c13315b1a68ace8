"""A radio of a few lines, for one behaviour at a time: it speaks the client API and does as its switches say.

The fake radio of the simulator has a mesh behind it; this one has only the quirk under test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from relay.links.meshtastic.proto import load
from relay.links.meshtastic.stream import START, Deframer, enframe

ME = 0x0A0B0C0D
OTHER = 0x01020304
KEY = bytes(range(32))


class RadioStub:
    """`async with RadioStub() as radio`; switches are plain attributes, to be changed at any time."""

    def __init__(self) -> None:
        self.settings: dict[str, dict[str, Any]] = {
            "lora": {
                "use_preset": True,
                "region": "EU_868",
                "modem_preset": "LONG_FAST",
                "hop_limit": 5,
                "tx_enabled": True,
            },
            "device": {"role": "CLIENT", "rebroadcast_mode": "ALL", "node_info_broadcast_secs": 259200},
            "channel": {"name": "naober", "psk": KEY},
            "position": {"position_broadcast_secs": 2147483647},
            "telemetry": {"device_update_interval": 2147483647},
        }
        self.result: Callable[[Any], int | None] = lambda packet: 0  # None: no QueueStatus at all
        self.free = 16
        self.deaf = False  # as after a restart: reads, and says nothing until want_config
        self.lose_first = 0  # so many ToRadio of the next connection are lost
        self.one_client = True
        self.before_handshake = b""  # comes ahead of everything on a new connection
        self.garbage = b""  # comes ahead of every frame
        self.packets: list[Any] = []  # what was to be transmitted
        self.heard: list[str] = []  # the kinds of all ToRadio
        self.connections = 0
        self.port = 0
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> RadioStub:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As when the radio's power goes."""
        assert self._server is not None
        self._server.close()
        self.throw_out()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def throw_out(self) -> None:
        """What the firmware does to its client when another one comes."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    # --- what the radio says ---

    def say(self, **fields: Any) -> None:
        self.say_bytes(load().mesh.FromRadio(**fields).SerializeToString())

    def say_bytes(self, body: bytes) -> None:
        self.raw(self.garbage + enframe(body))

    def raw(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def status(self, packet_id: int = 0, result: int = 0) -> None:
        size = {"res": result, "free": self.free, "maxlen": 16, "mesh_packet_id": packet_id}
        self.say(queueStatus=load().mesh.QueueStatus(**size))

    def hear(self, payload: bytes, sender: int = OTHER, **fields: Any) -> None:
        """A frame of ours comes from the air."""
        self.deliver(sender, {"portnum": 256, "payload": payload, "bitfield": 1}, **fields)

    def deliver(self, sender: int, decoded: dict[str, Any], **fields: Any) -> None:
        packet = load().mesh.MeshPacket(id=77, to=0xFFFFFFFF, decoded=load().mesh.Data(**decoded), **fields)
        setattr(packet, "from", sender)
        self.say(packet=packet)

    def nak(self, packet_id: int, reason: int) -> None:
        payload = load().mesh.Routing(error_reason=reason).SerializeToString()
        self.deliver(ME, {"portnum": 5, "payload": payload, "request_id": packet_id})

    def notify(self, text: str) -> None:
        self.say(clientNotification=load().mesh.ClientNotification(message=text))

    # --- inside ---

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        if self.one_client:
            self.throw_out()
        self._writer, self.connections = writer, self.connections + 1
        lose, self.lose_first = self.lose_first, 0
        writer.write(self.before_handshake)
        deframer = Deframer(load().mesh.ToRadio.FromString)
        try:
            while data := await reader.read(4096):
                for to_radio in deframer.feed(data):
                    lose -= 1
                    if lose < 0 and writer is self._writer:
                        self._take(to_radio)
        except OSError:
            pass
        finally:
            writer.close()

    def _take(self, to_radio: Any) -> None:
        kind = to_radio.WhichOneof("payload_variant")
        self.heard.append(kind)
        if kind == "want_config_id":
            self.deaf = False
            self.configure(to_radio.want_config_id)
        elif kind == "packet":
            self.packets.append(to_radio.packet)
            result = self.result(to_radio.packet)
            if result is not None and not self.deaf:
                self.status(to_radio.packet.id, result)
        elif kind == "heartbeat" and not self.deaf:
            self.status()

    def configure(self, nonce: int) -> None:
        pb, settings = load(), self.settings
        self.say(my_info=pb.mesh.MyNodeInfo(my_node_num=ME))
        self.say(metadata=pb.mesh.DeviceMetadata(firmware_version="2.7.15"))
        channel = pb.mesh.FromRadio().channel
        channel.role = 1
        for name, value in settings["channel"].items():
            setattr(channel.settings, name, value)
        self.say(channel=channel)
        for part in ("device", "position", "lora"):
            config = pb.config.Config()
            of_part = {"device": "DeviceConfig", "position": "PositionConfig", "lora": "LoRaConfig"}[part]
            getattr(config, part).CopyFrom(getattr(pb.config.Config, of_part)(**settings[part]))
            self.say(config=config)
        module = pb.mesh.FromRadio().moduleConfig
        module.telemetry.device_update_interval = settings["telemetry"]["device_update_interval"]
        self.say(moduleConfig=module)
        self.say(config_complete_id=nonce)


__all__ = ["KEY", "ME", "OTHER", "START", "RadioStub"]
