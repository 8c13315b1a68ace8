"""Free ports on loopback, for the demo and for the servers of tests and benchmarks."""

from __future__ import annotations

import random
import socket

from relay.errors import NaoberError, Text

HOST = "127.0.0.1"
PORTS = range(18_000, 32_000)  # below those that the kernel gives to callers: a dead port stays dead
PORT_TRIES = 200


def free_port(*but: int, run: int = 1) -> int:
    """A port that nobody listens on now, and the `run - 1` behind it; raises NaoberError for none found."""
    for port in random.SystemRandom().sample(PORTS, PORT_TRIES):
        wanted = range(port, port + run)
        if not set(but) & set(wanted) and all(map(is_free, wanted)):
            return port
    raise NaoberError(Text("Geen vrije poort gevonden", "No free port found"))


def is_free(port: int) -> bool:
    """Whether this machine lets us listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
