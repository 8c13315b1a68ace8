"""The protobuf modules of the `meshtastic` package, without the package: the only module that loads it.

Importing the package itself takes 27 MB and brings Bluetooth, pubsub and `requests`; its protobuf modules
alone take 8. The package is GPL-3.0-only, and loaded only where a radio is configured.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from relay.errors import LinkError, Text

PACKAGE = "meshtastic"


class Protobufs(NamedTuple):
    """The modules that the link uses."""

    mesh: Any
    config: Any
    telemetry: Any
    portnums: Any


@cache
def load() -> Protobufs:
    """Loads them, once; raises LinkError `not_installed`."""
    try:
        with_parent = PACKAGE in sys.modules
        if not with_parent:
            sys.modules[PACKAGE] = _without_init()
        try:
            return Protobufs(
                *(
                    import_module(f"{PACKAGE}.protobuf.{name}_pb2")
                    for name in ("mesh", "config", "telemetry", "portnums")
                )
            )
        finally:
            if not with_parent:
                del sys.modules[PACKAGE]  # who wants the package later shall get the real one
    except ImportError as error:
        raise LinkError(
            Text(f"Onderdeel voor de radio ontbreekt: {error}", f"The radio's part is missing: {error}"),
            Text(
                "pip install 'naober[radio]' in de omgeving van Naober",
                "pip install 'naober[radio]' in Naober's environment",
            ),
            code="not_installed",
        ) from error


def _without_init() -> ModuleType:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(PACKAGE)
    bare = ModuleType(PACKAGE)
    bare.__path__ = list(spec.submodule_search_locations)
    return bare
