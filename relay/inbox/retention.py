"""What the inbox need not keep any longer, taken out in small steps: intake goes between."""

from __future__ import annotations

from relay.inbox.pipe import Pipe
from relay.inbox.store import Store

ROWS_AT_ONCE = 5_000  # looked at in one transaction
QUARANTINE_DAYS = 30
DAY_S = 86_400


async def forget_old(pipe: Pipe, store: Store, retention_days: int, now_s: int) -> None:
    """Drop what arrived too long ago; raises StorageError. `now_s` must be a time to rely on."""
    before_s = now_s - retention_days * DAY_S
    more = True
    while more:
        more = await pipe.on_store_thread(lambda: store.forget_statuses(before_s, now_s, ROWS_AT_ONCE))
    await pipe.on_store_thread(lambda: store.expire_quarantine(now_s - QUARANTINE_DAYS * DAY_S))
