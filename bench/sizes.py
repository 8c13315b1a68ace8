"""Bytes of every kind of envelope, signature included: on the radio every byte is airtime."""

from __future__ import annotations

from hashlib import sha256

from relay.core import payloads, wire
from relay.core.fields import Value
from relay.core.message import Header, Kind, Numbering, ReceiptEntry, Urgency

ADDRESS = b"\x3f\x9a\x21\xc4"
NETWORK = b"\0" * 8
EPOCH, NUMBER, STATE_NUMBER = 40, 60, 120
INBOX_EPOCH, SEQUENCE = 60_000_000, 5_000

# what a node with a UPS and a volunteer says in the second hour of an outage
TWELVE: dict[str, Value] = {
    "power": "battery",
    "mains_lost_min": 95,
    "battery_pct": 62,
    "runtime_min": 110,
    "indoor_c": 17,
    "visitors": 42,
    "opening": "open",
    "internet": "out",
    "mobile": "limited",
    "water": "ok",
    "food": "ok",
    "heating": "limited",
}
EIGHT_MORE: dict[str, Value] = {
    "router": "works",
    "dns": "out",
    "broker": "out",
    "landline": "out",
    "blankets": "ok",
    "sanitation": "ok",
    "charging": "low",
    "first_aid": "ok",
}


def envelope(kind: Kind, payload: bytes, epoch: int = EPOCH, number: int = NUMBER) -> int:
    """The length of a signed envelope."""
    header = Header(kind, ADDRESS, Urgency.ROUTINE, 3, 0, False, False, epoch, number, 60_000_000, 0)
    return len(wire.sign(header, payload, NETWORK, lambda data: sha256(data).digest() * 2))


def status(values: dict[str, Value]) -> int:
    """The length of a status."""
    return envelope(
        Kind.STATUS, payloads.message_payload(values, status=(NUMBER, 60, 7)), number=STATE_NUMBER
    )


def receipt(nodes: int) -> int:
    """The length of a receipt for so many nodes."""
    entry = ReceiptEntry(ADDRESS, EPOCH, NUMBER, 0, STATE_NUMBER, b"\0\0")
    payload = payloads.receipt_payload(b"", 0.0, [entry] * nodes)
    return envelope(Kind.RECEIPT, payload, INBOX_EPOCH, SEQUENCE)


def sizes() -> dict[str, int]:
    """Bytes by name."""
    report: dict[str, Value] = {"incident": "fire", "text": "Rook in de hal, ontruimd"}
    request: dict[str, Value] = {
        "need": "water",
        "amount": 200,
        "amount_unit": "litres",
        "needed_within_min": 120,
    }
    reports = {
        Kind.REPORT: report,
        Kind.REQUEST: request,
        Kind.OFFER: {"need": "generator", "amount": 1, "amount_unit": "pieces"},
        Kind.SITUATION: {"text": "Rustig. Water krap vanaf vanavond, verder alles in orde."},
        Kind.WITHDRAWAL: {"about_number": 59, "reason": "vergissing"},
        Kind.ANSWER: {"about_epoch": INBOX_EPOCH, "about_number": SEQUENCE, "answer": 1},
        Kind.GAP: {"about_number": 5, "about_last": 9},
    }
    found = {"status, 12 fields": status(TWELVE), "status, 20 fields": status({**TWELVE, **EIGHT_MORE})}
    for kind, values in reports.items():
        found[kind.name.lower()] = envelope(kind, payloads.message_payload(values))
    found["hello"] = envelope(Kind.HELLO, payloads.hello_payload(b"\0" * 8, STATE_NUMBER, INBOX_EPOCH, 7, 42))
    found["receipt, 1 node"], found["receipt, 13 nodes"] = receipt(1), receipt(13)
    history = payloads.history_payload(ADDRESS, EPOCH, Numbering.STATE, [(1, 100), (110, 120)], b"\0\0")
    found["history, 2 runs"] = envelope(Kind.HISTORY, history, INBOX_EPOCH, SEQUENCE)
    notice = payloads.notice_payload([ADDRESS], {"notice": "handled", "handling": "seen", "about_number": 60})
    found["notice to one site"] = envelope(Kind.NOTICE, notice, INBOX_EPOCH, SEQUENCE)
    return found
