"""A channel sealed to one machine opens there and nowhere else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from relay.errors import TrustError, WireError
from relay.trust.seal import Channel, seal, unseal
from tests.support import papers

CHANNEL = Channel("NAOBER", bytes(range(32)))


def private() -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(papers.FILE["seeds"]["seal"]))


def test_the_sealed_channel_of_the_vectors_opens():
    assert unseal(bytes.fromhex(papers.FILE["sealed"]["bytes"]), private()) == papers.channel_of_vector()


@pytest.mark.parametrize(
    "channel", [CHANNEL, Channel("N", bytes(16), "MEDIUM_FAST", "EU_433", 7)], ids=["usual", "other"]
)
def test_what_is_sealed_opens_again_and_never_shows_its_key(channel):
    public = private().public_key().public_bytes_raw()
    sealed = seal(channel, public)
    assert unseal(sealed, private()) == channel
    assert channel.key[:8] not in sealed
    assert sealed != seal(channel, public)


def test_another_machine_cannot_open_it():
    sealed = seal(CHANNEL, private().public_key().public_bytes_raw())
    with pytest.raises(TrustError, match="not for this machine"):
        unseal(sealed, X25519PrivateKey.generate())


def test_a_changed_or_cut_seal_does_not_open():
    sealed = seal(CHANNEL, private().public_key().public_bytes_raw())
    for at in range(len(sealed)):
        with pytest.raises((TrustError, WireError)):
            unseal(sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :], private())
        with pytest.raises((TrustError, WireError)):
            unseal(sealed[:at], private())
    with pytest.raises(WireError):
        unseal(bytes(1000), private())


@pytest.mark.parametrize(
    "channel",
    [
        Channel("", bytes(32)),
        Channel("twaalf-tekens", bytes(32)),
        Channel("N", bytes(17)),
        Channel("N", bytes(32), "TURBO"),
        Channel("N", bytes(32), hop_limit=8),
        Channel("\u00e9" * 6, bytes(32)),
    ],
    ids=repr,
)
def test_a_channel_that_no_radio_takes_is_not_sealed(channel):
    with pytest.raises(WireError):
        seal(channel, private().public_key().public_bytes_raw())


def test_a_key_that_no_secret_can_come_of_is_refused():
    with pytest.raises(WireError, match="no key"):
        seal(CHANNEL, bytes(32))
