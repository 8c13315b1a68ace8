"""There is one inbox identity, and one that speaks for it: the others stand by.

An inbox that stands by stores what it hears and signs nothing: no receipt, no notice, no order to a gateway.
It does so when it was set up for that (`naober inbox restore --standby`), and when it hears that another
with its own key has taken over. That is kept on disk: it stands by after a restart too. Only `naober inbox
take-over` ends it, under an epoch above all that this inbox ever had or heard of.

Source: design, rule 5 ("a standby stores and stays mute until it takes over with a higher epoch").
"""

from __future__ import annotations

from relay.core.wire import NUMBER_MAX
from relay.errors import NaoberError, Text
from relay.inbox.replies import Replies
from relay.inbox.store import Store

SET_UP, TAKEN_OVER = "set_up", "taken_over"  # why it stands by
WHY, HEARD = "standby", "heard_epoch"  # facts of the store


def mark(store: Store, why: str) -> None:
    """An inbox that is not running stands by at its next start; with an empty `why` it goes on as the one."""
    if (store.fact(WHY) or "") != why:
        with store.write():
            store.keep_fact(WHY, why)


class Standby:
    """Whether this inbox may speak. All that touches the disk belongs on the store's thread."""

    def __init__(self, store: Store, since_2025_s: int) -> None:
        """Begins an inbox epoch, but not for one that stands by. Raises StorageError."""
        self._store = store
        self.why = store.fact(WHY) or ""  # empty: this is the one that speaks
        self.heard = int(store.fact(HEARD) or 0)  # the highest epoch of another inbox with this key
        self.before = int(store.fact("epoch") or 0)  # of its last life
        self.epoch = self.before
        if not self.can_rise:
            self.why = TAKEN_OVER
        if not self.why:
            self.epoch = store.next_epoch(since_2025_s)

    @property
    def can_rise(self) -> bool:
        """Whether there is an epoch above all that were heard of: who has stolen the key may use the last."""
        return max(self.heard, self.epoch) < NUMBER_MAX

    def hears(self, epoch: int) -> bool:
        """Another inbox with our key is at `epoch`; whether that is higher than any before."""
        before, self.heard = self.heard, max(self.heard, epoch)
        return self.heard > before

    def keep_heard(self) -> None:
        """So that a restart does not forget it; raises StorageError."""
        with self._store.write():
            self._store.keep_fact(HEARD, str(self.heard))

    def begin(self, why: str, replies: Replies) -> None:
        """Another speaks now: this one signs nothing more, whatever its disk says to that."""
        self.why, replies.muted = why, True
        with self._store.write():
            self._store.keep_fact(WHY, why)

    def rise(self, since_2025_s: int, replies: Replies) -> int:
        """A new epoch above all that were heard of; returns it. Raises NaoberError when there is none."""
        if not self.can_rise:
            raise NaoberError(
                Text(
                    "Een ander gebruikt de sleutel van dit postvak, met het hoogste tijdvak dat er is",
                    "Somebody else uses this inbox's key, in the highest epoch that there is",
                ),
                Text(
                    "De sleutel is uit handen: docs/security.md, An inbox's key or host is out of our hands",
                    "The key is stolen: docs/security.md, An inbox's key or host is out of our hands",
                ),
            )
        self.epoch = self._store.next_epoch(max(since_2025_s, self.heard + 1))
        replies.start_epoch(self.epoch)
        return self.epoch

    def end(self, since_2025_s: int, replies: Replies) -> int:
        """Take over; returns the epoch. Raises NaoberError for an inbox that does not stand by."""
        if not self.why:
            raise NaoberError(
                Text("Dit postvak heeft de leiding al", "This inbox is in charge already"),
                Text("Er is niets te doen", "There is nothing to do"),
            )
        epoch = self.rise(since_2025_s, replies)
        with self._store.write():
            self._store.keep_fact(WHY, "")
        self.why, replies.muted = "", False
        return epoch
