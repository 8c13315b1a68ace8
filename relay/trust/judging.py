"""What a set of papers means: whose grants count, who is revoked, whose receipts and signatures are good.

The outcome depends on the set alone, never on order or route. Source: trust design; docs/wire.md, "Papers".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from relay.core import wire
from relay.core.message import Kind
from relay.errors import TrustError, WireError
from relay.trust import papers
from relay.trust.keys import address_of
from relay.trust.papers import AuthorityKeys, Change, Grant, InboxKeys, Revoke

Paper = Grant | Change


class Signed(NamedTuple):
    """A paper, and the authority key that signed it."""

    envelope: bytes
    signer: bytes
    paper: Paper


class Judged(NamedTuple):
    """What counts of a roster."""

    grants: Mapping[bytes, Grant]  # by signing key: the newest of each, revoked ones too
    revoked: Mapping[bytes, Revoke]  # by hash of the key
    inbox_keys: tuple[bytes, ...]  # of the newest paper that says so; empty: none did
    authority_keys: tuple[bytes, ...]  # in force
    version: int  # the highest of any paper that counts; 0 for none
    changes: tuple[bytes, ...]  # the envelopes of changes that count, newest first
    first_versions: Mapping[bytes, int]  # by signing key: of its oldest grant
    reasons: Mapping[bytes, str]  # by address of a revoked key
    counting: frozenset[bytes] = frozenset()  # the envelopes that count, grants and changes
    envelopes: frozenset[bytes] = frozenset()  # all that were judged
    authorities_since: int = 0  # the version of the change that named those in force; 0: those pinned

    def revocation(self, public_key: bytes) -> Revoke | None:
        """Why this very key counts no more; None while it does."""
        return self.revoked.get(papers.key_hash(public_key))

    def is_revoked(self, public_key: bytes) -> bool:
        """Whether this very key was revoked."""
        return papers.key_hash(public_key) in self.revoked


class Judge:
    """Judges rosters of one network. A signature is verified once, however often its roster is judged."""

    def __init__(self, authority_keys: tuple[bytes, ...], network_id: bytes) -> None:
        self._pinned, self._network_id = authority_keys, network_id
        self._keys = frozenset(authority_keys)  # whose signatures are looked at: all that ever counted
        self._known: dict[bytes, Signed | None] = {}

    @property
    def believed(self) -> frozenset[bytes]:
        """Every authority key that ever counted here."""
        return self._keys

    def judge(self, envelopes: Iterable[bytes]) -> Judged:
        """What counts of `envelopes`; what is no paper, or by nobody we know, is passed over."""
        these = frozenset(envelopes)
        self._known = {envelope: each for envelope, each in self._known.items() if envelope in these}
        while True:
            signed = self._signed(these)
            in_force, named, links = _in_force(self._pinned, signed)
            if named <= self._keys:
                counting = [each for each in signed if each.signer in in_force or each in links]
                since = links[-1].paper.version if links else 0
                return _judged(counting, in_force)._replace(envelopes=these, authorities_since=since)
            self._keys |= named  # a change named another authority: look again at what nobody had signed
            self._known = {envelope: each for envelope, each in self._known.items() if each is not None}

    def _signed(self, envelopes: frozenset[bytes]) -> list[Signed]:
        for envelope in envelopes - self._known.keys():
            self._known[envelope] = _read(envelope, self._keys, self._network_id)
        return [each for envelope in sorted(envelopes) if (each := self._known[envelope]) is not None]


def judge(envelopes: Iterable[bytes], authority_keys: tuple[bytes, ...], network_id: bytes) -> Judged:
    """What counts of a roster that is judged once; see `Judge`."""
    return Judge(authority_keys, network_id).judge(envelopes)


def admitted(
    held: Iterable[bytes], incoming: Iterable[bytes], authority_keys: tuple[bytes, ...], network_id: bytes
) -> frozenset[bytes]:
    """Those of `incoming`, not held yet, that may join what is held.

    They are signed by an authority that counts, or that a change among them names. A change of authorities
    that is no newer than the one in force never joins: whoever stole the key of an authority that was dropped
    since could date it back, and a union would believe it.
    """
    before = judge(held, authority_keys, network_id)
    new = frozenset(incoming) - before.envelopes
    keys, joining = before.authority_keys, set()
    since = before.authorities_since
    for envelope in sorted(new, key=_version):
        found = _read(envelope, keys, network_id)
        if found and isinstance(found.paper, Change) and isinstance(found.paper.what, AuthorityKeys):
            if found.paper.version > since:
                since, keys = found.paper.version, found.paper.what.keys
                joining.add(envelope)
            new -= {envelope}
    return frozenset(joining | {each for each in new - joining if _read(each, keys, network_id)})


def _version(envelope: bytes) -> tuple[int, bytes]:
    try:
        return wire.parse_header(envelope).number, envelope
    except WireError:
        return 0, envelope


def _read(envelope: bytes, keys: Iterable[bytes], network_id: bytes) -> Signed | None:
    """A paper that one of `keys` signed; None for any other."""
    try:
        header = wire.parse_header(envelope)
        signer = next(key for key in sorted(keys) if address_of(key) == header.address)
        read = papers.read_grant if header.kind == Kind.GRANT else papers.read_change
        return Signed(envelope, signer, read(envelope, (signer,), network_id))
    except (StopIteration, WireError, TrustError):
        return None


def _in_force(
    pinned: tuple[bytes, ...], signed: list[Signed]
) -> tuple[tuple[bytes, ...], frozenset[bytes], list[Signed]]:
    """The authority keys that count in the end, all that ever did on the way, and the changes that led there.

    Who has slept needs each of those: its signer may be known by the one before it only.
    """
    keys, named, links = pinned, frozenset(pinned), list[Signed]()
    for each in sorted(signed, key=_order):
        what = each.paper.what if isinstance(each.paper, Change) else None
        if isinstance(what, AuthorityKeys) and each.signer in keys:
            keys, named = what.keys, named | frozenset(what.keys)
            links.append(each)
    return keys, named, links


def _order(each: Signed) -> tuple[int, bytes]:
    return each.paper.version, each.envelope


def _judged(signed: list[Signed], authority_keys: tuple[bytes, ...]) -> Judged:
    grants: dict[bytes, Grant] = {}
    first: dict[bytes, int] = {}
    revoked: dict[bytes, Revoke] = {}
    named: list[tuple[bytes, ...]] = []  # as inbox keys, the newest last
    changes: list[bytes] = []
    version = 0
    for each in sorted(signed, key=_order):
        paper, version = each.paper, max(version, each.paper.version)
        if isinstance(paper, Grant):
            grants[paper.sign_key] = paper
            first.setdefault(paper.sign_key, paper.version)
            named.append(paper.inbox_keys)
            continue
        changes.append(each.envelope)
        if isinstance(paper.what, Revoke):
            revoked.setdefault(paper.what.key_hash, paper.what)
        elif isinstance(paper.what, InboxKeys):
            named.append(paper.what.keys)
    # an authority that has not heard of a revocation yet may still name that key
    believed = (tuple(key for key in keys if papers.key_hash(key) not in revoked) for keys in named[::-1])
    inbox_keys = next(filter(None, believed), ())
    reasons = {each.address: each.reason for each in revoked.values()}
    return Judged(
        grants,
        revoked,
        inbox_keys,
        authority_keys,
        version,
        tuple(changes[::-1]),
        first,
        reasons,
        frozenset(each.envelope for each in signed),
    )
