"""Each hour the picture of all sites on one sheet: what a room without screens goes on with."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from relay.config import InboxConfig
from relay.errors import StorageError
from relay.inbox.pages.printed import keep_picture, kept_pictures
from relay.inbox.pages.room import Room

FOLDER_NAME = "stand"
HOUR_S = 3600
FIRST_S = 5.0  # after a start: until the watch has looked

log = logging.getLogger("naober.inbox")


class PaperWork:
    """Writes one now when there is none yet, and then on every hour."""

    def __init__(self, config: InboxConfig, room: Room) -> None:
        named = config.pages.paper_folder
        self._folder = Path(named) if named else config.inbox.state / FOLDER_NAME
        self._keep, self._room = config.pages.paper_keep, room

    async def run(self) -> None:
        """For ever, or not at all when none are wanted."""
        if not self._keep:
            return
        await asyncio.sleep(FIRST_S)
        if not kept_pictures(self._folder):
            await self.write()
        while True:
            await asyncio.sleep(HOUR_S - time.time() % HOUR_S)
            await self.write()

    async def write(self) -> None:
        """One sheet; a folder that refuses is told to the log and tried again next hour."""
        try:
            await asyncio.to_thread(keep_picture, self._room, self._folder, self._keep)
        except (StorageError, LookupError) as error:
            log.warning("the picture of this hour was not put on paper: %s", error)
