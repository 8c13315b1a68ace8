"""Papers that nodes show to the inbox: a node brings its own grant, so nobody carries a roster here first.

A paper counts by its signature alone, whoever brings it. It is verified when it comes, within an allowance of
whoever brings it, and waits here until the service has it on disk. What is known already costs nothing.

Source: design, "Trust"; the roster is the union of what authorities signed, so order and route never matter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from enum import Enum

from relay.core import wire
from relay.core.message import Kind
from relay.errors import NaoberError
from relay.inbox.facts import address_of
from relay.inbox.limits import Buckets
from relay.trust import papers
from relay.trust.roster import Roster

PAPERS_AT_ONCE = 20  # of one publisher
PAPERS_REFILL_PER_S = 0.1
WAITING_MAX = 512  # until they are on disk


class Shown(Enum):
    """What became of a paper; the value is what is counted."""

    NEW = "papers"
    KNOWN = "known"
    FLOOD = "paper_flood"
    FORGED = "bad_paper"


class ShownPapers:
    """Those that came and are not on disk yet. Used by the event loop only."""

    def __init__(
        self,
        roster: Callable[[], Roster],
        came: Callable[[], None],
        answer: Callable[[str, bytes], None] = lambda _publisher, _envelope: None,
    ) -> None:
        """`came` is told of something to keep; `answer` gets a newer grant for who shows an old one."""
        self._roster, self._came, self._answer = roster, came, answer
        self._allowed = Buckets(PAPERS_AT_ONCE, PAPERS_REFILL_PER_S)
        self._waiting: dict[bytes, None] = {}

    def take(self, publisher: str, envelope: bytes, now_s: float) -> Shown:
        """Judge one paper; it waits for `waiting` if it is good and new."""
        roster = self._roster()
        if envelope in roster.envelopes or envelope in self._waiting:
            self._bring_up_to_date(roster, publisher, envelope, now_s)
            return Shown.KNOWN
        if len(self._waiting) >= WAITING_MAX or not self._allowed.take(publisher, now_s):
            return Shown.FLOOD
        read = papers.read_grant if wire.parse_header(envelope).kind == Kind.GRANT else papers.read_change
        try:
            read(envelope, roster.authority_keys, roster.network_id)
        except NaoberError:
            return Shown.FORGED
        self._waiting[envelope] = None
        self._came()
        return Shown.NEW

    def overhear(self, envelopes: list[bytes]) -> None:
        """Changes that another inbox passes on: judged like any, but nobody's allowance pays for them."""
        roster = self._roster()
        for envelope in envelopes:
            if envelope in roster.envelopes or envelope in self._waiting or len(self._waiting) >= WAITING_MAX:
                continue
            with contextlib.suppress(NaoberError):
                papers.read_change(envelope, roster.authority_keys, roster.network_id)
                self._waiting[envelope] = None
                self._came()

    def _bring_up_to_date(self, roster: Roster, publisher: str, envelope: bytes, now_s: float) -> None:
        """A node that shows an older grant of its own is given its newest: after a rotation, say."""
        address, header = address_of(publisher), wire.parse_header(envelope)
        node = roster.entry(address) if address and header.kind == Kind.GRANT else None
        if node is None or node.revoked or header.number >= node.version:
            return
        if not self._allowed.take(publisher, now_s):
            return  # it was told before
        for other in roster.envelopes:
            found = wire.parse_header(other)
            if found.kind != Kind.GRANT or found.number != node.version:
                continue
            grant = papers.read_grant(other, roster.authority_keys, roster.network_id)
            if grant.sign_key == node.public_key:
                self._answer(publisher, other)

    def waiting(self) -> list[bytes]:
        """What should be on disk."""
        return list(self._waiting)

    def kept(self, envelopes: list[bytes]) -> None:
        """These are on disk."""
        for envelope in envelopes:
            self._waiting.pop(envelope, None)
