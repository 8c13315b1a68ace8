"""Admin messages to a fake radio from its own client: reading and changing what it is set to."""

from __future__ import annotations

from enum import Enum
from typing import Any

from relay.sim import meshtastic_proto as pb
from relay.sim.meshtastic_settings import CHANNELS, Settings

REBOOT_S = 7.0  # how long the firmware waits before it restarts
NODE_INFO_S_MIN = 3600
SESSION_KEY = b"naober00"

# in the order of AdminMessage.ConfigType and ModuleConfigType
_CONFIGS = ("device", "position", "power", "network", "display", "lora", "bluetooth", "security")
_SESSION_KEY_TYPE = 8
_MODULES = tuple(field.name for field in pb.module_config.ModuleConfig.DESCRIPTOR.fields)
_TEXTS = {
    "get_canned_message_module_messages_request": "get_canned_message_module_messages_response",
    "get_ringtone_request": "get_ringtone_response",
}


class Effect(Enum):
    """What a change asks of the radio."""

    NONE = 0
    APPLY = 1
    REBOOT = 2


class Admin:
    """Answers one client at a time."""

    def __init__(self, settings: Settings) -> None:
        self.reboot_s = REBOOT_S
        self._settings = settings
        self._before: list[bytes] | None = None  # what flash holds while a transaction is open

    def restart(self) -> None:
        """What was not committed was never written."""
        if self._before is not None:
            self._settings.load(self._before)
            self._before = None

    def handle(self, payload: bytes) -> tuple[Any | None, Effect]:
        """An AdminMessage; the answer, if it has one, and what must happen now."""
        message = pb.admin.AdminMessage.FromString(payload)
        kind = message.WhichOneof("payload_variant")
        self.reboot_s = REBOOT_S
        if kind is None or self._settings.config.security.is_managed:  # it says nothing about that
            return None, Effect.NONE
        if kind.startswith("get_"):
            answer = self._read(kind, getattr(message, kind))
            if answer is not None:
                answer.session_passkey = SESSION_KEY
            return answer, Effect.NONE
        if kind == "begin_edit_settings":
            self._before = self._before or self._settings.saved()
            return None, Effect.NONE
        if kind == "commit_edit_settings":
            self._before = None
            return None, Effect.REBOOT  # whatever was changed
        if kind == "reboot_seconds":
            self.reboot_s = float(message.reboot_seconds)
            return None, Effect.REBOOT if message.reboot_seconds >= 0 else Effect.NONE
        return None, self._later_or_now(self._change(kind, getattr(message, kind)))

    def _later_or_now(self, effect: Effect) -> Effect:
        return effect if self._before is None else Effect.NONE

    def _read(self, kind: str, asked: Any) -> Any | None:
        settings, answer = self._settings, pb.admin.AdminMessage()
        if kind == "get_owner_request":
            answer.get_owner_response.CopyFrom(settings.owner)
        elif kind == "get_device_metadata_request":
            answer.get_device_metadata_response.CopyFrom(settings.metadata())
        elif kind in _TEXTS:  # it has none, and says so: the official command waits for an answer for ever
            setattr(answer, _TEXTS[kind], "")
        elif kind == "get_channel_request" and 1 <= asked <= CHANNELS:
            answer.get_channel_response.CopyFrom(settings.channels[asked - 1])
        elif kind == "get_config_request" and asked == _SESSION_KEY_TYPE:
            answer.get_config_response.sessionkey.SetInParent()
        elif kind == "get_config_request" and asked < len(_CONFIGS):
            part = _CONFIGS[asked]
            getattr(answer.get_config_response, part).CopyFrom(getattr(settings.config, part))
        elif kind == "get_module_config_request" and asked < len(_MODULES):
            part = _MODULES[asked]
            getattr(answer.get_module_config_response, part).CopyFrom(getattr(settings.modules, part))
        else:
            return None
        return answer

    def _change(self, kind: str, value: Any) -> Effect:
        settings = self._settings
        if kind == "set_owner":
            settings.owner.long_name = value.long_name or settings.owner.long_name
            settings.owner.short_name = value.short_name or settings.owner.short_name
            return Effect.APPLY
        if kind == "set_channel" and 0 <= value.index < CHANNELS:
            settings.channels[value.index].CopyFrom(value)
            return Effect.APPLY
        if kind in ("set_config", "set_module_config"):
            part = value.WhichOneof("payload_variant")
            kept = settings.config if kind == "set_config" else settings.modules
            if part is None or part not in kept.DESCRIPTOR.fields_by_name:
                return Effect.NONE
            return self._set_part(getattr(kept, part), getattr(value, part), part)
        return Effect.NONE

    def _set_part(self, kept: Any, wanted: Any, part: str) -> Effect:
        """Most changes restart the radio; what is the same doesn't."""
        if kept == wanted:
            return Effect.NONE
        roles = pb.config.Config.DeviceConfig
        becomes_router = part == "device" and wanted.role == roles.Role.ROUTER != kept.role
        first_region = part == "lora" and kept.region == 0 != wanted.region
        kept.CopyFrom(wanted)
        if first_region:
            kept.tx_enabled = True
        if part == "device":
            kept.node_info_broadcast_secs = max(kept.node_info_broadcast_secs, NODE_INFO_S_MIN)
        if becomes_router:  # the firmware's default for the role, and a trap: it relays no private port
            kept.rebroadcast_mode = roles.RebroadcastMode.CORE_PORTNUMS_ONLY
        return Effect.REBOOT
