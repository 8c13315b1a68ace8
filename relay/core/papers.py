"""What a node must know of the roster: whose word counts, and whose nobody passes on any more.

The papers themselves (who signed, what they say) are read outside the core; `Papers` is what the core asks.
`Standing` draws the consequences: what was heard of a revoked neighbour is let go of, receipts by an inbox
key that is distrusted are void, and a node whose own key was revoked falls silent.

Source: design, "Trust" and rule 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from relay.core import wire
from relay.core.beliefs import Beliefs
from relay.core.events import Dismissed, Event, InboxDistrusted, RosterChanged
from relay.core.heard import HeardStore
from relay.core.log import Log
from relay.core.message import Address, Kind, Moment
from relay.errors import WireError

PAPER_KINDS = frozenset((Kind.GRANT, Kind.ROSTER_CHANGE, Kind.ENROLMENT_REQUEST))


class Papers(Protocol):
    """What the authorities said, as far as this node knows."""

    @property
    def grant(self) -> bytes:
        """This node's own admission as an envelope, to be shown; empty for none."""

    @property
    def version(self) -> int:
        """The highest version of any paper that is known here."""

    @property
    def inboxes(self) -> Mapping[Address, wire.PublicKey]:
        """Whose receipts count."""

    @property
    def dismissed(self) -> str | None:
        """Why this node's own key was revoked; None while it was not."""

    def refuses(self, address: Address) -> bool:
        """Whether the key at `address` was revoked."""

    def take(self, envelope: bytes) -> bool:
        """Keep a paper that came from outside; False for one that changes nothing.

        Raises WireError for what no authority of ours signed, or what is not for us.
        """


class Pinned(msgspec.Struct, frozen=True):
    """Papers of a node that knows of no authority: the inbox keys that it was set up with, and no more."""

    inboxes: Mapping[Address, wire.PublicKey]
    grant: bytes = b""
    version: int = 0
    dismissed: str | None = None

    def refuses(self, address: Address) -> bool:
        """None was ever revoked."""
        return False

    def take(self, envelope: bytes) -> bool:
        """Nobody could have signed it."""
        raise WireError("no authority is known here")


class Standing:
    """What the papers mean for one node."""

    def __init__(
        self,
        papers: Papers,
        log: Log,
        heard: HeardStore,
        beliefs: Beliefs,
        ask_anew: Callable[[Moment], None],
    ) -> None:
        """`ask_anew` has every link proven again before anything else goes."""
        self.papers = papers
        self._log, self._heard, self._beliefs, self._ask_anew = log, heard, beliefs, ask_anew
        self.void_distrusted()  # the keys may have changed while nothing ran

    def take(self, envelope: bytes, moment: Moment) -> list[Event]:
        """A paper came over some link; raises WireError for one that is not ours to believe."""
        was = self.papers.dismissed
        if not self.papers.take(envelope):
            return []
        events: list[Event] = [RosterChanged(self.papers.version)]
        self._heard.forget(self.papers.refuses)
        if (forgotten := self.void_distrusted()) is not None:
            self._ask_anew(moment)
            events.append(InboxDistrusted(forgotten))
        if was is None and self.papers.dismissed is not None:
            events.append(Dismissed(self.papers.dismissed))
        return events

    def void_distrusted(self) -> int | None:
        """Believe nothing of an inbox key that counts no more; how many messages must be sent again.

        None when the key that was believed last is still good. Its notices are void as well.
        """
        if self.papers.inboxes:
            self._log.forget_notices(self.papers.inboxes)
        signer = self._log.state.inbox.signer
        if not signer or signer in self.papers.inboxes:
            return None
        return self._beliefs.void()
