"""The protobuf modules of the `meshtastic` package, without the package: the only module that loads it.

Importing the package itself takes 27 MB and brings Bluetooth, pubsub and `requests`; its protobuf modules
alone take 8. The package is GPL-3.0-only, and loaded only where a radio is configured.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any, NamedTuple

from relay.errors import LinkError, Text

PACKAGE = "meshtastic"
_loading = Lock()


class Protobufs(NamedTuple):
    """The modules that the link uses."""

    mesh: Any
    config: Any
    telemetry: Any
    portnums: Any


@cache
def load() -> Protobufs:
    """Loads them, once; raises LinkError `not_installed`."""
    return Protobufs(*_modules("mesh", "config", "telemetry", "portnums"))


@cache
def load_admin() -> Any:
    """What a radio is set with; a node that only sends does without. Raises LinkError `not_installed`."""
    return _modules("admin")[0]


def _modules(*names: str) -> list[ModuleType]:
    with _loading:  # both are loaded on threads, and the package's stand-in is there for all of them
        return _imported(names)


def _imported(names: Sequence[str]) -> list[ModuleType]:
    try:
        with_parent = PACKAGE in sys.modules
        if not with_parent:
            sys.modules[PACKAGE] = _without_init()
        try:
            return [import_module(f"{PACKAGE}.protobuf.{name}_pb2") for name in names]
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
