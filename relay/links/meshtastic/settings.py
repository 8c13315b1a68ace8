"""What the radio is set to, and where that differs from what it must be set to.

A wrong region, preset or channel withholds everything: the first may be against the law, and the others
would reach nobody. The rest costs relaying or airtime, so it is said, and the radio is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import reduce
from operator import xor
from typing import Any

import msgspec

from relay.errors import Text
from relay.links.meshtastic.packets import Metrics, Setting, metrics_of
from relay.links.radio import Difference, RadioFacts

REST_S = 72 * 3600  # NodeInfo's longest interval; a beacon that is rarer counts as off
KEY_FINGERPRINT_BYTES = 8
DEFAULT_KEY = bytes.fromhex("d4f1bb3a20290759f0bcffabcf4e6901")  # Meshtastic's public one, "AQ=="
SHORT_NAMES = {"LONG_MODERATE": "LongMod"}
SET_IT = Text("naober radio set (20 s, radio herstart)", "naober radio set (20 s, restarts the radio)")
SET_KEY = Text(
    "naober radio set; helpt dat niet: stick met nieuwer roster",
    "naober radio set; if that does not help: a stick with a newer roster",
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How the radio must be set. An empty text: not compared."""

    region: str = "EU_868"
    preset: str = "LONG_FAST"
    roles: tuple[str, ...] = ("CLIENT", "ROUTER", "ROUTER_LATE")  # those that relay
    rebroadcast: str = "ALL"  # a ROUTER's own default does not relay private ports
    hop_limit: int = 5
    channel_name: str = ""
    channel_key: str = ""  # see `fingerprint`


def fingerprint(key: bytes) -> str:
    """16 hex digits that tell two channel keys apart and nothing else about them."""
    return hashlib.sha256(b"naober channel\0" + key).hexdigest()[: 2 * KEY_FINGERPRINT_BYTES]


def expand_key(psk: bytes) -> bytes:
    """The key that the radio uses: one byte stands for a variant of Meshtastic's default key, 0 for none."""
    if len(psk) != 1:
        return psk
    return b"" if psk == b"\0" else DEFAULT_KEY[:-1] + bytes([(DEFAULT_KEY[-1] + psk[0] - 1) & 0xFF])


def channel_hash(name: str, key: bytes) -> int:
    """The byte that a channel's packets carry, as the firmware computes it."""
    return reduce(xor, name.encode() + key, 0)


def facts_of(settings: Sequence[Setting], channel_index: int, wanted: Wanted) -> RadioFacts | None:
    """What a handshake told; None when it left out something that must be known."""
    known = Handshake(settings, channel_index)
    me, lora, device = known.of("my_info"), known.config("lora"), known.config("device")
    security = known.config("security")
    if me is None or lora is None or device is None:
        return None
    facts = RadioFacts(
        node_number=me.my_node_num,
        firmware=_firmware(known.of("metadata")),
        model=_model(known.of("metadata")),
        region=_name(lora, "region"),
        preset=_name(lora, "modem_preset") if lora.use_preset else "custom",
        role=_name(device, "role"),
        rebroadcast=_name(device, "rebroadcast_mode"),
        hop_limit=lora.hop_limit,
        transmits=lora.tx_enabled,
        ignores_duty_cycle=lora.override_duty_cycle,
        own_frequency=lora.override_frequency > 0,
        managed=device.is_managed or bool(security and security.is_managed),
        beacons=_beacons(known, device),
    )
    facts = _with_channel(facts, known.channel)
    facts = _with_metrics(facts, known.of("node_info"))
    return msgspec.structs.replace(facts, differences=tuple(differences(facts, wanted)))


class Handshake:
    """The parts of a configuration by name."""

    def __init__(self, settings: Sequence[Setting], channel_index: int) -> None:
        self._settings = settings
        self.channel = None
        for setting in settings:
            if setting.name == "channel" and setting.value.index == channel_index:
                self.channel = setting.value

    def of(self, name: str) -> Any:
        found = [setting.value for setting in self._settings if setting.name == name]
        return found[0] if found else None

    def config(self, part: str, kind: str = "config") -> Any:
        for setting in self._settings:
            if setting.name == kind and setting.value.WhichOneof("payload_variant") == part:
                return getattr(setting.value, part)
        return None


def _name(message: Any, field: str) -> str:
    """The name of an enumeration's value, or its number when it is newer than we are."""
    number = getattr(message, field)
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return value.name if value else str(number)


def _firmware(metadata: Any) -> str:
    return metadata.firmware_version[:32] if metadata else ""


def _model(metadata: Any) -> str:
    """The board's name, as in `Heltec V3`."""
    name = _name(metadata, "hw_model") if metadata else ""
    return name.replace("_", " ").title().replace("Rak", "RAK") if name != "UNSET" else ""


def _with_channel(facts: RadioFacts, channel: Any) -> RadioFacts:
    if channel is None or channel.role == 0:  # DISABLED
        return facts
    name, key = channel.settings.name, expand_key(channel.settings.psk)
    # An unnamed channel goes by its preset's name, as in LongFast.
    shown = name or SHORT_NAMES.get(facts.preset) or facts.preset.title().replace("_", "")
    return msgspec.structs.replace(
        facts, channel_name=shown, channel_hash=channel_hash(shown, key), channel_key=fingerprint(key)
    )


