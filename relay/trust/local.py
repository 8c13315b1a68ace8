"""A whole network on one machine, for the demo, tests and measurements: the authority is this process.

The papers are real ones, by the code of the authority's laptop; only nobody keeps the key. Nothing that
is laid out here can be added to later.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.core.wire import EPOCH_2025_UNIX_S
from relay.trust import authority, inbox_setup, keys, node_setup, papers
from relay.trust.authority import Place
from relay.trust.papers import Change, Request, Revoke
from relay.trust.roster_file import NAME, Papers
from relay.trust.seal import Channel


class LocalAuthority:
    """Founds a network, admits one inbox and its nodes, and forgets its key with this object."""

    def __init__(self, *, plain: bool = False, channel: Channel | None = None) -> None:
        """`plain`: without TLS, for a broker on this machine. Without `channel` radios stay as they are."""
        self.private = Ed25519PrivateKey.generate()
        self.public_key = keys.public_bytes(self.private)
        self.network_id = papers.network_id_of(self.public_key)
        self.version = int(time.time() - EPOCH_2025_UNIX_S) // 60
        self.shared = authority.new_shared(self.version, channel)
        self._plain, self._has_channel = plain, channel is not None
        self._inboxes: list[Request] = []
        self._inbox_states: list[Path] = []

    def lay_out_inbox(self, place: inbox_setup.Place) -> bytes:
        """Everything that an inbox needs to start; its grant. Raises NaoberError."""
        envelope = self.admit_inbox(inbox_setup.prepare(place))
        inbox_setup.apply(envelope, place.folder, place.state)
        self._inbox_states.append(place.state)
        return envelope

    def admit_inbox(self, request: bytes) -> bytes:
        """The grant of the inbox that asks; raises WireError for a request that is none."""
        asked = papers.read_request(request)
        self._inboxes = [*(each for each in self._inboxes if each.sign_key != asked.sign_key), asked]
        network = self._network()
        return self._bare(authority.grant_inbox(asked, network, self.shared, self.private, self._next()))

    def lay_out_node(self, folder: Path, state: Path, place: Place | str, *, told: bool = True) -> bytes:
        """Everything that a node needs to start; its grant. `told`: the inbox has it in its roster already.

        A text is the name of a place, and its number. Raises NaoberError.
        """
        if isinstance(place, str):
            place = Place("node", place[:24].strip(), place)
        envelope = self.admit(node_setup.prepare(state), place)
        node_setup.apply(envelope, folder, state)
        if told:
            self.tell_inbox(envelope)
        return envelope

    def admit(self, request: bytes, place: Place) -> bytes:
        """The grant of a node that asks; raises WireError for a request that is none."""
        asked = papers.read_request(request)
        network = self._network()
        return self._bare(
            authority.grant_node(asked, place, network, self.shared, self.private, self._next())
        )

    def revoke(self, public_key: bytes, reason: str = "") -> bytes:
        """The change that says so."""
        what = Revoke(keys.address_of(public_key), papers.key_hash(public_key), reason)
        return papers.sign_change(Change(self._next(), what), self.private, self.network_id)

    def tell_inbox(self, *envelopes: bytes) -> None:
        """Puts papers into the roster of the inbox, as a stick would; raises StorageError."""
        for state in self._inbox_states:
            roster = Papers(state / NAME)
            roster.add(envelopes)
            roster.save()

    def _network(self) -> authority.Network:
        return authority.network_with(self.network_id, (self.public_key,), self._inboxes)

    def _next(self) -> int:
        self.version += 1
        return self.version

    def _bare(self, envelope: bytes) -> bytes:
        """The same grant without what this network does not have."""
        grant = papers.read_grant(envelope, (self.public_key,), self.network_id)
        if not self._has_channel:
            grant = msgspec.structs.replace(grant, sealed_channel=b"")
        if self._plain:
            grant = msgspec.structs.replace(
                grant, certificate=b"", ca=b"", broker_certificate=b"", broker_keys=()
            )
        return papers.sign_grant(grant, self.private)
