"""The demo's internet line of one site: passes its port on to the broker, until it is killed."""

from __future__ import annotations

import asyncio
import contextlib

CHUNK_BYTES = 65_536


def serve(port: int, target_port: int, host: str = "127.0.0.1") -> None:
    """Pass connections on, for ever."""
    asyncio.run(_serve(host, port, target_port))


async def _serve(host: str, port: int, target_port: int) -> None:
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(host, target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    server = await asyncio.start_server(pass_on, host, port)
    await server.serve_forever()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()
