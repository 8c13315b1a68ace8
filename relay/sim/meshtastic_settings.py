"""What a fake radio is set to: region, preset, role, channels, owner, in the firmware's own messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import xor
from typing import Any

from relay.core.airtime import Preset
from relay.sim import meshtastic_proto as pb
from relay.sim.channel import Tuning
from relay.sim.sender import MeshOptions, Rebroadcast, Role

CHANNELS = 8
DEFAULT_PSK = b"\x01"  # stands for the key that everybody knows
NODE_INFO_S_DEFAULT = 10_800
REST_S = 72 * 3600  # the longest interval of NodeInfo
POWER_DBM_DEFAULT, POWER_DBM_MAX = 22, 27
ONLY_CONFIG, ONLY_NODES = 69420, 69421  # nonces of want_config
FIRMWARE = "2.7.26.54e0d8d"

CONFIG_PARTS = ("device", "position", "power", "network", "display", "lora", "bluetooth", "security")
MODULE_PARTS = (
    "mqtt",
    "serial",
    "external_notification",
    "store_forward",
    "range_test",
    "telemetry",
    "canned_message",
    "audio",
    "remote_hardware",
    "neighbor_info",
    "ambient_lighting",
    "detection_sensor",
    "paxcounter",
)
_ROLES = {"CLIENT_MUTE": Role.CLIENT_MUTE, "ROUTER": Role.ROUTER, "REPEATER": Role.ROUTER}
_REBROADCAST = {
    "LOCAL_ONLY": Rebroadcast.LOCAL_ONLY,
    "KNOWN_ONLY": Rebroadcast.LOCAL_ONLY,
    "CORE_PORTNUMS_ONLY": Rebroadcast.CORE_PORTNUMS_ONLY,
    "NONE": Rebroadcast.NONE,
}


class Settings:
    """What outlasts a restart."""

    def __init__(self, number: int, preset: Preset = Preset.LONG_FAST, region: str = "EU_868") -> None:
        self.config = pb.localonly.LocalConfig()
        self.modules = pb.localonly.LocalModuleConfig()
        for part in CONFIG_PARTS:
            getattr(self.config, part).SetInParent()
        for part in MODULE_PARTS:
            getattr(self.modules, part).SetInParent()
        self.config.device.node_info_broadcast_secs = NODE_INFO_S_DEFAULT
        lora = self.config.lora
        lora.use_preset = lora.tx_enabled = True
        lora.region = pb.config.Config.LoRaConfig.RegionCode.Value(region)
        lora.modem_preset = pb.config.Config.LoRaConfig.ModemPreset.Value(preset.value)
        lora.hop_limit = 3
        self.channels = [pb.channel.Channel(index=index) for index in range(CHANNELS)]
        self.channels[0].role = pb.channel.Channel.Role.PRIMARY
        self.channels[0].settings.psk = DEFAULT_PSK
        self.owner = pb.mesh.User(
            id=f"!{number:08x}",
            long_name=f"Meshtastic {number & 0xFFFF:04x}",
            short_name=f"{number & 0xFFFF:04x}",
            hw_model=pb.mesh.HardwareModel.PORTDUINO,
            macaddr=bytes((2, 0)) + number.to_bytes(4, "big"),
        )
        self.firmware = FIRMWARE

    def rest(self) -> None:
        """Nothing of its own on the air more often than every 72 h: as a technician leaves a radio behind."""
        self.config.device.node_info_broadcast_secs = REST_S
        self.config.position.position_broadcast_secs = REST_S
        self.modules.telemetry.device_update_interval = REST_S

    @property
    def preset(self) -> Preset:
        """The preset in use; one that doesn't fit the region falls back to LONG_FAST, as in the firmware."""
        lora = self.config.lora
        name = pb.config.Config.LoRaConfig.ModemPreset.Name(lora.modem_preset)
        return Preset(name) if name in Preset.__members__ else Preset.LONG_FAST

    def saved(self) -> list[bytes]:
        """As it is written to flash."""
        return [part.SerializeToString() for part in (self.config, self.modules, *self.channels)]

    def load(self, saved: list[bytes]) -> None:
        """Back to what was written."""
        for part, body in zip((self.config, self.modules, *self.channels), saved, strict=True):
            part.ParseFromString(body)

    def mesh_options(self, strict_duty: bool) -> MeshOptions:
        """What this means to the mesh."""
        lora, device = self.config.lora, self.config.device
        region = pb.config.Config.LoRaConfig.RegionCode.Name(lora.region)
        role = pb.config.Config.DeviceConfig.Role.Name(device.role)
        mode = pb.config.Config.DeviceConfig.RebroadcastMode.Name(device.rebroadcast_mode)
        return MeshOptions(
            tuning=Tuning(self.preset, region, lora.channel_num),
            role=_ROLES.get(role, Role.CLIENT),
            rebroadcast=_REBROADCAST.get(mode, Rebroadcast.ALL),
            hop_limit=lora.hop_limit or 3,
            power_dbm=min(lora.tx_power or POWER_DBM_DEFAULT, POWER_DBM_MAX),
            strict_duty=strict_duty,
            tx_enabled=lora.tx_enabled and region != "UNSET",
        )

    def key(self, index: int) -> bytes | None:
        """Of a channel: its hash byte, then its secret; None when there is no such channel."""
        if not 0 <= index < CHANNELS or not self.channels[index].role:
            return None
        settings = self.channels[index].settings
        name = settings.name or "".join(part.capitalize() for part in self.preset.value.split("_"))
        psk: bytes = settings.psk
        return bytes((reduce(xor, name.encode() + psk, 0),)) + psk

    def keys(self) -> dict[bytes, int]:
        """Every channel's key, with its index."""
        found = {}
        for index in reversed(range(CHANNELS)):
            key = self.key(index)
            if key is not None:
                found[key] = index
        return found

    def metadata(self) -> Any:
        """What the firmware says about itself."""
        return pb.mesh.DeviceMetadata(
            firmware_version=self.firmware,
            device_state_version=24,
            role=self.config.device.role,
            hw_model=self.owner.hw_model,
            hasPKC=bool(self.owner.public_key),
        )


def config_frames(
    settings: Settings, nonce: int, my_info: Any, own: Any, others: Iterable[Any]
) -> Iterator[Any]:
    """What want_config downloads, in the firmware's order; two nonces ask for less."""
    frame = pb.mesh.FromRadio
    if nonce != ONLY_NODES:
        yield frame(my_info=my_info)
        yield frame(deviceuiConfig=pb.device_ui.DeviceUIConfig(version=1))
    yield frame(node_info=own)
    if nonce != ONLY_NODES:
        yield frame(metadata=settings.metadata())
        for channel in settings.channels:
            yield frame(channel=channel)
        for part in CONFIG_PARTS:
            yield frame(config=pb.config.Config(**{part: getattr(settings.config, part)}))
        yield frame(config=pb.config.Config(sessionkey=pb.config.Config.SessionkeyConfig()))
        yield frame(config=pb.config.Config(device_ui=pb.device_ui.DeviceUIConfig(version=1)))
        for part in MODULE_PARTS:
            yield frame(moduleConfig=pb.module_config.ModuleConfig(**{part: getattr(settings.modules, part)}))
    if nonce != ONLY_CONFIG:
        for node in others:
            yield frame(node_info=node)
    yield frame(config_complete_id=nonce)
