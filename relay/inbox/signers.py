"""The roster as intake needs it: keys to verify by."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from relay.core import wire
from relay.core.message import Address
from relay.trust.roster import Roster


class Signer:
    """A node of the roster as intake needs it."""

    __slots__ = ("blocked", "public_key", "raw", "replaced_s", "revoked")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.public_key: wire.PublicKey = Ed25519PublicKey.from_public_bytes(raw)
        self.revoked = self.blocked = False
        self.replaced_s = 0


def signers_of(roster: Roster, before: dict[Address, Signer]) -> dict[Address, Signer]:
    """Every node that may be believed, or must be known as revoked.

    A signer of `before` stays the same object: a key that is revoked is so for frames on their way, too.
    """
    signers = {}
    for node in roster.nodes:
        signer = before.get(node.address)
        if signer is None or signer.raw != node.public_key:
            signer = Signer(node.public_key)
        signer.revoked, signer.blocked, signer.replaced_s = node.revoked, bool(node.blocked), node.replaced_s
        signers[node.address] = signer
    return signers
