"""Whether a page that is open still shows what is: one short text that the script compares."""

from __future__ import annotations

import hashlib

from relay.node.desk import words
from relay.node.desk.facts import Home


def key_of(home: Home) -> str:
    """Another one whenever something but an age changed."""
    facts = [
        home.band.state, home.band.link, home.band.waiting, bool(home.exercise), home.unread, home.drafts,
        home.newest_unread and home.newest_unread.number, home.emergency and home.emergency.id,
        home.radio_trouble, home.revoked, sorted((name, known.value) for name, known in home.entered.items()),
        [
            (each.id, each.step, each.hold_s > 0, each.undone, each.withdrawn, each.withdrawal_received,
             each.expired, each.handling and words.handling_text(each.handling, "nl"))
            for each in home.sent
        ],
    ]  # fmt: skip
    return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()
