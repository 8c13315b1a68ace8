"""The admin messages that bring a radio to what it must be set to: only what differs, in the right order.

Everything else in each part is sent back as the radio told it: pins, power and screen are its own business.
The device comes first: a change of its role makes the firmware put its own intervals in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from relay.links.meshtastic.packets import Setting
from relay.links.meshtastic.proto import load_admin
from relay.links.meshtastic.settings import REST_S, Handshake, Wanted

Edit: TypeAlias = Callable[[Any, Wanted], None]  # of a part of the configuration

PRIMARY = 1  # Channel.Role
TELEMETRY_OFF = (
    "device_telemetry_enabled",
    "environment_measurement_enabled",
    "air_quality_enabled",
    "power_measurement_enabled",
    "health_measurement_enabled",
)


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What to set. Without a key the channel stays as it is: a fingerprint can't be turned back."""

    wanted: Wanted
    key: bytes | None = None

    @property
    def sets_channel(self) -> bool:
        """Whether the channel is part of it."""
        return self.key is not None


def begin() -> bytes:
    """From here on the radio keeps what it is told without acting on it."""
    return _bytes(load_admin().AdminMessage(begin_edit_settings=True))


def commit() -> bytes:
    """It writes all to its flash at once, and restarts seven seconds later."""
    return _bytes(load_admin().AdminMessage(commit_edit_settings=True))


def edits(settings: Sequence[Setting], goal: Goal) -> list[bytes]:
    """One message for each part that is not as wanted; none: the radio is set right."""
    known = Handshake(settings, 0)
    return [_bytes(message) for message in _parts(known, goal)]


def _parts(known: Handshake, goal: Goal) -> Iterator[Any]:
    for part, change in _CONFIG:
        if (message := _changed(known.config(part), change, goal.wanted)) is not None:
            admin = load_admin().AdminMessage()
            getattr(admin.set_config, part).CopyFrom(message)
            yield admin
    for part, change in _MODULES:
        if (message := _changed(known.config(part, "moduleConfig"), change, goal.wanted)) is not None:
            admin = load_admin().AdminMessage()
            getattr(admin.set_module_config, part).CopyFrom(message)
            yield admin
    if goal.key is not None:
        yield from _channel(known, goal.wanted.channel_name, goal.key)


def _changed(now: Any, change: Edit, wanted: Wanted) -> Any | None:
    """A changed copy of the part, or None when it is right, or not in this firmware at all."""
    if now is None:
        return None
    then = type(now)()
    then.CopyFrom(now)
    change(then, wanted)
    return None if then == now else then


def _device(device: Any, wanted: Wanted) -> None:
    if _name(device, "role") not in wanted.roles:
        _choose(device, "role", wanted.roles[0])
    _choose(device, "rebroadcast_mode", wanted.rebroadcast)
    device.node_info_broadcast_secs = max(device.node_info_broadcast_secs, REST_S)


def _lora(lora: Any, wanted: Wanted) -> None:
    lora.use_preset = lora.tx_enabled = True
    _choose(lora, "modem_preset", wanted.preset)
    _choose(lora, "region", wanted.region)
    lora.hop_limit = wanted.hop_limit
    lora.override_duty_cycle = False
    lora.override_frequency = 0.0
    lora.channel_num = 0  # the slot that goes by the channel's name, as everybody else's
    del lora.ignore_incoming[:]


def _position(position: Any, _wanted: Wanted) -> None:
    position.position_broadcast_secs = max(position.position_broadcast_secs, REST_S)
    position.position_broadcast_smart_enabled = False


def _telemetry(telemetry: Any, _wanted: Wanted) -> None:
    telemetry.device_update_interval = max(telemetry.device_update_interval, REST_S)
    for name in TELEMETRY_OFF:
        setattr(telemetry, name, False)


def _neighbours(neighbours: Any, _wanted: Wanted) -> None:
    neighbours.enabled = neighbours.transmit_over_lora = False


def _range_test(test: Any, _wanted: Wanted) -> None:
    test.enabled = False


_CONFIG: tuple[tuple[str, Edit], ...] = (("device", _device), ("lora", _lora), ("position", _position))
_MODULES: tuple[tuple[str, Edit], ...] = (
    ("telemetry", _telemetry),
    ("neighbor_info", _neighbours),
    ("range_test", _range_test),
)


def _channel(known: Handshake, name: str, key: bytes) -> Iterator[Any]:
    """The first channel, whole: nothing goes from it to Meshtastic's MQTT, and no position into it."""
    admin = load_admin().AdminMessage()
    channel = admin.set_channel
    channel.index, channel.role = 0, PRIMARY
    channel.settings.name, channel.settings.psk = name, key
    channel.settings.module_settings.SetInParent()  # left out, the firmware would share exact positions
    now = known.channel
    if now is None or now.role != PRIMARY or now.settings != channel.settings:
        yield admin


def _name(message: Any, field: str) -> str:
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    value = values.get(getattr(message, field))
    return value.name if value else ""


def _choose(message: Any, field: str, name: str) -> None:
    setattr(message, field, message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_name[name].number)


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString())
