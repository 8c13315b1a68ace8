"""A node reads and writes sticks: whose messages it takes along, until when, and what it says of receipts."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.core import wire
from relay.core.courier import CARRIED
from relay.core.ledger import State
from relay.core.message import Clock, Entry, Header, Heard, Kind, Numbering, Urgency
from relay.errors import StorageError
from relay.node import courier_store
from relay.node.courier_desk import Desk, Read
from tests.node.parts import count
from tests.support.world import Signer, World

DAY_S = 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Beilen has no link; Assen has."""
    world = World(tmp_path, names=("beilen", "assen"))
    world.set_link("beilen", up=False)
    world.run(5)
    return world


def desk_of(world: World, name: str) -> Desk:
    node = world.nodes[name]
    return Desk(world.station(name), node.folder, node.signer.address)


def written(desk: Desk) -> list[bytes]:
    """All that the node puts on a stick, as batches."""
    ticket = desk.begin()
    return list(iter(lambda: desk.next_batch(ticket), b""))


def entries(batches: list[bytes]) -> list[Entry]:
    return [entry for batch in batches for entry in wire.decode_batch(batch)]


def upload(world: World, desk: Desk, name: str = "assen") -> int:
    """What `CourierWork` does with one segment; how many messages the inbox vouched for."""
    segment = desk.carried.next_segment(world.station(name).moment())
    assert segment
    world.feed(world.nodes[name].signer.address.hex(), wire.encode_batch(segment[1]))
    world.run(1)
    covered = desk.settle()
    desk.carried.tried(segment[0], world.station(name).moment())
    return covered


def test_what_has_no_receipt_is_written_the_urgent_and_the_newest_first(world: World) -> None:
    for number in range(3):
        world.status("beilen", load_pct=number)
    world.say("beilen", "gewoon")
    world.say("beilen", "nood", Urgency.EMERGENCY)
    found = entries(written(desk_of(world, "beilen")))
    headers = [wire.parse_header(each.envelope) for each in found]
    said = [(each.kind, each.number) for each in headers]
    assert said == [
        (Kind.REPORT, 2),
        (Kind.STATUS, 3),
        (Kind.REPORT, 1),
        (Kind.STATUS, 1),
        (Kind.STATUS, 2),
    ]
    assert count(world.station("beilen"), State.WAITING) == 2  # a stick may be lost: they still wait


def test_what_has_a_receipt_is_not_written(world: World) -> None:
    world.say("assen", "aangekomen")
    world.run(5)
    assert written(desk_of(world, "assen")) == []


def test_a_backlog_is_written_in_batches_that_fit_the_control_socket(world: World) -> None:
    for number in range(600):
        world.say("beilen", f"melding {number} " + "x" * 100)
    batches = written(desk_of(world, "beilen"))
    assert len(batches) > 3 and len(entries(batches)) == 600
    assert max(map(len, batches)) <= 33 * 1024


def test_two_writers_do_not_get_half_an_export_each(world: World) -> None:
    world.say("beilen", "een")
    desk = desk_of(world, "beilen")
    first = desk.begin()
    desk.begin()
    with pytest.raises(StorageError):
        desk.next_batch(first)


def test_a_neighbour_with_mqtt_takes_it_along_and_brings_back_vrd_s_word(world: World) -> None:
    world.say("beilen", "water is op")
    world.status("beilen", load_pct=1)
    beilen, assen = desk_of(world, "beilen"), desk_of(world, "assen")
    for batch in written(beilen):
        assert assen.read(batch, None).taken == 2
    assert upload(world, assen) + upload(world, assen) == 2
    assert world.texts() == ["water is op"]
    assert len(assen.carried) == 0

    [address] = assen.carried.words.addresses()
    done = beilen.read(assen.carried.words.frame(address), None)
    assert (done.reports, done.statuses) == (1, 1)
    assert written(beilen) == []


def test_a_neighbour_carries_the_history_of_statuses_whole(world: World) -> None:
    for number in range(30):
        world.status("beilen", load_pct=number)
    beilen, assen = desk_of(world, "beilen"), desk_of(world, "assen")
    for batch in written(beilen):
        assen.read(batch, None)
    assert len(assen.carried) == 30
    assert upload(world, assen) == 30
    assert world.store is not None
    holding = world.store.holding(world.nodes["beilen"].signer.address, beilen.station.forwarder.state.epoch)
    assert len(holding.states) == 30


