"""The protobuf modules of the `meshtastic` package, for the fake radio alone. They are untyped: `Any`."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def _load(name: str) -> Any:
    return import_module(f"meshtastic.protobuf.{name}_pb2")


admin: Any = _load("admin")
channel: Any = _load("channel")
config: Any = _load("config")
device_ui: Any = _load("device_ui")
localonly: Any = _load("localonly")
mesh: Any = _load("mesh")
module_config: Any = _load("module_config")
portnums: Any = _load("portnums")
telemetry: Any = _load("telemetry")
DecodeError: Any = import_module("google.protobuf.message").DecodeError