def _with_metrics(facts: RadioFacts, own: Any) -> RadioFacts:
    if own is None or own.num != facts.node_number or not own.HasField("device_metrics"):
        return facts
    found = metrics_of(own.device_metrics)
    if not isinstance(found, Metrics):
        return facts
    return msgspec.structs.replace(
        facts,
        air_util_tx_pct=found.air_util_tx_pct,
        channel_utilization_pct=found.channel_utilization_pct,
        uptime_s=found.uptime_s,
    )


def _beacons(known: Handshake, device: Any) -> tuple[str, ...]:
    """What the radio broadcasts by itself more often than every 72 h. An interval of 0 is a short default."""
    position, telemetry = known.config("position"), known.config("telemetry", "moduleConfig")
    neighbours = known.config("neighbor_info", "moduleConfig")
    range_test = known.config("range_test", "moduleConfig")
    found = {
        "nodeinfo": device.node_info_broadcast_secs < REST_S,
        "position": position is not None and position.position_broadcast_secs < REST_S,
        "smart_position": position is not None and position.position_broadcast_smart_enabled,
        "telemetry": telemetry is not None and telemetry.device_update_interval < REST_S,
        "neighbour_info": neighbours is not None and neighbours.enabled and neighbours.transmit_over_lora,
        "range_test": range_test is not None and range_test.enabled and range_test.sender > 0,
    }
    if telemetry is not None:
        found["environment"] = telemetry.environment_measurement_enabled
        found["air_quality"] = telemetry.air_quality_enabled
        found["power"] = telemetry.power_measurement_enabled
    return tuple(name for name, is_on in found.items() if is_on)


def differences(facts: RadioFacts, wanted: Wanted) -> list[Difference]:
    """One line for each setting that is not as wanted, the gravest first."""
    found = [
        _differs("R02", "region", "Radio staat op", "Radio is set to", facts.region, wanted.region, True),
        _differs("R02", "preset", "Radio-instelling is", "Preset is", facts.preset, wanted.preset, True),
        None if facts.transmits else _OFF,
        _FREQUENCY if facts.own_frequency else None,
        _channel_differs(facts, wanted),
        None
        if facts.role in wanted.roles
        else _differs("R02", "role", "Rol is", "Role is", facts.role, wanted.roles[0], False),
        _differs(
            "R02", "rebroadcast", "Doorgeven is", "Relaying is", facts.rebroadcast, wanted.rebroadcast, False
        ),
        _differs(
            "R02",
            "hop_limit",
            "Aantal stappen is",
            "Hop limit is",
            str(facts.hop_limit),
            str(wanted.hop_limit),
            False,
        ),
        _OVERRIDE if facts.ignores_duty_cycle else None,
        _beacons_differ(facts.beacons),
    ]
    return [each for each in found if each is not None]


def _differs(
    code: str, setting: str, nl: str, en: str, has: str, wants: str, withholds: bool
) -> Difference | None:
    if has == wants or not wants:
        return None
    nothing = Text(" Er is niets uitgezonden.", " Nothing was transmitted.") if withholds else Text("", "")
    return Difference(
        code,
        setting,
        Text(f"{nl} {has}, moet {wants} zijn.{nothing.nl}", f"{en} {has}, must be {wants}.{nothing.en}"),
        SET_IT,
        withholds,
    )


def _channel_differs(facts: RadioFacts, wanted: Wanted) -> Difference | None:
    if facts.channel_hash is not None and wanted.channel_key in ("", facts.channel_key):
        return _differs(
            "R03", "channel", "Kanaal is", "Channel is", facts.channel_name, wanted.channel_name, True
        )
    return Difference(
        "R03",
        "channel",
        Text(
            "Kanaalsleutel klopt niet met de toelating. Er is niets uitgezonden.",
            "The channel's key is not the admission's. Nothing was transmitted.",
        ),
        SET_KEY,
        True,
    )


def _beacons_differ(beacons: tuple[str, ...]) -> Difference | None:
    if not beacons:
        return None
    names = ", ".join(beacons)
    return Difference(
        "R02",
        "beacons",
        Text(f"Radio zendt uit zichzelf ({names}); dat kost zendtijd.", f"Radio sends by itself: {names}."),
        SET_IT,
        False,
    )


_OFF = Difference(
    "R02",
    "transmits",
    Text(
        "Zenden staat uit in de radio. Er is niets uitgezonden.", "The radio's transmitter is switched off."
    ),
    SET_IT,
    True,
)
_FREQUENCY = Difference(
    "R02",
    "frequency",
    Text(
        "Radio gebruikt een eigen frequentie. Er is niets uitgezonden.",
        "The radio uses a frequency of its own. Nothing was transmitted.",
    ),
    SET_IT,
    True,
)
_OVERRIDE = Difference(
    "R02",
    "duty_cycle",
    Text("Radio negeert de wettelijke 10 % zendtijd.", "The radio ignores the legal 10 % of airtime."),
    SET_IT,
    False,
)
