"""The literal byte vectors of tests/vectors, and how they are written and read by the shipped code."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.core import fields, payloads, wire
from relay.core.message import (
    Entry,
    Header,
    Heard,
    Hello,
    History,
    Kind,
    Message,
    Notice,
    Numbering,
    Receipt,
    ReceiptEntry,
)

FOLDER = Path(__file__).parents[1] / "vectors"
FILE = json.loads((FOLDER / "envelopes.json").read_text())
ENVELOPES: dict[str, dict[str, Any]] = {vector["name"]: vector for vector in FILE["envelopes"]}
BATCHES: list[dict[str, Any]] = FILE["batches"]
RADIO_FRAMES: list[dict[str, Any]] = FILE["radio_frames"]
REFUSED: list[dict[str, str]] = json.loads((FOLDER / "refused.json").read_text())["payloads"]
NETWORK = bytes.fromhex(FILE["network_id"])


def private_key(signer: str) -> Ed25519PrivateKey:
    """The key made from the seed that stands in the file."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(FILE["keys"][signer]["seed"]))


def address(signer: str) -> bytes:
    """The first four bytes of SHA-256 of the public key."""
    return sha256(private_key(signer).public_key().public_bytes_raw()).digest()[:4]


def header_of(vector: dict[str, Any]) -> Header:
    """The header that a vector describes, with its `payload_at` counted by hand."""
    said = vector["header"]
    lead = 6 + (said["kind"] > 31)
    numbers = sum(max(1, -(-said[name].bit_length() // 7)) for name in ("epoch", "number"))
    return Header(
        address=address(vector["signer"]), payload_at=lead + numbers + 4, **{**HEADER_DEFAULTS, **said}
    )


HEADER_DEFAULTS = {"urgency": 4, "clock": 3, "confidence": 0, "exercise": False, "sealed": False}


def payload_of(vector: dict[str, Any]) -> bytes:
    """The payload that a vector describes, written by the shipped code."""
    said, kind = vector["payload"], vector["header"]["kind"]
    if "hex" in said:
        return bytes.fromhex(said["hex"])
    if kind == Kind.HELLO:
        numbers = (said[name] for name in ("last_state", "inbox_epoch", "notice", "roster"))
        return payloads.hello_payload(bytes.fromhex(said["nonce"]), *numbers)
    if kind == Kind.RECEIPT:
        entries = map(entry_of, said["entries"])
        return payloads.receipt_payload(bytes.fromhex(said["nonce"]), said["advised_min"], entries)
    if kind == Kind.HISTORY:
        runs = [tuple(run) for run in said["runs"]]
        numbering, check = Numbering(said["numbering"]), bytes.fromhex(said["check"])
        return payloads.history_payload(bytes.fromhex(said["address"]), said["epoch"], numbering, runs, check)
    if kind == Kind.NOTICE:
        return payloads.notice_payload(list(map(bytes.fromhex, said["to"])), said["values"])
    status = None
    if kind == Kind.STATUS:
        status = (said["report_low"], said["next_due_min"], said["inbox_low"])
    if not said["unknown"]:
        return payloads.message_payload(said["values"], status=status)
    return payloads.message_payload({}, status=status)[:-1] + with_unknown(said["values"], unknown_of(said))


def with_unknown(values: dict[str, Any], unknown: dict[int, Any]) -> bytes:
    """A map as a later version would write it: with fields that this one has no row for."""
    numbered: dict[int, Any] = dict(fields.pack(values))
    for number, value in unknown.items():
        numbered[number] = value | int(numbered.get(0, 0)) if number == 0 else value
    return msgspec.msgpack.encode(dict(sorted(numbered.items())))


def unknown_of(said: dict[str, Any]) -> dict[int, Any]:
    """JSON has texts for keys."""
    return {int(number): value for number, value in said["unknown"].items()}


def entry_of(said: dict[str, Any]) -> ReceiptEntry:
    """One receipt entry."""
    return ReceiptEntry(
        bytes.fromhex(said["address"]),
        said["epoch"],
        said["upto"],
        said["bitmap"],
        said["state"],
        bytes.fromhex(said["check"]),
    )


def decoded_of(vector: dict[str, Any]) -> payloads.Decoded:
    """What decoding the vector's bytes must give."""
    said, header = vector["payload"], header_of(vector)
    kind = header.kind
    if kind == Kind.HELLO:
        numbers = (said[name] for name in ("last_state", "inbox_epoch", "notice", "roster"))
        return Hello(header, bytes.fromhex(said["nonce"]), *numbers)
    if kind == Kind.RECEIPT:
        nonce = bytes.fromhex(said["nonce"])
        return Receipt(header, nonce, said["advised_min"], tuple(map(entry_of, said["entries"])))
    if kind == Kind.HISTORY:
        where = bytes.fromhex(said["address"]), said["epoch"], Numbering(said["numbering"])
        runs = tuple(tuple(run) for run in said["runs"])
        return History(header, *where, runs, bytes.fromhex(said["check"]))
    if kind == Kind.NOTICE:
        return Notice(header, tuple(map(bytes.fromhex, said["to"])), said["values"])
    extra = {name: said[name] for name in ("report_low", "next_due_min", "inbox_low") if name in said}
    return Message(header=header, values=said["values"], unknown=unknown_of(said), **extra)


def batch_entries(batch: dict[str, Any]) -> list[Entry]:
    """The entries that a batch vector describes; envelopes go by their names."""
    return [
        Entry(
            bytes.fromhex(ENVELOPES[entry["envelope"]]["bytes"]),
            entry["age_s"],
            Heard(*entry["heard"]) if entry["heard"] else None,
        )
        for entry in batch["entries"]
    ]


def sign(vector: dict[str, Any]) -> bytes:
    """The whole envelope, by the shipped code."""
    return wire.sign(header_of(vector), payload_of(vector), NETWORK, private_key(vector["signer"]).sign)


UNSIGNED = bytes(64)  # decoding does not look at the signature


def no_signature(_: bytes) -> bytes:
    """Signs nothing, at once."""
    return UNSIGNED


def plain_header(kind: int) -> Header:
    """A small valid header."""
    return Header(kind, b"abcd", 3, 3, 2, False, False, 7, 9, 1000, 0)
