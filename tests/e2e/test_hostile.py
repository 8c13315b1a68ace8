"""A node that was admitted and turned hostile: what it says costs it its own allowance, and nobody else."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay import config, mqtt
from relay.core import payloads, wire
from relay.core.message import Clock, Confidence, Entry, Header, Kind, Urgency
from relay.trust import keys
from relay.trust.certificates import client_context
from tests.support.process import until
from tests.support.stack import REPORTS, STATES, Node, Stack

HUGE_BYTES = 300 * 1000  # near what the broker lets pass
GROWTH_KIB_MAX = 10 * 1024
EMERGENCY_S = 5.0
KINDS_OF_JUNK = ("not_a_batch", "not_an_envelope", "bad_signature", "unknown_signer", "flood")


class Hostile:
    """Speaks MQTT with the certificate of an admitted node, and says what it likes."""

    def __init__(self, node: Node) -> None:
        settings = config.load_node(node.file)
        self._settings = settings
        self._topic = mqtt.topic("up", node.address)
        self.network = settings.network_id
        self.key = keys.load(settings.signing_key)
        self.address = bytes.fromhex(node.address)

    def say(self, *frames: bytes) -> None:
        """Publish, one after the other; the broker has taken all of them when this returns."""
        asyncio.run(self._say(frames))

    async def _say(self, frames: Iterable[bytes]) -> None:
        section = self._settings.mqtt
        tls = client_context(section.ca, section.certificate, section.key)
        options = mqtt.Options(host=section.host, port=section.port, client_id=f"x{os.getpid()}", tls=tls)
        connection = await mqtt.open(options, lambda message: message.ack())
        try:
            await asyncio.gather(*(connection.publish(self._topic, frame) for frame in frames))
        finally:
            await connection.close()

    def report(
        self,
        number: int,
        text: str,
        *,
        key: Ed25519PrivateKey | None = None,
        address: bytes | None = None,
        payload: bytes | None = None,
        network: bytes | None = None,
    ) -> bytes:
        """A report; well made but for what is given."""
        header = Header(
            Kind.REPORT,
            address or self.address,
            Urgency.EMERGENCY,
            Clock.NTP,
            Confidence.CONFIRMED,
            False,
            False,
            1,
            number,
            1000,
            0,
        )
        said = payloads.message_payload({"text": text}) if payload is None else payload
        return wire.sign(header, said, network or self.network, (key or self.key).sign)


def batch(*envelopes: bytes) -> bytes:
    return wire.encode_batch([Entry(envelope, 0) for envelope in envelopes])


def nested(depth: int) -> bytes:
    """MessagePack arrays in arrays."""
    return b"\x91" * depth + b"\xc0"


def junk_of(stack: Stack) -> int:
    counts = stack.inbox.counts()
    return sum(counts[name] for name in KINDS_OF_JUNK)


def set_up(tmp_path: Path) -> tuple[Stack, Node, Hostile]:
    """A stack with an honest node that runs, and a hostile one that was admitted like it."""
    stack = Stack(tmp_path, "beilen", "hostile", status__interval_s=3600)
    beilen = stack.nodes["beilen"]
    stack.broker.start()
    stack.inbox.start()
    beilen.start()
    beilen.wait_code("up")
    stack.wait_newest(beilen)
    return stack, beilen, Hostile(stack.nodes["hostile"])


def emergency_arrives(stack: Stack, node: Node, text: str) -> None:
    """Within seconds, receipted, and as the only thing that anyone is shown."""
    started = time.monotonic()
    node.submit(text, Urgency.EMERGENCY)
    stack.settle(EMERGENCY_S)
    assert time.monotonic() - started < EMERGENCY_S
    assert text in stack.inbox.reports()


def test_junk_is_counted_and_never_stored_and_an_emergency_behind_it_gets_through(tmp_path: Path) -> None:
    stack, beilen, hostile = set_up(tmp_path)
    with stack:
        chance = random.Random(9)
        good = batch(hostile.report(1, "echt"))
        frames = [good[:length] for length in range(len(good))]  # truncated at each index
        frames += [chance.randbytes(chance.randrange(1, 400)) for _ in range(40)]
        frames += [chance.randbytes(HUGE_BYTES), b"\x00" * HUGE_BYTES, b"\xdd\xff\xff\xff\xff"]
        frames += [nested(1000), nested(HUGE_BYTES), msgspec.msgpack.encode([[nested(9), 0, None]])]
        frames += [good + b"\x00", good * 2, b"", batch(b""), batch(b"\xff" * 70)]
        hostile.say(*frames)
        emergency_arrives(stack, beilen, "brand in de kazerne")

        until(lambda: junk_of(stack) >= len(frames), why=f"{junk_of(stack)} of {len(frames)} counted")
        assert stack.inbox.reports() == ["brand in de kazerne"]
        assert stack.inbox.site(stack.nodes["hostile"])["heard"] == "never"


def test_a_forged_or_foreign_signature_stores_nothing_as_true(tmp_path: Path) -> None:
    stack, beilen, hostile = set_up(tmp_path)
    with stack:
        victim = bytes.fromhex(beilen.address)
        stranger = Ed25519PrivateKey.generate()
        stranger_address = keys.address_of(keys.public_bytes(stranger))
        hostile.say(
            batch(hostile.report(7, "in naam van beilen", address=victim)),
            batch(hostile.report(8, "van een onbekende", key=stranger, address=stranger_address)),
            batch(hostile.report(9, "uit een andere regio", network=b"elsewhere"[:8])),
        )
        until(lambda: stack.inbox.counts()["bad_signature"] == 2)
        until(lambda: stack.inbox.counts()["quarantined"] == 1)
        emergency_arrives(stack, beilen, "dit is echt")
        assert stack.inbox.reports() == ["dit is echt"]
        assert stack.inbox.findings(beilen) == set()  # nobody can accuse it by forging

        # the stranger was kept apart, not believed
        with closing(sqlite3.connect(stack.inbox.state / "inbox.db")) as db:
            assert db.execute("SELECT address FROM quarantine").fetchall() == [(stranger_address,)]


def test_a_replay_of_what_another_node_said_changes_nothing(tmp_path: Path) -> None:
    stack, beilen, hostile = set_up(tmp_path)
    with stack:
        with closing(sqlite3.connect(stack.inbox.state / "inbox.db")) as db:
            old_status = db.execute("SELECT envelope FROM message WHERE numbering = 1").fetchone()[0]
        beilen.submit("een keer gezegd")
        stack.settle()
        beilen.stop()
        beilen.start()  # says a newer status
        beilen.wait_code("up")
        stack.wait_newest(beilen)
        newest, rows = stack.inbox.site(beilen)["number"], stack.inbox.rows(STATES)

        hostile.say(*[batch(old_status, beilen.envelope_of(1))] * 50)
        until(lambda: stack.inbox.counts()["duplicate"] >= 100)
        assert stack.inbox.reports() == ["een keer gezegd"]
        assert stack.inbox.rows(STATES) == rows
        site = stack.inbox.site(beilen)
        assert site["number"] == newest and site["publisher"] == beilen.address
        assert site["findings"] == []


def test_a_payload_that_cannot_be_decoded_is_kept_as_such_and_blocks_nothing(tmp_path: Path) -> None:
    stack, beilen, hostile = set_up(tmp_path)
    with stack:
        broken = [b"\xc1", nested(100), b"\x81\xa1x", b"\x81\x01\xcb\x7f\xf8" + b"\x00" * 6]
        hostile.say(batch(*(hostile.report(i, "", payload=each) for i, each in enumerate(broken, 1))))
        hostile.say(batch(hostile.report(5, "en dit weer wel")))
        emergency_arrives(stack, beilen, "erachter")
        until(lambda: len(stack.inbox.rows(REPORTS)) == len(broken) + 2)
        shown = stack.inbox.page("/api/messages")
        undecodable = [each["number"] for each in shown if "undecodable" in each]
        assert sorted(undecodable) == [1, 2, 3, 4]
        assert not any("values" in each for each in shown if "undecodable" in each)
        assert "en dit weer wel" in stack.inbox.reports()  # its own later words count, too


@pytest.mark.slow
def test_a_flood_leaves_memory_flat_and_other_nodes_heard(tmp_path: Path) -> None:
    stack, beilen, hostile = set_up(tmp_path)
    with stack:
        chance = random.Random(10)
        stranger = Ed25519PrivateKey.generate()
        address = keys.address_of(keys.public_bytes(stranger))
        unknown = [hostile.report(n, "x" * 100, key=stranger, address=address) for n in range(1, 201)]

        def flood() -> None:
            hostile.say(*(chance.randbytes(HUGE_BYTES) for _ in range(40)))
            hostile.say(*(nested(HUGE_BYTES) for _ in range(40)))
            hostile.say(*(batch(*unknown) for _ in range(20)))
            hostile.say(*(chance.randbytes(50) for _ in range(2000)))

        flood()  # the first time, allocator and caches take what they need
        emergency_arrives(stack, beilen, "tijdens de vloed 0")
        before = stack.inbox.memory_kib()
        for number in range(1, 4):
            flood()
            emergency_arrives(stack, beilen, f"tijdens de vloed {number}")
        grown = stack.inbox.memory_kib() - before
        assert grown < GROWTH_KIB_MAX, f"{grown} KiB more"
        assert stack.inbox.counts()["flood"] > 0
        assert stack.inbox.reports() == [f"tijdens de vloed {number}" for number in range(4)]
