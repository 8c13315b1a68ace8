"""Server-sent events: every browser learns that there is a newer board, and what to sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import msgspec

from relay.inbox.alarms.state import Change
from relay.inbox.board import Board

HEARTBEAT_S = 2.0  # a browser that hears nothing for five greys itself
REPAINT_S = 1.0  # at most one in a second
REFRESH_S = 15.0  # ages move without an event
BROWSERS_MAX = 200
SOUNDS_KEPT = 64
ALIVE = b"event: alive\ndata:\n\n"  # an event, since a browser tells its page nothing of comments


class Live:
    """What is told to the browsers that listen. Everything here runs in the event loop."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._version = 0  # of what would look different
        self._looks = b""
        self._sounds: list[tuple[int, str, str]] = []
        self._sound_id = 0
        self._emergencies = 0
        self._stopping = False
        self.browsers = 0

    @property
    def is_full(self) -> bool:
        """Whether more browsers would be too many."""
        return self.browsers >= BROWSERS_MAX

    async def tell(self, board: Board, changes: Iterable[Change], trouble: str = "") -> None:
        """There is a new board; this changed on the way to it; and `trouble` keeps us from storing."""
        looks = looks_of(board) + trouble.encode()
        sounding = [change for change in changes if change.sound]
        for change in sounding:
            self._sound_id += 1
            self._sounds.append((self._sound_id, change.sound, change.rule))
        del self._sounds[:-SOUNDS_KEPT]
        if looks != self._looks or sounding:
            self._looks = looks
            self._version += 1
            self._emergencies = sum(
                line.level == 1 and not line.handling.is_acknowledged and not line.who
                for line in board.attention
            )
            async with self._changed:
                self._changed.notify_all()

    async def stop(self) -> None:
        """End every stream."""
        self._stopping = True
        async with self._changed:
            self._changed.notify_all()

    async def stream(self) -> AsyncIterator[bytes]:
        """The events for one browser, from now on: what sounded before is over."""
        self.browsers += 1
        try:
            version, heard = -1, self._sound_id
            while not self._stopping:
                if version != self._version:
                    version = self._version
                    sounds = [sound for number, sound, _ in self._sounds if number > heard]
                    heard = self._sound_id
                    yield _event("board", version, sounds, self._emergencies)
                    await asyncio.sleep(REPAINT_S)
                    continue
                yield ALIVE
                await self._wait(version)
        finally:
            self.browsers -= 1

    async def _wait(self, version: int) -> None:
        async with self._changed:
            if self._version != version or self._stopping:
                return
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._changed.wait()
            except TimeoutError:
                pass


def _event(name: str, version: int, sounds: list[str], emergencies: int) -> bytes:
    data = msgspec.json.encode({"version": version, "sounds": sounds, "emergencies": emergencies})
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


def looks_of(board: Board) -> bytes:
    """What of a board a person would see change, ages apart."""
    sites = [(site.key, site.state, site.open_calls, site.alarms, site.link) for site in board.sites]
    lines = [
        (line.level, line.rule, line.subject, line.who, line.count, line.handling.version)
        for line in board.attention
    ]
    return msgspec.msgpack.encode((sites, lines, board.visitors, board.flood, board.own))
