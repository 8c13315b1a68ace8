"""Server-sent events: every browser learns that there is a newer board, and what to sound."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from relay.inbox.alarms.state import Change
from relay.inbox.board import Board

HEARTBEAT_S = 2.0  # a browser that hears nothing for five greys itself
REPAINT_S = 1.0  # at most one in a second
BROWSERS_MAX = 200
SOUNDS_KEPT = 64
PRACTICE = "practice"  # the tone of everything in the exercise's lane
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
        self._run, self._told_s = secrets.token_hex(4), time.monotonic()
        self.browsers = 0

    @property
    def is_full(self) -> bool:
        """Whether more browsers would be too many."""
        return self.browsers >= BROWSERS_MAX

    async def tell(
        self,
        board: Board,
        changes: Iterable[Change],
        trouble: str = "",
        practice: Board | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        """There is a new board; this changed on the way to it; and `trouble` keeps us from storing.

        `quiet`: nothing sounds, since somebody looks after it elsewhere.
        `practice` is the board of the exercise's lane; its sounds are one quiet tone, for who looks at it.
        """
        self._told_s = time.monotonic()
        looks = looks_of(board) + (looks_of(practice) if practice else b"") + trouble.encode()
        sounding = [change for change in changes if change.sound and not quiet]
        for change in sounding:
            self._sound_id += 1
            sound = PRACTICE if change.exercise else change.sound
            self._sounds.append((self._sound_id, sound, change.rule))
        del self._sounds[:-SOUNDS_KEPT]
        if looks != self._looks or sounding:
            self._looks = looks
            self._version += 1
            self._emergencies = sum(
                line.level == 1 and not line.handling.is_acknowledged and not line.who and not quiet
                for line in board.attention
            )
            async with self._changed:
                self._changed.notify_all()

    def for_bell(self, run: str, after: int) -> dict[str, Any]:
        """What relay.inbox.bell is to sound: all since `after`, or all of this run when it asks of another.

        `after` below 0: nothing of before now. The exercise's lane has no bell.
        """
        since = self._sound_id if after < 0 else after if run == self._run else 0
        return {
            "run": self._run,
            "newest": self._sound_id,
            "sounds": [sound for at, sound, _ in self._sounds if at > since and sound != PRACTICE],
            "emergencies": self._emergencies,
            "looked_s": round(time.monotonic() - self._told_s, 1),
        }

    async def stop(self) -> None:
        """End every stream."""
        self._stopping = True
        async with self._changed:
            self._changed.notify_all()

    async def stream(self, practice: bool = False) -> AsyncIterator[bytes]:
        """The events for one browser, from now on: what sounded before is over.

        What is real sounds in every browser, that of an exercise only where its lane is shown (`practice`).
        """
        if self.is_full:  # many asked at once, and each was let in before the others were counted
            return
        self.browsers += 1
        try:
            version, heard = -1, self._sound_id
            while not self._stopping:
                if version != self._version:
                    version = self._version
                    sounds = [
                        sound
                        for number, sound, _ in self._sounds
                        if number > heard and (practice or sound != PRACTICE)
                    ]
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
    return msgspec.msgpack.encode((sites, lines, board.visitors, board.flood, board.own, board.reports))
