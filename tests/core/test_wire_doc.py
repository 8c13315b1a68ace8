"""docs/wire.md says what the code does."""

from __future__ import annotations

import re

import pytest

from relay.core import fields, forwarder, log, payloads, raises, receipts, schedule, session, wire
from relay.core.message import AGE_S_MAX, Kind
from relay.mqtt import topic
from relay.trust import deflated
from relay.trust import papers as trust_papers
from tests.support import papers, vectors, wire_doc

DOC = wire_doc.PATH.read_text()
WORDS = " ".join(DOC.split())


def test_its_field_table_and_its_vectors_are_those_of_the_code():
    assert wire_doc.with_parts(DOC) == DOC, "run: python -m tests.support.wire_doc"


@pytest.mark.parametrize("row", fields.FIELDS, ids=list(fields.BY_NAME))
def test_every_field_stands_in_it(row):
    assert f"| `{row.name}` |" in DOC


@pytest.mark.parametrize(
    "vector",
    [*vectors.ENVELOPES.values(), *vectors.BATCHES, *vectors.RADIO_FRAMES, *papers.PAPERS.values()],
    ids=lambda each: each["name"],
)
def test_every_vector_stands_in_it(vector):
    assert f"{vector['name']}\n  {vector['bytes']}\n" in DOC


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())
def test_every_kind_stands_in_it_with_its_number(kind):
    rows = re.findall(r"^\| ([\d ·]+) \| ([a-z ·]+) \|", DOC, re.M)
    named = {
        name: int(number)
        for numbers, names in rows
        for number, name in zip(numbers.split(" · "), names.split(" · "), strict=True)
    }
    assert named[kind.name.lower().replace("_", " ")] == kind


@pytest.mark.parametrize("kind", ["up", "down", "air", "roster", "inbox"])
def test_every_topic_stands_in_it(kind):
    assert f"`{topic(kind, '<address>')}`" in DOC


@pytest.mark.parametrize(
    "sentence",
    [
        f"An envelope has at least {wire.ENVELOPE_BYTES_MIN} bytes",
        f"at most **{wire.ENVELOPE_BYTES_MAX}**",
        f"at most {wire.INBOX_ENVELOPE_BYTES_MAX})",
        f"Unix time - {wire.EPOCH_2025_UNIX_S:_}".replace("_", " "),
        f"0 to {fields.NUMBER_MAX}, at most {fields.FIELDS_PER_MESSAGE_MAX}.",
        f"[{wire.NONCE_BYTES}] nonce",
        f"[{wire.CHECK_BYTES}] check",
        f"count of runs, at most {payloads.HISTORY_RUNS_MAX}",
        f"count of addresses, at most {payloads.NOTICE_TO_MAX}",
        f"a grant unpacks to at most {deflated.UNPACKED_BYTES_MAX} bytes",
        f"first {trust_papers.KEY_HASH_BYTES} bytes of SHA-256 of the key",
        f"reason (at most {trust_papers.REASON_BYTES_MAX} bytes)",
        f"random(0..{log.EPOCH_STEP_MAX})",
        f"at most {raises.RAISES_AT_ONCE} times at once and then once an hour",
        f"every {session.HELLO_IDLE_S:.0f} s without a receipt",
        f"stays out for {session.RECEIPT_TIMEOUT_S:.0f} s",
        f"repeated with a new nonce after {session.HELLO_RETRY_S:.0f}, 10, 20, 40, "
        f"{session.HELLO_RETRY_MAX_S:.0f}, 60 ... s",
        f"({schedule.URGENT_TOKENS_MAX} at once, then one in {schedule.URGENT_TOKEN_S / 60:.0f} minutes",
        f"drawn from 0 to {forwarder.Settings().backfill_spread_s:.0f} s",
        f"At most {wire.BATCH_BYTES_MAX // 1024} KiB and {wire.BATCH_ENTRIES_MAX} envelopes are taken",
        f"at most {forwarder.Settings().batch_bytes // 1024} KiB and {forwarder.Settings().batch_messages}",
    ],
)
def test_its_limits_are_those_of_the_code(sentence):
    assert sentence in WORDS


def test_its_other_limits_are_those_of_the_code():
    assert (AGE_S_MAX, wire.NUMBER_MAX) == (2**32 - 1, 2**32 - 1)
    assert raises.RAISE_TOKEN_S == 3600
    assert receipts.BITMAP_BITS == 8
    assert session.SILENT_AFTER_HELLOS == 2
