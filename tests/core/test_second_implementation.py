"""A reader written from docs/wire.md alone, without any code of ours, reads what ours writes."""

from __future__ import annotations

import math
import re
from hashlib import sha256
from pathlib import Path

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support import vectors

DOC = (Path(__file__).parents[2] / "docs" / "wire.md").read_text()
NETWORK = bytes.fromhex(re.search(r"network id `(\w+)`", DOC)[1])
KEYS = {
    bytes.fromhex(address): Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    for public, address in re.findall(r"public `(\w+)`, address `(\w+)`", DOC)
}
HEX = dict(re.findall(r"^([a-z0-9-]+)\n  ([0-9a-f]+)$", DOC, re.M))
# number: name, words; and for levels: place: name, words
ROWS = re.findall(r"^\| (0, place )?(\d+) \| `(\w+)` \| ([^|]+) \|", DOC, re.M)
LEVELS = {int(number): (name, words.split(", ")) for place, number, name, words in ROWS if place}
FIELDS = {
    int(number): (name, None if " to " in words else words.split(", "))
    for place, number, name, words in ROWS
    if not place
}


class Reader:
    """What is left to read."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        taken, self.data = self.data[:count], self.data[count:]
        assert len(taken) == count
        return taken

    def number(self) -> int:
        number = shift = 0
        while True:
            [byte] = self.take(1)
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def values(self) -> tuple[dict, dict]:
        values, unknown = {}, {}
        for number, value in msgpack.unpackb(self.take(len(self.data)), strict_map_key=False).items():
            if number == 0:
                for place, (name, words) in LEVELS.items():
                    if grade := value >> 2 * place & 3:
                        values[name] = words[grade - 1]
                if rest := value >> 2 * len(LEVELS) << 2 * len(LEVELS):
                    unknown["0"] = rest
                continue
            name, words = FIELDS.get(number, (None, None))
            if name is None or (words and value >= len(words)) or (name.endswith("_pct") and value > 100):
                unknown[str(number)] = value
            else:
                values[name] = words[value] if words else value
        return values, unknown


def read(envelope: bytes) -> tuple[dict, dict]:
    """Header and payload, as the vectors say them."""
    whole = Reader(envelope[:-64])
    [first] = whole.take(1)
    KEYS[address := whole.take(4)].verify(envelope[-64:], b"naober\0" + NETWORK + envelope[:-64])
    [flags] = whole.take(1)
    assert first >> 5 == 1
    kind = first & 31
    header = {
        "kind": kind if kind < 31 else 32 + whole.take(1)[0],
        "urgency": (flags >> 6) + 1,
        "clock": flags >> 4 & 3,
        "confidence": flags >> 2 & 3,
        "exercise": bool(flags & 2),
        "sealed": bool(flags & 1),
        "epoch": whole.number(),
        "number": whole.number(),
        "time": int.from_bytes(whole.take(4), "big"),
    }
    assert address in KEYS
    return header, PAYLOADS.get(header["kind"], plain)(whole) if not header["sealed"] else {}


def plain(rest: Reader) -> dict:
    values, unknown = rest.values()
    return {"values": values, "unknown": unknown}


def status(rest: Reader) -> dict:
    report, due, inbox = rest.take(3)
    return {"report_low": report, "next_due_min": 2 ** (due / 16), "inbox_low": inbox, **plain(rest)}


def hello(rest: Reader) -> dict:
    said = {"nonce": rest.take(8).hex()}
    return said | {name: rest.number() for name in ("last_state", "inbox_epoch", "notice", "roster")}


def receipt(rest: Reader) -> dict:
    nonce = rest.take(rest.take(1)[0]).hex()
    advice, entries = rest.take(1)[0], []
    while rest.data:
        entries.append(
            {
                "address": rest.take(4).hex(),
                "epoch": rest.number(),
                "upto": rest.number(),
                "bitmap": rest.take(1)[0],
                "state": rest.number(),
                "check": rest.take(2).hex(),
            }
        )
    return {"nonce": nonce, "advised_min": 2 ** (advice / 16) if advice else 0.0, "entries": entries}


def history(rest: Reader) -> dict:
    said = {"address": rest.take(4).hex(), "epoch": rest.number(), "numbering": rest.take(1)[0], "runs": []}
    last = -1
    for _ in range(rest.take(1)[0]):
        first = last + 1 + rest.number()
        last = first + rest.number()
        said["runs"].append([first, last])
    return said | {"check": rest.take(2).hex()}


def notice(rest: Reader) -> dict:
    to = [rest.take(4).hex() for _ in range(rest.take(1)[0])]
    return {"to": to, "values": rest.values()[0]}


PAYLOADS = {0: status, 8: hello, 9: receipt, 10: history, 11: notice}
READABLE = [vector for vector in vectors.ENVELOPES.values() if "hex" not in vector["payload"]]


@pytest.mark.parametrize("vector", READABLE, ids=lambda vector: vector["name"])
def test_it_reads_every_vector_in_the_document(vector):
    header, payload = read(bytes.fromhex(HEX[vector["name"]]))
    assert header == {**vectors.HEADER_DEFAULTS, **vector["header"]}
    assert payload == vector["payload"]


@pytest.mark.parametrize("batch", vectors.BATCHES, ids=lambda batch: batch["name"])
def test_it_reads_every_batch_in_the_document(batch):
    entries = msgpack.unpackb(bytes.fromhex(HEX[batch["name"]]))
    assert [entry[1:] for entry in entries] == [[each["age_s"], each["heard"]] for each in batch["entries"]]
    for entry in entries:
        read(entry[0])


@pytest.mark.parametrize("vector", vectors.RADIO_FRAMES, ids=lambda vector: vector["name"])
def test_it_reads_every_radio_frame_in_the_document(vector):
    age, *envelope = bytes.fromhex(HEX[vector["name"]])
    read(bytes(envelope))
    assert (None if age == 239 else round(math.pow(2, age / 8))) == vector["heard_as_s"]


def test_the_network_and_the_addresses_are_made_as_it_says():
    assert len(KEYS) == 3
    for address, key in KEYS.items():
        assert sha256(key.public_bytes_raw()).digest()[:4] == address
    assert any(sha256(key.public_bytes_raw()).digest()[:8] == NETWORK for key in KEYS.values())
