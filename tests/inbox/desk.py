"""An inbox without a broker, on a real disk, under a clock of the test's own; and nodes that write to it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.core import payloads, wire
from relay.core.message import Clock, Entry, Header, Heard, History, Kind, Receipt, Urgency
from relay.inbox.ingest import Intake, Outcome
from relay.inbox.queries import Finding, Reader, StoredMessage
from relay.inbox.replies import Replies
from relay.inbox.store import Arrival, Store

NETWORK = b"testland"
UNIX_S = 1_800_000_000
TIME = UNIX_S - wire.EPOCH_2025_UNIX_S


class Key:
    """A key pair, as the roster knows it."""

    def __init__(self, name: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.public_key = self.private.public_key()
        self.address = hashlib.sha256(self.public_key.public_bytes_raw()).digest()[:4]
        self.hex = self.address.hex()
        self.revoked = self.blocked = False
        self.replaced_s = 0


class Writer(Key):
    """A node that signs whatever the test asks for."""

    def __init__(self, name: str, epoch: int = 7) -> None:
        super().__init__(name)
        self.epoch = epoch

    def sign(self, kind: int, number: int, payload: bytes, **header: Any) -> bytes:
        fields = {
            "urgency": Urgency.ROUTINE,
            "clock": Clock.NTP,
            "confidence": 0,
            "exercise": False,
            "sealed": False,
            "epoch": self.epoch,
            "time": TIME,
            **header,
        }
        whole = Header(kind=kind, address=self.address, number=number, payload_at=0, **fields)
        return wire.sign(whole, payload, NETWORK, self.private.sign)

    def report(self, number: int, text: str = "", **header: Any) -> bytes:
        payload = payloads.message_payload({"text": text or f"melding {number}"})
        return self.sign(header.pop("kind", Kind.REPORT), number, payload, **header)

    def status(self, number: int, last_report: int = 0, due_min: float = 1.0, **header: Any) -> bytes:
        payload = payloads.message_payload({"visitors": number % 1000}, status=(last_report, due_min, 0))
        return self.sign(Kind.STATUS, number, payload, **header)

    def gap(self, number: int, first: int, last: int, epoch: int | None = None, **header: Any) -> bytes:
        values = {"about_epoch": epoch or self.epoch, "about_number": first, "about_last": last}
        return self.sign(Kind.GAP, number, payloads.message_payload(values), **header)

    def hello(self, reports: int, states: int, nonce: bytes = b"nonce--1", **header: Any) -> bytes:
        return self.sign(Kind.HELLO, reports, payloads.hello_payload(nonce, states, 0, 0, 0), **header)


class Desk:
    """One inbox; `reopen` is what a restart does to it."""

    def __init__(self, folder: Path, *nodes: Key) -> None:
        self.folder = folder
        self.unix_s = UNIX_S
        self.uptime_s = 1000.0
        self.clock = Clock.NTP
        self.key = Key("inbox")
        self.roster: dict[bytes, Key] = {node.address: node for node in nodes}
        self.open()

    def open(self) -> None:
        self.store = Store(self.folder)
        epoch = self.store.next_epoch(max(0, self.unix_s - wire.EPOCH_2025_UNIX_S))
        self.replies = Replies(self.store, self.key.address, NETWORK, self.key.private.sign, epoch)
        self.intake = Intake(self.store, NETWORK, lambda address: self.roster.get(address), self.replies)
        self.reader = Reader(self.folder)

    def close(self) -> None:
        self.reader.close()
        self.store.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    @property
    def now(self) -> Arrival:
        return Arrival(self.unix_s, "boot-1", self.uptime_s)

    def wait(self, seconds: float) -> None:
        self.unix_s += int(seconds)
        self.uptime_s += seconds

    # --- in ---

    def take(
        self, publisher: str, *envelopes: bytes, age_s: int | None = 0, heard: Heard | None = None
    ) -> Outcome:
        """One frame."""
        return self.take_together((publisher, [Entry(each, age_s, heard) for each in envelopes]))

    def take_together(self, *frames: tuple[str, list[Entry]]) -> Outcome:
        """Many frames in one commit."""
        parcels = []
        for publisher, entries in frames:
            parcel = self.intake.open_frame(publisher, wire.encode_batch(entries), self.uptime_s)
            if parcel is not None:
                self.intake.verify(parcel.items)
                parcels.append(parcel)
        return self.intake.store(parcels, self.now, self.clock)

    def take_if_open(self, publisher: str, *envelopes: bytes) -> bool:
        """Whether a frame passes the first stage; no more is done with it."""
        frame = wire.encode_batch([Entry(each, 0) for each in envelopes])
        return self.intake.open_frame(publisher, frame, self.uptime_s) is not None

    def judge_again(self) -> Outcome | None:
        return self.intake.judge_again(self.now, self.clock)

    # --- out ---

    def said(self, outcome: Outcome | None) -> Iterator[Receipt | History]:
        """The inbox's words in `outcome`, each checked for its signature and size."""
        for _, frame in outcome.replies if outcome else []:
            for entry in wire.decode_batch(frame):
                assert wire.is_authentic(entry.envelope, NETWORK, self.key.public_key)
                decoded = payloads.decode(entry.envelope)
                assert isinstance(decoded, Receipt | History)
                if isinstance(decoded, Receipt):
                    assert len(entry.envelope) <= wire.ENVELOPE_BYTES_MAX
                yield decoded

    def receipts(self, outcome: Outcome | None) -> list[Receipt]:
        return [each for each in self.said(outcome) if isinstance(each, Receipt)]

    def histories(self, outcome: Outcome | None) -> list[History]:
        return [each for each in self.said(outcome) if isinstance(each, History)]

    def shown(self, *, statuses: bool = False) -> list[StoredMessage]:
        """What the pages show, oldest first."""
        return self.reader.messages(statuses=statuses, limit=500)[::-1]

    def texts(self) -> list[str]:
        """The texts of the reports that the pages show, oldest first."""
        decoded = [payloads.decode(each.envelope) for each in self.shown() if not each.standing]
        return [str(message.values["text"]) for message in decoded if "text" in message.values]

    def findings(self, node: Key) -> dict[str, Finding]:
        return {each.code: each for each in self.reader.findings().get(node.address, [])}

    def missing(self, node: Key) -> list[tuple[int, int]]:
        held = self.reader.held_reports()[node.address].reports
        return held.missing(1, held.last)

    def rows(self) -> int:
        """How many messages the disk has."""
        with sqlite3.connect(self.folder / "inbox.db") as db:
            return int(db.execute("SELECT count(*) FROM message").fetchone()[0])


def fresh_texts(outcome: Outcome) -> list[str]:
    """The texts of the reports that `outcome` calls new."""
    decoded = [payloads.decode(each) for header, each in outcome.fresh if header.kind == Kind.REPORT]
    return [str(message.values["text"]) for message in decoded]
