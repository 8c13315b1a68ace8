"""Spares a daemon memory: modules that libraries import and nothing here uses, or that are used once.

A node may have 36 MB. What can be had for that is measured, not guessed: docs/decisions.md.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

# What is asked of them while others load is given here; all else loads the real one.
POSTPONED: Mapping[str, Mapping[str, object]] = {
    "ast": {"NodeVisitor": object},  # `inspect`, which asyncio loads, reads sources with it: 0.3 MB
    "ipaddress": {},  # urllib.parse, for addresses in brackets; pathlib loads that: 0.3 MB
    "msgspec.inspect": {},  # for JSON Schema: 0.2 MB
    "platform": {"system": lambda: os.uname().sysname},  # paho and uuid, which msgspec loads: 0.2 MB
    "urllib.request": {},  # paho, for proxies; with http, email, tempfile and lzma: 1.5 MB
}


@contextmanager
def postponed() -> Iterator[None]:
    """What is imported inside the block gets stand-ins for POSTPONED; they load the real one at first use.

    Later imports get the real ones. One that was loaded before stays what it is.
    """
    made = {name: _stand_in(name, given) for name, given in POSTPONED.items() if name not in sys.modules}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name, module in made.items():
            package, _, last = name.rpartition(".")
            if package in sys.modules and not hasattr(sys.modules[package], last):
                setattr(sys.modules[package], last, module)  # as whoever imported it will ask for it
            _withdraw(name, module)


@contextmanager
def briefly(*names: str) -> Iterator[None]:
    """The modules `names`, if they are first imported inside the block, are gone again after it.

    For what a daemon needs once, when it starts. Nothing that outlives the block may be an instance of one
    of their classes: whoever imports them next gets new ones.
    """
    new = [name for name in names if name not in sys.modules]
    try:
        yield
    finally:
        for name in new:
            package, _, last = name.rpartition(".")
            module, above = sys.modules.pop(name, None), sys.modules.get(package)
            if module and above and vars(above).get(last) is module:
                delattr(above, last)
        gc.collect()  # functions and the module that holds them refer to each other


def _stand_in(name: str, given: Mapping[str, object]) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(given, __getattr__=_loader(name, module))
    return module


def _loader(name: str, stand_in: ModuleType) -> Callable[[str], object]:
    def load(attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        _withdraw(name, stand_in)
        return getattr(importlib.import_module(name), attribute)

    return load


def _withdraw(name: str, stand_in: ModuleType) -> None:
    if sys.modules.get(name) is stand_in:
        del sys.modules[name]
