"""The closed key file, and what goes between two laptops."""

from __future__ import annotations

import msgspec
import pytest

from relay.errors import KeyFileError, NaoberError, TrustError, WireError
from relay.trust import authority, authority_file, authority_share
from relay.trust.authority_file import Secrets, lock, new_secrets, read_header, unlock
from relay.trust.authority_share import Introduction
from tests.support.authority import COST_LOG2, PASSPHRASE


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    return new_secrets(shared=authority.new_shared(1))


@pytest.fixture(scope="module")
def closed(secrets: Secrets) -> bytes:
    return lock(secrets, "VRD-A", PASSPHRASE, cost_log2=COST_LOG2)


def test_the_right_passphrase_opens_it(secrets: Secrets, closed: bytes) -> None:
    assert unlock(closed, PASSPHRASE, "authority.key") == secrets
    assert read_header(closed, "authority.key").public_key == secrets.public.sign_key


def test_another_passphrase_does_not_and_says_so_in_one_line(closed: bytes) -> None:
    for wrong in ("", PASSPHRASE + " ", PASSPHRASE.upper()):
        with pytest.raises(KeyFileError) as error:
            unlock(closed, wrong, "authority.key")
        assert error.value.what.nl == "Verkeerd wachtwoord voor VRD-A, of authority.key is beschadigd"


def test_by_default_a_guess_costs_as_much_as_was_decided(secrets: Secrets) -> None:
    header = read_header(lock(secrets, "VRD-A", PASSPHRASE), "x")
    assert (header.cost_log2, header.r, header.p) == (17, 8, 1)


def test_salt_and_nonce_are_never_the_same(secrets: Secrets, closed: bytes) -> None:
    again, first = (
        read_header(each, "x") for each in (lock(secrets, "VRD-A", PASSPHRASE, cost_log2=COST_LOG2), closed)
    )
    assert again.salt != first.salt and again.nonce != first.nonce


def test_nothing_in_it_can_be_read(secrets: Secrets, closed: bytes) -> None:
    assert secrets.shared is not None
    for secret in (secrets.sign_key, secrets.seal_key, secrets.shared.ca_key, secrets.shared.channel.key):
        assert secret not in closed
    assert b"naober" not in closed[len("naober authority\n") :]  # the channel's name


def test_no_changed_byte_and_no_cut_is_opened(closed: bytes) -> None:
    for at in range(0, len(closed), 3):
        changed = closed[:at] + bytes((closed[at] ^ 1,)) + closed[at + 1 :]
        for bad in (changed, closed[:at]):
            with pytest.raises(KeyFileError):
                unlock(bad, PASSPHRASE, "authority.key")
    with pytest.raises(KeyFileError):
        unlock(closed + b"x", PASSPHRASE, "authority.key")


def test_a_file_cannot_ask_for_all_of_this_machines_memory(closed: bytes) -> None:
    header = msgspec.structs.replace(read_header(closed, "x"), cost_log2=30)
    encoded = msgspec.msgpack.encode(header)
    front = b"naober authority\n" + len(encoded).to_bytes(2, "big") + encoded
    with pytest.raises(KeyFileError):
        unlock(front + bytes(100), PASSPHRASE, "authority.key")


@pytest.mark.parametrize("data", [b"", b"naober authority\n", b"naober authority\n\xff\xff\x90", bytes(5000)])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(KeyFileError):
        read_header(data, "authority.key")


# --- between two laptops


def test_shared_secrets_open_for_the_one_they_are_for(secrets: Secrets) -> None:
    other = new_secrets(secrets.network_id)
    assert secrets.shared is not None
    sealed = authority_share.seal_shared(secrets.shared, secrets, other.public.seal_key)
    assert authority_share.open_shared(sealed, other, secrets.public.seal_key) == secrets.shared
    for secret in (secrets.shared.ca_key, secrets.shared.channel.key):
        assert secret not in sealed
    stranger = new_secrets()
    for receiver, sender in ((stranger, secrets), (other, stranger)):
        with pytest.raises(TrustError):
            authority_share.open_shared(sealed, receiver, sender.public.seal_key)
    for at in range(0, len(sealed), 7):
        changed = sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]
        for bad in (changed, sealed[:at]):
            with pytest.raises(TrustError):
                authority_share.open_shared(bad, other, secrets.public.seal_key)


def test_a_stranger_cannot_slip_in_secrets_of_his_own(secrets: Secrets) -> None:
    other, stranger = new_secrets(secrets.network_id), new_secrets()
    forged = authority_share.seal_shared(authority.new_shared(9), stranger, other.public.seal_key)
    with pytest.raises(TrustError):
        authority_share.open_shared(forged, other, secrets.public.seal_key)


def test_an_introduction_is_read_as_it_was_written_or_not_at_all(secrets: Secrets) -> None:
    public = secrets.public
    who = Introduction(1, "VRD-A", public.sign_key, public.seal_key, secrets.network_id)
    data = authority_share.introduction_bytes(who)
    assert authority_share.read_introduction(data) == who
    assert len(who.control.replace(" ", "")) == 25
    assert msgspec.structs.replace(who, seal_key=bytes(32)).control != who.control
    for bad in (*(data[:at] for at in range(len(data))), data + b"x", bytes(10_000), b"\x91" * 200):
        with pytest.raises(WireError):
            authority_share.read_introduction(bad)


def test_only_a_name_that_can_be_a_file_is_taken(secrets: Secrets) -> None:
    for name in ("", "../x", "a b", "x" * 17, "VRD/A"):
        with pytest.raises((NaoberError, msgspec.ValidationError)):
            read_header(lock(secrets, name, PASSPHRASE, cost_log2=COST_LOG2), "x")
    assert authority_file.PASSPHRASE_CHARACTERS_MIN >= 12
