"""How commands on this machine talk to the running daemon: a Unix socket, one JSON object a line.

Only the daemon writes to its outbox, so `naober send` asks it to. Who may open the socket is decided
by its mode (0660): the service's user and group.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from relay.errors import NaoberError, Text

SOCKET_NAME = "node.sock"
LINE_BYTES_MAX = 64 * 1024
CLIENTS_MAX = 16
ANSWER_TIMEOUT_S = 30.0

_WHO = {
    "naober-node": Text("Het knooppunt", "The node"),
    "naober-inbox": Text("Het postvak", "The inbox"),
}

Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class NotRunning(NaoberError):
    """No daemon listens: not started, or stopped."""


def refusal(error: NaoberError) -> dict[str, Any]:
    """An error as an answer."""
    return {"error": [error.what.nl, error.what.en, error.do.nl, error.do.en]}


async def serve(folder: Path, answer: Ask, *, name: str = SOCKET_NAME) -> asyncio.Server:
    """Listen in `folder` until closed; raises OSError when that is not possible there."""
    path = folder / name
    path.unlink(missing_ok=True)
    clients = 0

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal clients
        clients += 1
        try:
            while clients <= CLIENTS_MAX and (line := await reader.readline()):
                try:
                    reply = await answer(msgspec.json.decode(line, type=dict[str, Any]))
                except NaoberError as error:
                    reply = refusal(error)
                except (ValueError, TypeError, KeyError) as error:
                    reply = refusal(NaoberError(f"not a request: {error}"))
                writer.write(msgspec.json.encode(reply) + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError, asyncio.CancelledError):
            pass  # a line too long, the client went, or this daemon stops (which asyncio 3.11 would log)
        finally:
            clients -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_unix_server(client, path, limit=LINE_BYTES_MAX)
    path.chmod(0o660)
    return server


def ask(
    folder: Path,
    request: dict[str, Any],
    *,
    timeout_s: float = ANSWER_TIMEOUT_S,
    name: str = SOCKET_NAME,
    unit: str = "naober-node",
) -> dict[str, Any]:
    """Ask the daemon whose state is in `folder`. Raises NotRunning, or the NaoberError it answers with."""
    path = folder / name
    who = _WHO[unit]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout_s)
            sock.connect(str(path))
            sock.sendall(msgspec.json.encode(request) + b"\n")
            with sock.makefile("rb") as lines:
                line = lines.readline()
    except PermissionError:
        raise NaoberError(
            Text(f"Geen toegang tot {path}", f"No access to {path}"),
            Text("herhaal dit met sudo", "repeat this with sudo"),
        ) from None
    except OSError as error:
        raise NotRunning(
            Text(f"{who.nl} draait niet", f"{who.en} is not running"),
            f"sudo systemctl start {unit}",
        ) from error
    if not line:
        raise NotRunning(
            Text(f"{who.nl} antwoordt niet", f"{who.en} does not answer"),
            f"journalctl -u {unit}",
        )
    answer = msgspec.json.decode(line, type=dict[str, Any])
    if "error" in answer:
        nl, en, do_nl, do_en = answer["error"]
        raise NaoberError(Text(nl, en), Text(do_nl, do_en))
    return answer
