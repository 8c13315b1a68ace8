"""What points to a wrong key raises an alarm, until an administrator has said what it was; then again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from relay.core.message import Kind
from relay.inbox import suspicion
from relay.inbox.suspicion import BAD_MANY, BAD_SIGNATURES, BAD_WITHIN_S, STRANGER, STRANGER_MANY
from tests.inbox.desk import Desk, Key, Writer
from tests.inbox.room import OpenRoom
from tests.inbox.test_watch import Vrd


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        yield room


def told(vrd: Vrd, *rules: str) -> list[tuple[str, str, str]]:
    """Kind, subject and sound of what the next look tells of these rules."""
    rules = rules or ("security", "own_stranger")
    return [(each.kind, each.subject, each.sound) for each in vrd.watch.look() if each.rule in rules]


def second_card(vrd: Vrd, writer: Writer, number: int) -> None:
    vrd.desk.take(writer.hex, writer.report(number, "een"))
    vrd.desk.take(writer.hex, writer.report(number, "twee"))


def fall(vrd: Vrd, writer: Writer, **how: object) -> None:
    """A node loses its word, and another has its site."""
    for name, value in how.items():
        setattr(writer, name, value)
    vrd.roll.nodes = tuple(
        msgspec.structs.replace(node, **how) if node.address == writer.address else node  # type: ignore[arg-type]
        for node in vrd.roll.nodes
    )


# --- an administrator ends it ---


def test_a_second_card_alarms_until_it_is_ended_and_alarms_anew_when_it_speaks_again(room: OpenRoom) -> None:
    vrd, one = room.vrd, room.writers[0]
    second_card(vrd, one, 1)
    assert told(vrd) == [("raised", "P1", "urgent")]
    admin = room.browser("beheer")
    page = admin.get("/beheer").text
    assert "Punt 1" in page and "twee kaarten met een sleutel" in page
    assert "twee kaarten" in admin.get("/punt/P1").text and "twee kaarten" not in admin.get("/punt/P2").text
    given = {"address": one.hex, "code": "clone", "count": "1"}
    assert admin.post("/beheer/veiligheid", reason="testkaart van de bouw", **given).status == 303
    assert told(vrd) == [("cleared", "P1", "")]
    for path in ("/beheer", "/punt/P1"):
        assert "beëindigd door beheer" in admin.get(path).text and "testkaart" in admin.get(path).text
    vrd.restart()
    assert told(vrd) == []
    second_card(vrd, one, 2)
    assert told(vrd) == [("raised", "P1", "urgent")]


def test_what_happened_after_the_page_was_made_is_not_ended_with_it(room: OpenRoom) -> None:
    vrd, one = room.vrd, room.writers[0]
    second_card(vrd, one, 1)
    vrd.watch.look()
    admin = room.browser("beheer")
    second_card(vrd, one, 2)
    admin.post("/beheer/veiligheid", reason="testkaart", address=one.hex, code="clone", count="1")
    assert told(vrd) == []  # it stands
    assert room.vrd.watch.real.engine.state.alarms


def test_a_messages_store_that_was_restored_and_counts_less_hides_nothing_new(room: OpenRoom) -> None:
    vrd, one = room.vrd, room.writers[0]
    for number in (1, 2, 3):
        second_card(vrd, one, number)
    (finding,) = room.room.findings()
    vrd.operators.ended.end(finding, "beheer", "testkaart")
    assert told(vrd) == []
    fewer = msgspec.structs.replace(finding, count=1)
    assert vrd.operators.ended.still_open([fewer]) == []
    again = msgspec.structs.replace(fewer, count=2, last_s=finding.last_s + 1)
    assert vrd.operators.ended.still_open([again]) == [again]


@pytest.mark.parametrize(
    ("name", "given", "status"),
    [
        ("els", {}, 403),
        ("beheer", {"reason": ""}, 400),
        ("beheer", {"code": "clock"}, 400),
        ("beheer", {"address": "zz"}, 400),
        ("beheer", {"count": "-1"}, 400),
        ("beheer", {"code": "revoked"}, 404),
        ("beheer", {"csrf": "x"}, 403),
    ],
)
def test_only_an_administrator_with_a_reason_ends_what_is_there(
    room: OpenRoom, name: str, given: dict[str, str], status: int
) -> None:
    one = room.writers[0]
    second_card(room.vrd, one, 1)
    fields = {"address": one.hex, "code": "clone", "count": "1", "reason": "proef", **given}
    assert room.browser(name).post("/beheer/veiligheid", **fields).status == status
    assert room.vrd.operators.ended.all() == {}


def test_the_log_says_who_ended_what_and_why(room: OpenRoom) -> None:
    one = room.writers[0]
    second_card(room.vrd, one, 1)
    admin = room.browser("beheer")
    admin.post("/beheer/veiligheid", reason="testkaart", address=one.hex, code="clone", count="1")
    (entry,) = room.vrd.operators.newest_of_journal(1)
    assert (entry.who, entry.what, entry.detail) == ("beheer", "finding ended", f"{one.hex} clone: testkaart")


# --- what is found ---


@pytest.mark.parametrize(
    ("how", "code"), [({"revoked": True}, "revoked"), ({"replaced_s": 1}, "replaced_speaks")]
)
def test_a_key_that_must_not_speak_any_more_alarms_at_the_site_that_it_had(
    room: OpenRoom, how: dict[str, object], code: str
) -> None:
    vrd, one = room.vrd, room.writers[0]
    spare = msgspec.structs.replace(vrd.roll.nodes[1], site="Punt 1", site_id="P1")
    vrd.desk.take(one.hex, one.report(1))
    fall(vrd, one, **how)
    vrd.roll.nodes = (*vrd.roll.nodes, spare)  # the site has another box now
    assert told(vrd) == []
    vrd.desk.take(one.hex, one.report(2))
    assert [each.code for each in room.room.findings()] == [code]
    assert told(vrd) == [("raised", "P1", "urgent")]


def test_a_revoked_key_that_speaks_alarms_also_where_no_other_box_is_yet(room: OpenRoom) -> None:
    one = room.writers[0]
    fall(room.vrd, one, revoked=True)
    room.vrd.desk.take(one.hex, one.report(1))
    assert told(room.vrd) == [("raised", "P1", "urgent")]


def forged(writer: Writer, number: int) -> bytes:
    whole = writer.report(number)
    return whole[:-1] + bytes([whole[-1] ^ 1])


def test_ten_forged_messages_within_ten_minutes_are_told_and_nine_are_not(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, *(forged(node, number) for number in range(1, BAD_MANY)))
    assert BAD_SIGNATURES not in desk.findings(node)
    desk.wait(BAD_WITHIN_S + 1)
    desk.take(node.hex, forged(node, 100))  # those before it are long ago
    assert BAD_SIGNATURES not in desk.findings(node)
    desk.take(node.hex, *(forged(node, number) for number in range(101, 100 + BAD_MANY)))
    assert desk.findings(node)[BAD_SIGNATURES].count == 1


def test_a_device_that_nobody_admitted_alarms_from_its_third_message_until_it_is_admitted_or_ended(
    room: OpenRoom,
) -> None:
    vrd, one = room.vrd, room.writers[0]
    stranger, other = Writer("vreemd"), Writer("anders")
    for number in range(1, STRANGER_MANY):
        vrd.desk.take(one.hex, stranger.report(number), other.report(number))
    assert told(vrd) == []
    vrd.desk.take(one.hex, stranger.report(STRANGER_MANY), other.report(STRANGER_MANY))
    shown = [f"{each.hex[:4]}-{each.hex[4:]}" for each in (stranger, other)]
    assert sorted(told(vrd)) == sorted(("raised", name, "system") for name in shown)
    board = room.room.board()
    assert {line.name for line in board.attention if line.rule == "own_stranger"} == set(shown)
    assert {site.state for site in board.sites} != {"not_judged"}  # that is no reason not to judge sites
    admin = room.browser("beheer")
    fields = {"code": STRANGER, "count": "1", "reason": "radio van de buren"}
    assert admin.post("/beheer/veiligheid", address=shown[0], **fields).status == 303
    assert told(vrd) == [("cleared", shown[0], "")]
    named = msgspec.structs.replace(vrd.roll.nodes[0], public_key=other.public_key.public_bytes_raw())
    vrd.roll.nodes = (*vrd.roll.nodes, named)
    assert told(vrd) == [("cleared", shown[1], "")]


def test_a_flood_of_invented_devices_fills_neither_memory_nor_disk(
    desk: Desk, node: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspicion, "STRANGERS_KEPT_MAX", 5)
    monkeypatch.setattr("relay.inbox.filing_apart.STRANGERS_TOLD_MAX", 2)
    for at in range(20):
        key = Key(f"vreemd {at}")
        writer = Writer(f"vreemd {at}")
        assert key.address == writer.address
        desk.take(node.hex, *(writer.report(number, kind=Kind.REPORT) for number in range(1, 5)))
    assert len(desk.intake._suspicions._strangers) == 5
    found = [each for theirs in desk.reader.findings().values() for each in theirs]
    assert [(each.code, each.count) for each in found] == [(STRANGER, 2)] * 2
    desk.store.expire_quarantine(desk.unix_s + 1)
    assert desk.reader.findings() == {}
