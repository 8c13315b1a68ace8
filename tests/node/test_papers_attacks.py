"""What somebody with a stolen authority key may have put into a node before the other authority drops him."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.core import wire
from relay.errors import WireError
from relay.node import papers as node_papers
from relay.node.papers import NodePapers
from relay.trust import keys, papers, roster_file
from relay.trust.papers import AuthorityKeys, Change, InboxKeys, Revoke
from relay.trust.roster_file import Papers
from tests.support.papers import AUTHORITIES, NETWORK, papers_of, private_key, public_key

A, B = private_key("authority"), private_key("second_authority")
ME = public_key("node")
LAST = 2**32 - 1


def papers_in(folder: Path, pinned: tuple[bytes, ...] = AUTHORITIES) -> NodePapers:
    return NodePapers(folder, ME, NETWORK, pinned, (public_key("inbox"),))


def revoke(version: int, key: bytes, signer: object = A, reason: str = "x" * 60) -> bytes:
    what = Revoke(keys.address_of(key), papers.key_hash(key), reason)
    return papers.sign_change(Change(version, what), signer, NETWORK)  # type: ignore[arg-type]


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def drop_a(version: int) -> bytes:
    return papers.sign_change(Change(version, AuthorityKeys((AUTHORITIES[1],))), B, NETWORK)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_file, "CHANGES_BYTES_MAX", 4096)
    monkeypatch.setattr(node_papers.roster_file, "CHANGES_BYTES_MAX", 4096)


def fill(mine: NodePapers, since: int = 100) -> int:
    """Revocations until there is no room for more; how many are there."""
    for number in range(100):
        mine.take(revoke(since + number, key(since + number)))
    return len(mine._changes.envelopes)


def test_a_file_that_the_thief_filled_does_not_keep_him_in(tmp_path: Path, small: None) -> None:
    mine = papers_in(tmp_path)
    assert fill(mine) < 30
    assert mine.take(drop_a(90))  # B never saw what the thief signed
    assert mine._changes.envelopes == {drop_a(90)}
    assert not mine.refuses(keys.address_of(key(199)))
    with pytest.raises(WireError):
        mine.take(revoke(300, key(300)))
    again = papers_in(tmp_path)
    assert again._changes.envelopes == {drop_a(90)}
    assert again.take(revoke(91, key(7), B))


def test_a_full_file_lets_go_of_the_oldest_revocations_and_a_replay_brings_none_back(
    tmp_path: Path, small: None
) -> None:
    mine = papers_in(tmp_path)
    mine.take(revoke(50, ME, reason="gestolen"))
    inboxes = papers.sign_change(Change(51, InboxKeys((public_key("seal"),))), A, NETWORK)
    mine.take(inboxes)
    held = fill(mine)
    assert mine.refuses(keys.address_of(key(199)))  # the newest
    assert mine.dismissed == "gestolen" and inboxes in mine._changes.envelopes  # these are not for sale
    before = mine._changes.envelopes
    for old in range(100, 120):
        with pytest.raises(WireError):
            mine.take(revoke(old, key(old)))
    assert mine._changes.envelopes == before and len(before) == held
    assert len((tmp_path / "roster").read_bytes()) <= 4096
    assert Papers(tmp_path / "roster").envelopes == before


def test_the_file_of_an_inbox_on_the_same_machine_is_added_to_and_nothing_in_it_is_dropped(
    tmp_path: Path, small: None
) -> None:
    theirs = Papers(tmp_path / "roster")
    theirs.add(papers_of(*((key(number), "Punt", False) for number in range(40)), network_id=NETWORK))
    theirs.save()
    mine = papers_in(tmp_path)
    assert mine.take(revoke(50, key(7)))
    assert Papers(tmp_path / "roster").envelopes == theirs.envelopes | {revoke(50, key(7))}


def test_a_grant_of_the_last_version_by_the_thief_gives_way_to_the_other_authority(tmp_path: Path) -> None:
    def grant(version: int, signer: object) -> bytes:
        [envelope] = papers_of((ME, "Punt", False), network_id=NETWORK)
        read = papers.read_grant(envelope, AUTHORITIES, NETWORK)
        import msgspec

        return papers.sign_grant(msgspec.structs.replace(read, version=version), signer)  # type: ignore[arg-type]

    mine = papers_in(tmp_path)
    assert mine.take(grant(LAST, A))
    assert not mine.take(grant(95, B))
    assert mine.take(drop_a(90))
    assert mine.take(grant(95, B))
    assert wire.parse_header(mine.grant).number == 95


def test_a_node_of_before_the_second_authority_follows_it_when_the_first_is_dropped(tmp_path: Path) -> None:
    """It was enrolled by A alone, and slept while A named B, and B dropped A."""
    named = papers.sign_change(Change(40, AuthorityKeys(AUTHORITIES)), A, NETWORK)
    from relay.inbox.changes import roster_frame
    from relay.trust.judging import judge

    told = judge([named, drop_a(50), revoke(55, key(1), B)], AUTHORITIES[:1], NETWORK).changes
    mine = papers_in(tmp_path, AUTHORITIES[:1])
    for entry in wire.decode_batch(roster_frame(told)):
        mine.take(entry.envelope)
    assert mine._judged.authority_keys == AUTHORITIES[1:]
    assert mine.refuses(keys.address_of(key(1)))
