"""Each hour the picture of all sites on one sheet: what a room without screens goes on with."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from relay.config import InboxConfig
from relay.errors import NaoberError
from relay.inbox.pages.picture import hand_on, keep_picture, kept_pictures
from relay.inbox.pages.room import Room

FOLDER_NAME = "stand"
HOUR_S = 3600
FIRST_S = 5.0  # after a start: until the watch has looked
RETRY_S = 300.0  # a stick that was put back need not wait for the hour

log = logging.getLogger("naober.inbox")


class PaperWork:
    """Writes one now when there is none yet, and then on every hour."""

    def __init__(self, config: InboxConfig, room: Room) -> None:
        pages = config.pages
        named = pages.paper_folder
        self._folder = Path(named) if named else config.inbox.state / FOLDER_NAME
        self._keep, self._command, self._room = pages.paper_keep, pages.paper_command, room
        self.trouble = ""  # why the last one did not get on paper; told on the pages

    async def run(self) -> None:
        """For ever, or not at all when none are wanted."""
        if not self._keep:
            return
        await asyncio.sleep(FIRST_S)
        if not await asyncio.to_thread(kept_pictures, self._folder):
            await self.write()
        while True:
            left_s = HOUR_S - time.time() % HOUR_S
            await asyncio.sleep(min(left_s, RETRY_S) if self.trouble else left_s)
            await self.write()

    async def write(self) -> None:
        """One sheet, kept and handed on; what fails is told, and tried again."""
        try:
            await asyncio.to_thread(self._write)
        except LookupError:
            return  # nobody has looked yet
        except (NaoberError, OSError) as error:
            if not self.trouble:
                log.warning("the picture of this hour was not put on paper: %s", error)
            self.trouble = str(error)
            return
        except Exception as error:
            log.exception("the picture of this hour was not put on paper")
            self.trouble = type(error).__name__
            return
        self.trouble = ""

    def _write(self) -> None:
        path = keep_picture(self._room.board(), self._room.options.banner, self._folder, self._keep)
        if not self._room.standby():  # the inbox that speaks prints it
            hand_on(self._command, path)
