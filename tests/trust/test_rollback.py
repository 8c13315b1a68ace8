"""Papers that somebody brings who holds the key of an authority that was dropped: they can be dated back."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config import parse_inbox
from relay.errors import TrustError
from relay.inbox.courier_papers import take_papers
from relay.node.papers import NodePapers
from relay.trust import enrolment, papers
from relay.trust.enrolment import Known
from relay.trust.judging import admitted, judge
from relay.trust.papers import AuthorityKeys, InboxKeys
from relay.trust.roster_file import Papers
from tests.support.papers import AUTHORITIES, NETWORK, public_key
from tests.trust.test_judging import NODE, OTHER, PUBLIC_C, A, B, C, change, grant, revoke

KEY_B = AUTHORITIES[1]
DROP = change(50, AuthorityKeys((KEY_B,)), B)  # VRD-A was stolen
BACK = change(49, AuthorityKeys((AUTHORITIES[0], PUBLIC_C)), A)  # signed by the thief, much later
BY_THIEF = grant(60, OTHER, A)
BY_FRIEND = grant(61, OTHER, C)
GOOD = grant(51, NODE, B)


def admit(held: set[bytes], *incoming: bytes) -> set[bytes]:
    return set(admitted(held, incoming, AUTHORITIES, NETWORK))


def test_a_change_of_authorities_that_was_dated_back_never_joins_those_that_are_here() -> None:
    assert judge([DROP, BACK], AUTHORITIES, NETWORK).authority_keys != (KEY_B,)  # a union would believe it
    assert admit({DROP}, BACK, BY_THIEF, BY_FRIEND, GOOD) == {GOOD}
    assert admit({DROP, GOOD}, change(50, AuthorityKeys((PUBLIC_C,)), A)) == set()


def test_what_is_newer_joins_be_it_by_an_authority_that_comes_along_with_it() -> None:
    to_c = change(70, AuthorityKeys((KEY_B, PUBLIC_C)), B)
    assert admit({DROP}, BY_FRIEND, to_c, GOOD) == {BY_FRIEND, to_c, GOOD}
    assert admit(set(), DROP, GOOD, revoke(3, signer=B)) == {DROP, GOOD, revoke(3, signer=B)}
    assert admit({GOOD}, GOOD, bytes(100), b"", GOOD[:-1]) == set()


def test_a_stick_at_the_inbox_brings_no_dropped_authority_back(tmp_path: Path) -> None:
    config = parse_inbox(
        f'[inbox]\nstate = "{tmp_path}"\nnetwork_id = "{NETWORK.hex()}"\n'
        f"authority_keys = {[key.hex() for key in AUTHORITIES]}\n",
        tmp_path / "inbox.toml",
    )
    assert take_papers(config, [DROP, GOOD]).new == 2
    done = take_papers(config, [BACK, BY_THIEF, BY_FRIEND, GOOD])
    assert (done.new, done.known, done.refused, done.admitted) == (0, 1, 3, [])
    assert judge(Papers(config.roster_file).envelopes, AUTHORITIES, NETWORK).authority_keys == (KEY_B,)


def known_in(folder: Path) -> Known:
    own = Papers(folder / "roster")
    own.add([DROP])
    own.save()
    return Known(NODE, AUTHORITIES, NETWORK, folder / "grant", folder / "roster")


def test_a_stick_at_a_node_brings_no_dropped_authority_back(tmp_path: Path) -> None:
    known = known_in(tmp_path)
    with pytest.raises(TrustError):
        enrolment.judged(grant(60, NODE, A), known, [BACK])
    applied = enrolment.judged(GOOD, known, [BACK])  # it names both authorities still
    enrolment.keep(applied, tmp_path, [BACK, revoke(55, OTHER, B)])
    found = judge(Papers(tmp_path / "roster").envelopes, AUTHORITIES, NETWORK)
    assert (found.authority_keys, found.is_revoked(OTHER)) == ((KEY_B,), True)


def test_a_grant_that_the_thief_dated_far_ahead_gives_way_to_one_of_the_other_authority(
    tmp_path: Path,
) -> None:
    known = known_in(tmp_path)
    known.grant_file.write_bytes(grant(2**32 - 1, NODE, A))
    assert enrolment.judged(GOOD, known).version == 51
    known.grant_file.write_bytes(grant(60, NODE, B))
    with pytest.raises(TrustError, match="not newer"):
        enrolment.judged(GOOD, known)


def test_an_inbox_key_that_was_revoked_does_not_come_back_by_who_has_not_heard_of_it() -> None:
    stolen, fresh = public_key("inbox"), public_key("seal")
    dropped = [revoke(60, stolen, A), change(60, InboxKeys((fresh,)), A)]
    for keys in ((stolen,), (stolen, fresh), (fresh, stolen)):
        later = grant(70, NODE, B, inbox_keys=keys)
        assert judge([*dropped, later], AUTHORITIES, NETWORK).inbox_keys == (fresh,)
    newer = grant(71, NODE, B, inbox_keys=(fresh, PUBLIC_C))
    assert judge([*dropped, newer], AUTHORITIES, NETWORK).inbox_keys == (fresh, PUBLIC_C)


def test_a_node_believes_no_inbox_key_that_was_revoked_though_it_was_set_up_with_it(tmp_path: Path) -> None:
    stolen = public_key("inbox")
    mine = NodePapers(tmp_path, NODE, NETWORK, AUTHORITIES, (stolen, PUBLIC_C))
    assert len(mine.inboxes) == 2
    mine.take(revoke(60, stolen, A))
    assert list(mine.inboxes) == [papers.address_of(PUBLIC_C)]
