"""Which hosts can only be this machine: the one place where something may go without TLS or login."""

from __future__ import annotations

import socket


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine. A name is believed when it is `localhost`."""
    if host in ("localhost", "::1"):
        return True
    try:
        return socket.inet_pton(socket.AF_INET, host)[0] == 127
    except (OSError, ValueError):
        return False
