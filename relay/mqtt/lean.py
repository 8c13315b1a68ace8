"""Spares a node memory: paho imports `urllib.request` for proxies, which nothing here ever uses.

With what that brings (http, email, tempfile, lzma, ...) it takes 1.5 of the 36 MB that a node may have.
"""

from __future__ import annotations

import sys
import urllib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

UNUSED = "urllib.request"


@contextmanager
def without_unused() -> Iterator[None]:
    """An import inside the block gets an empty `urllib.request`; later ones get the real one."""
    if UNUSED in sys.modules:
        yield
        return
    sys.modules[UNUSED] = urllib.request = ModuleType(UNUSED)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del sys.modules[UNUSED], urllib.request  # type: ignore[attr-defined]
