"""What a simulated node has beside its disk: its key pair and its epoch file."""

from __future__ import annotations

from hashlib import blake2b, sha256

from cryptography.exceptions import InvalidSignature

from relay.core.message import ADDRESS_BYTES, Address
from relay.core.wire import SIGNATURE_BYTES


class MemoryEpochFile:
    """The epoch file, which no fault of a simulation touches."""

    def __init__(self) -> None:
        self.epoch = 0

    def read(self) -> int:
        """See station.EpochFile."""
        return self.epoch

    def raise_to(self, epoch: int) -> None:
        """See station.EpochFile."""
        self.epoch = max(self.epoch, epoch)


class Key:
    """A key pair, as the roster knows it.

    A keyed hash of the same length stands in for Ed25519, which would take most of the computing: the
    logic is the same, and nobody in a simulation steals a key.
    """

    def __init__(self, name: str) -> None:
        self._secret = sha256(name.encode()).digest()
        self.address: Address = sha256(self._secret).digest()[:ADDRESS_BYTES]
        self.public_key = self
        self.revoked = self.blocked = False
        self.replaced_s = 0

    def sign(self, data: bytes) -> bytes:
        """See wire.Sign."""
        return blake2b(data, key=self._secret, digest_size=SIGNATURE_BYTES).digest()

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """See wire.PublicKey."""
        if self.sign(data) != signature:
            raise InvalidSignature