def test_a_receipt_for_the_newest_status_does_not_end_the_way_of_the_others(world: World) -> None:
    for number in range(5):
        world.status("beilen", load_pct=number)
    beilen, assen = desk_of(world, "beilen"), desk_of(world, "assen")
    batches = written(beilen)
    newest = wire.decode_batch(batches[0])[0]  # heard by another, say
    for batch in batches:
        assen.read(batch, None)
    world.feed(world.nodes["assen"].signer.address.hex(), wire.encode_batch([newest]))
    world.run(1)
    assert assen.settle() == 1
    assert len(assen.carried) == 4


def test_what_is_carried_survives_a_restart_and_so_does_the_word_about_it(world: World) -> None:
    world.say("beilen", "water is op")
    for batch in written(desk_of(world, "beilen")):
        desk_of(world, "assen").read(batch, None)
    desk = desk_of(world, "assen")  # as after a restart
    assert len(desk.carried) == 1
    assert upload(world, desk) == 1
    again = desk_of(world, "assen")
    assert len(again.carried) == 0
    assert again.carried.words.addresses() == [world.nodes["beilen"].signer.address]


def test_a_stick_that_is_read_twice_brings_nothing_twice(world: World) -> None:
    world.say("beilen", "een")
    [batch] = written(desk_of(world, "beilen"))
    assen = desk_of(world, "assen")
    assert assen.read(batch, None) == Read(taken=1)
    assert assen.read(batch, None) == Read(known=1)
    assert desk_of(world, "beilen").read(batch, None) == Read(known=1)  # its own


def test_what_a_node_carries_goes_on_its_next_stick_too(world: World) -> None:
    world.say("beilen", "een")
    world.set_link("assen", up=False)
    [batch] = written(desk_of(world, "beilen"))
    assen = desk_of(world, "assen")
    assen.read(batch, None)
    [entry] = entries(written(assen))
    assert entry.heard == CARRIED
    assert entry.envelope == wire.decode_batch(batch)[0].envelope


def test_an_age_counts_on_where_it_is_known_and_is_absent_where_it_is_not(world: World) -> None:
    world.say("beilen", "een")
    world.run(100)
    beilen, assen = desk_of(world, "beilen"), desk_of(world, "assen")
    [batch], at_s = written(beilen), beilen.clock_s()
    assert at_s is not None
    assert wire.decode_batch(batch)[0].age_s == 100
    world.run(50)  # on the stick
    assen.read(batch, at_s)
    world.run(30)  # on Assen's card
    assert next(assen.carried.open(world.station("assen").moment())).age_s == 180

    world.reboot("assen", 60)  # nobody knows how long that was
    assert next(desk_of(world, "assen").carried.open(world.station("assen").moment())).age_s is None


def test_a_writer_or_reader_without_a_clock_leaves_the_age_open(world: World) -> None:
    world.say("beilen", "een")
    [batch] = written(desk_of(world, "beilen"))
    world.nodes["assen"].clock = Clock.NONE
    world.station("assen").forwarder.state.inbox.ahead_s = None
    assen = desk_of(world, "assen")
    assert assen.clock_s() is None
    assen.read(batch, 1000)
    assert next(assen.carried.open(world.station("assen").moment())).age_s is None


def test_an_own_message_that_was_given_up_lives_on_the_stick(world: World) -> None:
    world.say("beilen", "een")
    [batch] = written(desk_of(world, "beilen"))
    station = world.station("beilen")
    station._outbox.forget(Numbering.REPORT, [(1, 1)])
    assert desk_of(world, "beilen").read(batch, None).taken == 1


def test_what_was_heard_by_radio_goes_along(world: World) -> None:
    world.say("beilen", "een")
    [row] = list(world.station("beilen").forwarder.log.rows(Numbering.REPORT, 1, 1))
    world.set_link("assen", up=False)
    world.station("assen").radio_heard(wire.encode_radio_frame(row.envelope, 3), 4.0, 1, 2)
    [entry] = entries(written(desk_of(world, "assen")))
    assert entry.envelope == row.envelope and entry.heard == Heard("radio", 4, 1)


def test_an_older_word_of_the_inbox_undoes_nothing(world: World) -> None:
    world.say("beilen", "een")
    beilen, assen = desk_of(world, "beilen"), desk_of(world, "assen")
    assen.read(written(beilen)[0], None)
    upload(world, assen)
    old = assen.carried.words.frame(world.nodes["beilen"].signer.address)
    world.kill_inbox()
    world.run(10)
    world.start_inbox()
    world.set_link("beilen", up=True)
    world.say("beilen", "twee")
    world.run(30)
    world.set_link("beilen", up=False)
    before = count(world.station("beilen"), State.RECEIPTED)
    assert before == 2
    assert beilen.read(old, None).reports == 0
    assert count(world.station("beilen"), State.RECEIPTED) == before


