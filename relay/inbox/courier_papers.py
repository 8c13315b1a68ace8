"""Papers that come to the inbox on a stick: what an authority signed goes into the roster file.

The running inbox follows that file within a second; papers need no inbox that runs.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from relay.config import InboxConfig
from relay.core import wire
from relay.core.message import Kind
from relay.trust import keeping, papers
from relay.trust.judging import admitted, judge
from relay.trust.roster_file import Papers


class PapersTaken(msgspec.Struct):
    """What became of them."""

    new: int = 0
    known: int = 0
    refused: int = 0  # not signed by an authority of ours
    admitted: list[bytes] = []  # the addresses of nodes that have a new grant


def take_papers(config: InboxConfig, envelopes: Iterable[bytes]) -> PapersTaken:
    """Verify each and keep what is new; raises StorageError when the roster can't be read or written."""
    roster = Papers(config.roster_file)
    brought = dict.fromkeys(envelopes)
    good = admitted(roster.envelopes, brought, config.authority_keys, config.network_id)
    known = sum(each in roster.envelopes for each in brought)
    done = PapersTaken(known=known, refused=len(brought) - known - len(good))
    done.new = len(roster.add(good))
    keys = judge(roster.envelopes, config.authority_keys, config.network_id).authority_keys
    for envelope in brought:
        if envelope in good and wire.parse_header(envelope).kind == Kind.GRANT:
            grant = papers.read_grant(envelope, keys, config.network_id)
            if grant.role != "inbox":  # an inbox is no node that anybody waits for
                done.admitted.append(grant.address)
    if done.new:
        keeping.save(roster, config.authority_keys, config.network_id)
    return done
