"""What a set of papers means, whatever the order in which they came."""

from __future__ import annotations

import itertools

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from relay.trust import papers
from relay.trust.judging import Judge, judge
from relay.trust.papers import AuthorityKeys, Change, Grant, InboxKeys, Revoke
from tests.support.papers import AUTHORITIES, NETWORK, private_key, public_key

A, B = private_key("authority"), private_key("second_authority")
C = private_key("broker")
PUBLIC_C = public_key("broker")
NODE, OTHER = public_key("node"), public_key("tls")


def grant(version: int, key: bytes = NODE, signer: Ed25519PrivateKey = A, **more: object) -> bytes:
    said: dict[str, object] = {
        "role": "node",
        "site_id": "VRD-BEI-01",
        "site": "Kazerne Beilen",
        "brokers": (("mqtt.vrd.lan", 8883),),
        "inbox_keys": (public_key("inbox"),),
        "authority_keys": AUTHORITIES,
    }
    whole = Grant(version=version, network_id=NETWORK, sign_key=key, **(said | more))  # type: ignore[arg-type]
    return papers.sign_grant(whole, signer)


def change(version: int, what: Revoke | InboxKeys | AuthorityKeys, signer: Ed25519PrivateKey = A) -> bytes:
    return papers.sign_change(Change(version, what), signer, NETWORK)


def revoke(version: int, key: bytes = NODE, signer: Ed25519PrivateKey = A) -> bytes:
    return change(version, Revoke(papers.address_of(key), papers.key_hash(key), "gestolen"), signer)


def judged(*envelopes: bytes):
    return judge(envelopes, AUTHORITIES, NETWORK)


def test_nothing_is_judged_to_nothing():
    found = judged()
    assert (found.grants, found.version, found.inbox_keys, found.changes) == ({}, 0, (), ())
    assert found.authority_keys == AUTHORITIES


def test_the_newest_grant_of_a_key_counts_and_the_version_is_the_highest_of_all():
    found = judged(grant(5, site="nu"), grant(3, site="toen"), grant(9, OTHER))
    assert (found.grants[NODE].site, found.version) == ("nu", 9)
    assert found.first_versions == {NODE: 3, OTHER: 9}


def test_a_revoked_key_never_comes_back():
    found = judged(revoke(4), grant(9))
    assert found.is_revoked(NODE) and not found.is_revoked(OTHER)
    revocation = found.revocation(NODE)
    assert revocation is not None and revocation.reason == "gestolen"
    assert found.reasons == {papers.address_of(NODE): "gestolen"}


def test_papers_of_others_and_what_is_none_are_passed_over():
    good = grant(3)
    found = judged(good, grant(7, OTHER, C), revoke(8, signer=C), bytes(100), b"", good[:-1] + b"\0")
    assert list(found.grants) == [NODE]
    assert (found.version, found.counting, len(found.envelopes)) == (3, {good}, 6)


def test_the_newest_word_on_inbox_keys_counts_be_it_grant_or_change():
    switch = change(5, InboxKeys((public_key("seal"),)))
    assert judged(grant(3), switch).inbox_keys == (public_key("seal"),)
    assert judged(grant(6), switch).inbox_keys == (public_key("inbox"),)


def test_changes_are_handed_on_newest_first_and_forged_ones_not():
    first, last = revoke(3, OTHER), revoke(8)
    assert judged(first, grant(4), last, revoke(9, signer=C)).changes == (last, first)


# --- when an authority is lost


def test_a_dropped_authority_s_papers_are_void_unless_the_other_signed_them_again():
    drop = change(10, AuthorityKeys((AUTHORITIES[1],)), B)
    by_a, forged_later = grant(3), grant(11, OTHER)
    found = judged(drop, by_a, forged_later)
    assert (found.grants, found.authority_keys) == ({}, (AUTHORITIES[1],))
    again = judged(drop, by_a, forged_later, grant(12, signer=B))
    assert list(again.grants) == [NODE]


def test_a_new_authority_counts_from_the_change_that_names_it():
    to_c = change(10, AuthorityKeys((AUTHORITIES[1], PUBLIC_C)), B)
    by_c = grant(11, signer=C)
    assert judged(by_c).grants == {}
    assert list(judged(to_c, by_c).grants) == [NODE]
    # and it may name others in turn
    alone = change(12, AuthorityKeys((PUBLIC_C,)), C)
    assert judged(to_c, alone, by_c).authority_keys == (PUBLIC_C,)


def test_a_dropped_or_strange_authority_cannot_bring_itself_back():
    drop = change(10, AuthorityKeys((AUTHORITIES[1],)), B)
    for signer, version in itertools.product((A, C), (11, 99)):
        back = change(version, AuthorityKeys((public_key("authority"), PUBLIC_C)), signer)
        assert judged(drop, back).authority_keys == (AUTHORITIES[1],)


def test_one_judge_sees_later_what_it_could_not_believe_before():
    one = Judge(AUTHORITIES, NETWORK)
    by_c, to_c = grant(11, signer=C), change(10, AuthorityKeys((AUTHORITIES[1], PUBLIC_C)), B)
    assert one.judge([by_c]).grants == {}
    assert list(one.judge([by_c, to_c]).grants) == [NODE]
    assert one.judge([]).grants == {}


EVERYTHING = [
    grant(3),
    grant(5, site="later"),
    grant(6, OTHER, B),
    revoke(7, OTHER),
    change(8, InboxKeys((public_key("seal"),)), B),
    change(9, AuthorityKeys((AUTHORITIES[1], PUBLIC_C)), B),
    grant(10, public_key("seal"), C),
    grant(3, signer=B),
]


@given(st.permutations(EVERYTHING), st.integers(0, len(EVERYTHING)))
def test_neither_order_nor_route_matters(order, cut):
    assert judged(*order) == judged(*EVERYTHING)
    one = Judge(AUTHORITIES, NETWORK)
    one.judge(order[:cut])
    assert one.judge(order) == judged(*EVERYTHING)
