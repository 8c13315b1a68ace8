"""Notifiers at work: each claims for itself what it has to tell, and tries for a while."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from relay.config import NotifySection
from relay.inbox.alarms.state import Change
from relay.inbox.notifiers.base import Notifier, NotTold, is_told
from relay.inbox.operators.alarm_rows import AlarmRows
from relay.trust import keys

TRIES = 6
RETRY_S = 20.0
AT_ONCE_MAX = 100

log = logging.getLogger("naober.inbox")


def notifiers_of(settings: NotifySection, publish: Callable[[str, bytes], Awaitable[bool]]) -> list[Notifier]:
    """Those that the configuration asks for; raises KeyFileError for a secret that others can read."""
    found: list[Notifier] = []
    if settings.email_to:
        from relay.inbox.notifiers.email import Email

        found.append(Email(settings, _secret(settings.smtp_password_file)))
    if settings.webhook_url:
        from relay.inbox.notifiers.webhook import Webhook

        found.append(Webhook(settings.webhook_url, _secret(settings.webhook_secret_file)))
    if settings.mqtt:
        from relay.inbox.notifiers.topic import Topic

        found.append(Topic(publish))
    return found


def _secret(path: str) -> str:
    return keys.read_private(Path(path)).decode().strip() if path else ""


class NotifierWork:
    """Tells what changed, whenever `poke` says that something may have."""

    def __init__(
        self,
        notifiers: list[Notifier],
        rows: AlarmRows,
        level_max: int,
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        """What changes while this inbox may not speak is told by another, and never by this one."""
        self._may_speak = may_speak
        self._notifiers, self._rows, self._level_max = notifiers, rows, level_max
        self._pokes = {notifier.name: asyncio.Event() for notifier in notifiers}
        self.counts: Counter[str] = Counter()

    def poke(self) -> None:
        """There may be something to tell."""
        for event in self._pokes.values():
            event.set()

    async def run(self) -> None:
        """Tell for ever."""
        await asyncio.gather(*(self._serve(notifier) for notifier in self._notifiers))

    async def _serve(self, notifier: Notifier) -> None:
        await asyncio.to_thread(self._rows.claim, notifier.name)  # what was before this start is over
        event = self._pokes[notifier.name]
        while True:
            await event.wait()
            event.clear()
            changes = await asyncio.to_thread(self._rows.claim, notifier.name)
            told = [change for change in changes if is_told(change, self._level_max)][-AT_ONCE_MAX:]
            if told and self._may_speak():
                await self._tell(notifier, told)

    async def _tell(self, notifier: Notifier, changes: list[Change]) -> None:
        for left in range(TRIES - 1, -1, -1):
            try:
                await notifier.tell(changes)
                self.counts[f"{notifier.name} told"] += len(changes)
                return
            except NotTold as error:
                log.warning("%s: %d alarms not told (%s)", notifier.name, len(changes), error)
                if left:
                    await asyncio.sleep(RETRY_S)
        self.counts[f"{notifier.name} lost"] += len(changes)
