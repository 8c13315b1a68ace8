"""One bad source costs its neighbours little: allowances per publisher and per signer, and flat memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from relay.core import wire
from relay.core.message import Entry
from relay.inbox import hellos, ingest
from relay.inbox.limits import KEYS_MAX, Buckets
from tests.inbox.desk import Desk, Writer, fresh_texts
from tests.support.command import REPOSITORY


def forged(node: Writer, count: int) -> list[bytes]:
    whole = node.report(1)
    return [whole[:-4] + number.to_bytes(4, "big") for number in range(count)]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Every envelope whose signature was looked at."""
    seen: list[bytes] = []
    real = wire.is_authentic

    def look(envelope: bytes, network: bytes, key: wire.PublicKey) -> bool:
        seen.append(envelope)
        return real(envelope, network, key)

    monkeypatch.setattr(wire, "is_authentic", look)
    return seen


def test_a_flood_of_forged_messages_is_dropped_unverified_and_a_neighbours_pass(
    desk: Desk, node: Writer, other: Writer, verified: list[bytes]
) -> None:
    frame = [Entry(each, 0) for each in forged(node, 500)]
    for _ in range(20):
        desk.take_together((node.hex, frame))
    assert len(verified) == ingest.FAILURES_AT_ONCE
    assert desk.intake.counts["flood"] > 19
    outcome = desk.take(other.hex, other.report(1, "brand"))
    assert fresh_texts(outcome) == ["brand"]
    assert desk.receipts(outcome)


def test_frames_of_a_flood_that_wait_together_are_not_all_verified(
    desk: Desk, node: Writer, verified: list[bytes]
) -> None:
    frame = (node.hex, [Entry(each, 0) for each in forged(node, 500)])
    desk.take_together(*[frame] * 10)  # all opened before the first was judged
    # each chunk finds out by one failure more
    assert ingest.FAILURES_AT_ONCE <= len(verified) <= ingest.FAILURES_AT_ONCE + 10


def test_an_allowance_refills_with_time_and_a_debt_is_bounded(desk: Desk, node: Writer) -> None:
    for _ in range(10):
        desk.take(node.hex, *[b"junk"] * 500)
    assert not desk.take_if_open(node.hex, node.report(1))
    debt_s = (ingest.FAILURES_DEBT_MAX + 1) / ingest.FAILURES_REFILL_PER_S
    desk.wait(debt_s - 2)
    assert not desk.take_if_open(node.hex, node.report(1))
    desk.wait(3)
    outcome = desk.take(node.hex, node.report(1))
    assert fresh_texts(outcome) == ["melding 1"]


def test_good_messages_never_use_up_an_allowance(desk: Desk, node: Writer) -> None:
    for _ in range(10):
        desk.take(node.hex, *[node.report(number) for number in range(1, 101)])
    assert "flood" not in desk.intake.counts


def test_frames_that_are_no_batch_use_it_up(desk: Desk, node: Writer) -> None:
    for _ in range(ingest.FAILURES_AT_ONCE + 5):
        desk.intake.open_frame(node.hex, b"\xc1", desk.uptime_s)
    assert desk.intake.counts == {"not_a_batch": ingest.FAILURES_AT_ONCE, "flood": 5}


def test_unknown_signers_beyond_quarantine_use_it_up(
    desk: Desk, node: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.inbox.apart.QUARANTINE_PER_PUBLISHER_MAX", 10)
    stranger = Writer("vreemd")
    for start in range(0, 500, 100):
        desk.take(node.hex, *[stranger.report(start + number) for number in range(1, 101)])
    assert desk.intake.counts["unknown_signer"] >= ingest.FAILURES_AT_ONCE
    assert desk.intake.counts["flood"] > 0


def test_a_node_that_asks_without_end_is_answered_at_a_bounded_rate_and_its_messages_pass(
    desk: Desk, node: Writer
) -> None:
    questions = [node.hello(0, 0, nonce=number.to_bytes(8, "big")) for number in range(200)]
    outcome = desk.take(node.hex, *questions, node.report(1))
    assert len([each for each in desk.receipts(outcome) if each.nonce]) == hellos.HELLOS_AT_ONCE
    assert fresh_texts(outcome) == ["melding 1"]
    assert desk.intake.counts["hello_flood"] == 200 - hellos.HELLOS_AT_ONCE
    desk.wait(3)
    assert len(desk.receipts(desk.take(node.hex, *questions))) == 3
    # each node has its own
    assert desk.receipts(desk.take(node.hex, Writer("norg").hello(0, 0)))


def test_a_bucket_remembers_those_who_spend_and_no_more_than_its_limit() -> None:
    buckets = Buckets(10, 1.0)
    for number in range(3 * KEYS_MAX):
        assert buckets.take(number, 0.0)
    assert len(buckets._left) == KEYS_MAX
    for number in range(3 * KEYS_MAX):
        buckets.has(number, 100.0)
    assert not buckets._left


def test_a_bucket_never_holds_more_than_its_size_nor_owes_more_than_its_debt() -> None:
    buckets = Buckets(3, 1.0, 2.0)
    buckets.has("a", 0.0)
    assert [buckets.spend("a") for _ in range(9)] == [True, True] + [False] * 7
    assert not buckets.has("a", 2.9)
    assert buckets.has("a", 3.1)
    buckets.has("a", 0.0)  # a clock that goes back gives nothing and takes nothing
    assert [buckets.take("a", 1e6) for _ in range(4)] == [True, True, True, False]


@pytest.mark.slow
def test_memory_stays_flat_under_100_000_messages_and_10_000_unknown_signers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.inbox.memory"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert not done.stderr
    grown_mib, messages, strangers = map(float, done.stdout.split())
    assert (messages, strangers) == (100_000, 10_000)
    assert grown_mib <= 8
