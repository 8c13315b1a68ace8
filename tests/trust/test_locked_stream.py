"""A long file under a passphrase: all of it comes back, or none of it is believed."""

from __future__ import annotations

import io

import pytest

from relay.errors import KeyFileError
from relay.trust.locked_stream import MAGIC, PIECE_BYTES, TAG_BYTES, Locked, Unlocked, is_locked

PASSPHRASE = "paard batterij nietje klopt"
CHEAP = 10


def locked(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    out = io.BytesIO()
    writer = Locked(out, passphrase, cost_log2=CHEAP)
    for at in range(0, len(data), 10_000):
        writer.write(data[at : at + 10_000])
    writer.finish()
    return out.getvalue()


def unlocked(sealed: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return io.BufferedReader(Unlocked(io.BytesIO(sealed), passphrase, "b.backup")).read()


def pieces_at(sealed: bytes) -> int:
    return len(MAGIC) + 2 + int.from_bytes(sealed[len(MAGIC) : len(MAGIC) + 2], "big")


@pytest.mark.parametrize("length", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7])
def test_what_went_in_comes_out(length: int) -> None:
    data = bytes(range(256)) * (length // 256 + 1)
    assert unlocked(locked(data[:length])) == data[:length]


def test_nothing_can_be_read_without_and_two_files_have_nothing_in_common() -> None:
    secret = b"-----BEGIN PRIVATE KEY-----" * 100
    one, two = locked(secret), locked(secret)
    assert b"PRIVATE" not in one
    assert is_locked(one[:64]) and not is_locked(b"\x1f\x8b")
    start = pieces_at(one)
    assert one[start : start + 64] != two[start : start + 64]


def test_another_passphrase_is_told_in_words() -> None:
    with pytest.raises(KeyFileError, match="Wrong passphrase"):
        unlocked(locked(b"x"), "een ander wachtwoord")


def test_a_file_that_was_cut_off_is_refused_wherever_that_was() -> None:
    sealed = locked(b"x" * (2 * PIECE_BYTES + 5))
    start, piece = pieces_at(sealed), PIECE_BYTES + TAG_BYTES
    for end in (*range(start + 1), start + 17, start + piece, start + 2 * piece, len(sealed) - 1):
        with pytest.raises(KeyFileError):
            unlocked(sealed[:end])


def test_a_file_of_which_anything_was_changed_moved_or_added_is_refused() -> None:
    sealed = locked(b"x" * (2 * PIECE_BYTES + 5))
    start, piece = pieces_at(sealed), PIECE_BYTES + TAG_BYTES
    first, second, last = (sealed[start + n * piece : start + (n + 1) * piece] for n in range(3))
    front = sealed[:start]
    spoilt = [front + second + first + last, front + first + last, front + first + second + last + last]
    spoilt += [
        sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]
        for at in (*range(start), start, -1 % len(sealed))
    ]
    for each in spoilt:
        with pytest.raises(KeyFileError):
            unlocked(each)


def test_a_header_that_would_take_all_memory_is_refused() -> None:
    sealed = locked(b"x")
    at = sealed.index(bytes((CHEAP, 8, 1)))
    with pytest.raises(KeyFileError, match="damaged"):
        unlocked(sealed[:at] + bytes((30,)) + sealed[at + 1 :])
