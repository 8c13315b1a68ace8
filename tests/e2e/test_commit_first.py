"""Safe before anyone is told so: seen from outside by strace, and by death at the very system call.

The traces are taken without TLS, so that a message can be found in what is written to disk and socket.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from relay.errors import NaoberError
from tests.support.process import until
from tests.support.stack import Stack
from tests.support.trace import Call, attached, calls, first, traced, wait_for

NODE_LOG, INBOX_LOG = "outbox.db-wal", "inbox.db-wal"
PUBLISH_QOS1 = 0x32
REPORTS = 5


def synced(found: list[Call], log: str, envelope: bytes, after: int = -1) -> Call:
    """The first sync of a write-ahead log after `envelope` was written into it."""
    written = first(found, "pwrite64", log, envelope, after)
    return first(found, "fdatasync", log, after=written.ended)


def test_a_node_syncs_a_report_before_it_sends_or_acknowledges_it(tmp_path: Path) -> None:
    trace = tmp_path / "node.trace"
    with Stack(tmp_path, "beilen", plain=True) as stack:
        node = stack.nodes["beilen"]
        stack.broker.start()
        stack.inbox.start()
        node.start(*traced(trace))
        node.wait_code("up")
        for number in range(1, REPORTS + 1):
            node.submit(f"melding {number}")
        stack.settle()
        envelopes = {number: node.envelope_of(number) for number in range(1, REPORTS + 1)}
        wait_for(trace, "sendto", "socket", envelopes[REPORTS])

    found = calls(trace)
    for number, envelope in envelopes.items():
        safe = synced(found, NODE_LOG, envelope)
        assert first(found, "sendto", "socket", envelope).began > safe.ended
        assert first(found, "sendto", "socket", b'"numbers":[%d]' % number).began > safe.ended


def test_the_inbox_syncs_a_report_before_its_receipt_and_receipts_before_it_acknowledges(
    tmp_path: Path,
) -> None:
    trace = tmp_path / "inbox.trace"
    with Stack(tmp_path, "beilen", plain=True, status__interval_s=3600) as stack:
        node = stack.nodes["beilen"]
        stack.broker.start()
        stack.inbox.start(*traced(trace))
        node.start()
        node.wait_code("up")
        stack.wait_newest(node)  # from now on nothing but the reports is heard and said
        for number in range(1, REPORTS + 1):
            node.submit(f"melding {number}")
            stack.settle()  # one by one: each has a commit and a receipt of its own
        envelopes = [node.envelope_of(number) for number in range(1, REPORTS + 1)]
        down = f"naober/1/down/{node.address}".encode()

    found = calls(trace)
    for envelope in envelopes:
        heard = first(found, "recvfrom", "socket", envelope)
        safe = synced(found, INBOX_LOG, envelope, after=heard.began)
        said = [
            call
            for call in found
            if call.name == "sendto" and call.target == heard.target and call.began > heard.ended
        ]
        assert said[0].began > safe.ended  # neither receipt nor acknowledgement went before
        assert said[0].data[0] == PUBLISH_QOS1 and down in said[0].data  # the receipt goes first


@pytest.mark.parametrize(
    ("call", "kept"), [("write", True), ("pwrite64", False)], ids=["before sending", "before writing"]
)
def test_a_node_that_dies_at_a_system_call_keeps_what_it_acknowledged_and_sends_it_once(
    tmp_path: Path, call: str, kept: bool
) -> None:
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        node = stack.nodes["beilen"]
        stack.start()
        acknowledged = False
        with attached(node.pid, "-e", f"inject={call}:signal=SIGKILL:when=1"):
            with contextlib.suppress(NaoberError):
                node.submit("net voor het einde")
                acknowledged = True
            until(lambda: not node.running)
        node.end()
        assert stack.inbox.reports() == []  # it died before anything left
        assert kept or not acknowledged

        node.start()
        node.wait_code("up")
        stack.settle()
        assert stack.inbox.reports() == ["net voor het einde"] * kept
        node.submit("en verder")
        stack.settle()
        assert stack.inbox.reports() == ["net voor het einde"] * kept + ["en verder"]


@pytest.mark.parametrize(
    ("call", "stored"), [("write", True), ("pwrite64", False)], ids=["before receipt", "before storing"]
)
def test_an_inbox_that_dies_at_a_system_call_holds_each_report_once_in_the_end(
    tmp_path: Path, call: str, stored: bool
) -> None:
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        node = stack.nodes["beilen"]
        stack.start()
        stack.wait_newest(node)
        with attached(stack.inbox.pid, "-e", f"inject={call}:signal=SIGKILL:when=1"):
            node.submit("net voor het einde")
            until(lambda: not stack.inbox.running)
        stack.inbox.end()
        assert stack.inbox.reports() == ["net voor het einde"] * stored
        assert node.open_reports() == 1  # stored or not: nobody was told

        stack.inbox.start()
        stack.settle()
        assert stack.inbox.reports() == ["net voor het einde"]