# --- hostile ---


def forged(number: int, signer: Signer, size: int = 40) -> bytes:
    header = Header(Kind.REPORT, signer.address, 3, Clock.NTP, 0, False, False, 1, number, 1000, 0)
    return wire.header_bytes(header) + b"x" * size + bytes(64)


def test_junk_is_counted_and_nothing_of_it_kept(world: World) -> None:
    assen = desk_of(world, "assen")
    assert assen.read(b"", None) == Read(junk=1)
    assert assen.read(b"\xdd\xff\xff\xff\xff", None) == Read(junk=1)
    frame = wire.encode_batch([Entry(b""), Entry(b"\xff" * 100), Entry(b"\x21" * 80)])
    assert assen.read(frame, None).junk >= 2
    assert len(assen.carried) <= 1
    good = wire.encode_batch([Entry(forged(1, Signer.seeded("x")))])
    for length in range(len(good)):
        assert assen.read(good[:length], None) == Read(junk=1)


def test_forged_words_of_the_inbox_complete_nothing(world: World) -> None:
    world.say("beilen", "een")
    beilen, assen = desk_of(world, "beilen"), desk_of(world, "assen")
    assen.read(written(beilen)[0], None)
    upload(world, assen)
    frame = assen.carried.words.frame(world.nodes["beilen"].signer.address)
    broken = [
        Entry(each.envelope[:-1] + bytes((each.envelope[-1] ^ 1,))) for each in wire.decode_batch(frame)
    ]
    assert beilen.read(wire.encode_batch(broken), None).reports == 0
    assert beilen.read(frame, None).reports == 1


def test_what_the_inbox_does_not_want_is_not_sent_for_ever(world: World) -> None:
    assen = desk_of(world, "assen")
    assen.read(wire.encode_batch([Entry(forged(1, Signer.seeded("stranger")))]), None)
    assert upload(world, assen) == 0
    assert upload(world, assen) == 0
    assert assen.carried.next_segment(world.station("assen").moment()) is None
    world.run(courier_store.UNWANTED_S + 1)
    assert assen.carried.next_segment(world.station("assen").moment())  # the roster may have changed


def test_a_stick_can_fill_what_is_kept_for_others_and_no_more(world: World, monkeypatch) -> None:
    monkeypatch.setattr(courier_store, "BYTES_MAX", 100_000)
    assen, stranger = desk_of(world, "assen"), Signer.seeded("stranger")
    taken = full = 0
    for start in range(1, 2001, 200):
        frame = wire.encode_batch([Entry(forged(n, stranger)) for n in range(start, start + 200)])
        done = assen.read(frame, None)
        taken, full = taken + done.taken, full + done.full
    assert taken + full == 2000 and full > 0
    assert assen.carried.size_bytes <= 100_000

    # an urgent report of a neighbour finds room when the rest is history
    world.say("beilen", "nood", Urgency.EMERGENCY)
    for _ in range(2 * len(assen.carried._segments)):
        if assen.carried.next_segment(world.station("assen").moment()):
            upload(world, assen)
    assert assen.read(written(desk_of(world, "beilen"))[0], None).taken == 1


def test_what_is_carried_is_let_go_of_after_thirty_days(world: World) -> None:
    world.set_link("assen", up=False)
    world.say("beilen", "een")
    desk_of(world, "assen").read(written(desk_of(world, "beilen"))[0], None)
    world.nodes["assen"].booted_s -= 31 * DAY_S
    assert len(desk_of(world, "assen").carried) == 0
    assert not list((world.nodes["assen"].folder / courier_store.FOLDER).glob("[012]-*"))


def test_a_broken_file_of_what_is_carried_costs_itself_only(world: World) -> None:
    world.say("beilen", "een")
    desk_of(world, "assen").read(written(desk_of(world, "beilen"))[0], None)
    folder = world.nodes["assen"].folder / courier_store.FOLDER
    (folder / "0-00000099").write_bytes(b"\xc1 broken")
    assert len(desk_of(world, "assen").carried) == 1
    assert [each.name for each in folder.glob("[012]-*")] == ["1-00000001"]
