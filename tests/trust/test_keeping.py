"""A roster that somebody filled with a stolen authority key."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config import parse_inbox
from relay.errors import StorageError
from relay.inbox.courier_papers import take_papers
from relay.trust import roster_file
from relay.trust.keeping import save
from relay.trust.papers import AuthorityKeys
from relay.trust.roster_file import Papers
from tests.support.papers import AUTHORITIES, NETWORK
from tests.trust.test_judging import NODE, B, change, grant, revoke

DROP = change(50, AuthorityKeys((AUTHORITIES[1],)), B)


def full(path: Path) -> Papers:
    """By A, to the last byte that fits."""
    roster, number = Papers(path, 8192), 100
    roster.add([grant(40, NODE, B)])
    while True:
        before = roster.envelopes
        roster.add([revoke(number, number.to_bytes(32, "big"))])
        number += 1
        try:
            roster.save()
        except StorageError:
            roster.envelopes = before
            return roster


def test_the_word_that_drops_the_thief_makes_the_room_that_it_takes(tmp_path: Path) -> None:
    roster = full(tmp_path / "roster")
    roster.add([DROP])
    save(roster, AUTHORITIES, NETWORK)
    assert Papers(tmp_path / "roster").envelopes == {DROP, grant(40, NODE, B)}


def test_a_roster_of_which_all_counts_stays_full_and_whole(tmp_path: Path) -> None:
    roster = full(tmp_path / "roster")
    before = roster.envelopes
    roster.add([revoke(30, bytes(32), B)])
    with pytest.raises(StorageError) as refused:
        save(roster, AUTHORITIES, NETWORK)
    assert refused.value.code == "full"
    assert Papers(tmp_path / "roster").envelopes == before


def test_a_stick_brings_it_to_an_inbox_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAPERS_BYTES_MAX", "CHANGES_BYTES_MAX"):
        monkeypatch.setattr(roster_file, name, 8192)
    monkeypatch.setattr(Papers.__init__, "__defaults__", (8192,))
    full(tmp_path / "roster")
    config = parse_inbox(
        f'[inbox]\nstate = "{tmp_path}"\nnetwork_id = "{NETWORK.hex()}"\n'
        f"authority_keys = {[key.hex() for key in AUTHORITIES]}\n",
        tmp_path / "inbox.toml",
    )
    assert take_papers(config, [DROP]).new == 1
    assert Papers(tmp_path / "roster").envelopes == {DROP, grant(40, NODE, B)}
