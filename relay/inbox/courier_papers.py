"""Papers that come to the inbox on a stick: what an authority signed goes into the roster file.

The running inbox follows that file within a second; papers need no inbox that runs.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from relay.config import InboxConfig
from relay.core import wire
from relay.core.message import Kind
from relay.errors import NaoberError
from relay.trust import papers
from relay.trust.judging import judge
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
    pinned, network = config.authority_keys, config.network_id
    keys = tuple(dict.fromkeys((*pinned, *judge(roster.envelopes, pinned, network).authority_keys)))
    done = PapersTaken()
    good = []
    for envelope in dict.fromkeys(envelopes):
        if envelope in roster.envelopes:
            done.known += 1
            continue
        try:
            if wire.parse_header(envelope).kind == Kind.GRANT:
                done.admitted.append(papers.read_grant(envelope, keys, network).address)
            else:
                papers.read_change(envelope, keys, network)
        except NaoberError:
            done.refused += 1
            continue
        good.append(envelope)
    done.new = len(roster.add(good))
    if done.new:
        roster.save()
    return done
