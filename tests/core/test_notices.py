"""Notices of VRD at a node: told once, kept before the next hello names them, and never an old word."""

from __future__ import annotations

import pytest

from relay.core import payloads
from relay.core.events import Junk, NoticeHeard
from relay.core.message import Kind
from relay.core.session import HEARD_SPREAD_S, HELLO_IDLE_S
from relay.errors import StorageError, Text
from tests.support.ends import LINK, InboxEnd, NodeEnd, converse


def named(inbox: InboxEnd, number: int, text: str = "x", **more: object) -> bytes:
    """A notice under a name of its own, as the inbox says it each time."""
    values = {"notice": "order", "about_epoch": 90, "about_number": number, "text": text, **more}
    return inbox.envelope(Kind.NOTICE, payloads.notice_payload((), values))


def handled(inbox: InboxEnd, handling: str, first: int, last: int | None = None) -> bytes:
    values = {"notice": "handled", "handling": handling, "about_epoch": 7, "about_number": first}
    payload = payloads.notice_payload((), values | ({"about_last": last} if last else {}))
    return inbox.envelope(Kind.NOTICE, payload)


def told(events: list[object]) -> list[object]:
    return [event.notice.values.get("text") for event in events if isinstance(event, NoticeHeard)]


def test_what_is_said_again_under_a_new_sequence_is_told_once(node: NodeEnd, inbox: InboxEnd) -> None:
    assert told(node.hear(named(inbox, 12, "a"))) == ["a"]
    assert told(node.hear(named(inbox, 12, "a"))) == []
    assert told(node.hear(named(inbox, 11, "b"))) == ["b"], "an earlier one that was missed"
    assert node.forwarder.state.inbox.notice == 3, "the hello names the newest sequence all the same"
    assert sorted(number for _, _, number in node.outbox.notices) == [11, 12]


def test_a_recording_is_dropped_and_counted(node: NodeEnd, inbox: InboxEnd) -> None:
    first, second = named(inbox, 1), named(inbox, 2)
    node.hear(second)
    assert node.hear(first) == [] == node.hear(second)
    assert node.forwarder.old_notices == 2


def test_a_notice_of_an_inbox_epoch_that_has_ended_is_dropped(node: NodeEnd, inbox: InboxEnd) -> None:
    """It is said again in the new epoch if we do not have it."""
    old = named(inbox, 1, "ontruim")
    inbox.epoch += 1
    node.hear(inbox.receipt(b""))
    assert node.hear(old) == []
    assert (node.forwarder.old_notices, node.outbox.notices) == (1, {})
    assert told(node.hear(named(inbox, 1, "ontruim"))) == ["ontruim"]


def test_a_forged_notice_is_junk_and_counted(node: NodeEnd, inbox: InboxEnd) -> None:
    forged = bytearray(named(inbox, 1, "ontruim"))
    forged[-1] ^= 1
    assert [type(event) for event in node.hear(bytes(forged))] == [Junk]
    assert (node.forwarder.junk, node.outbox.notices) == (1, {})


def test_one_that_the_disk_refuses_is_not_named_by_the_next_hello(node: NodeEnd, inbox: InboxEnd) -> None:
    def refuse(notice: object) -> bool:
        raise StorageError(Text("vol", "full"), code="full")

    node.outbox.keep_notice = refuse  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        node.hear(named(inbox, 1))
    assert (node.forwarder.state.inbox.notice, node.outbox.saves) == (0, [])


def test_of_handling_every_word_is_told_and_a_run_names_many(node: NodeEnd, inbox: InboxEnd) -> None:
    assert len(told(node.hear(handled(inbox, "seen", 3, 5)))) == 1
    assert len(told(node.hear(handled(inbox, "resolved", 3)))) == 1
    kept = node.outbox.notices[True, 7, 3]
    assert payloads.decode(kept.envelope).values["handling"] == "resolved"


def test_a_notice_by_a_proven_link_is_answered_by_a_hello_soon(node: NodeEnd, inbox: InboxEnd) -> None:
    node.connect()
    converse(node, inbox, 1.0)
    session = node.forwarder.sessions[LINK]
    assert session.next_wake_s() > node.now_s + HELLO_IDLE_S / 2
    node.hear(named(inbox, 1))
    assert session.next_wake_s() <= node.now_s + HEARD_SPREAD_S


def test_one_that_came_by_radio_is_told_by_the_link_that_is_proven(node: NodeEnd, inbox: InboxEnd) -> None:
    node.connect()
    converse(node, inbox, 1.0)
    node.hear(named(inbox, 1), link="radio")
    assert node.forwarder.sessions[LINK].next_wake_s() <= node.now_s + HEARD_SPREAD_S
