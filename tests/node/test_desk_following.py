"""The desk follows its messages: through restarts, new epochs, a failing disk, and an inbox that forgets."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from relay.core.message import Clock, Draft, Entry, Kind, Numbering
from relay.core.payloads import message_of
from relay.core.wire import encode_batch, parse_header, sign
from relay.node.desk import book, progress
from relay.node.desk.facts import Step
from relay.node.station import RETRY_DISK_S
from relay.node.submitting import drafts_of
from tests.node.desks import DeskEnd
from tests.node.failing import add
from tests.node.parts import Card
from tests.support.world import NETWORK, Signer, World


@pytest.fixture
def desk(tmp_path: Path) -> DeskEnd:
    return DeskEnd(tmp_path)


def new_epoch(desk: DeskEnd) -> None:
    """As after a restored card or a clone: what is open gets new numbers."""
    station = desk.world.station()
    station.forwarder.begin_epoch(station.forwarder.state.epoch, station.moment())
    desk.world._wake("beilen")


# --- restarts ---


def test_the_list_is_the_same_after_a_restart(desk: DeskEnd) -> None:
    desk.post("een", "ontvangen", hold=False)
    desk.run(5)
    desk.world.set_link("beilen", False)
    desk.post("twee", "onderweg", hold=False)
    desk.run(1)
    desk.post("drie", "ongedaan")
    desk.counter.undo("drie")
    desk.run(60)
    before = desk.counter.sent(10)
    desk.restart()
    after = desk.counter.sent(10)
    assert [each.id for each in after] == [each.id for each in before] == ["drie", "twee", "een"]
    assert [each.step for each in after] == [each.step for each in before]
    assert after[2].received == before[2].received and after[2].received
    assert after[1].sent_count is None, "how often it was tried before is not known"
    assert [each.age_s for each in after] == [each.age_s for each in before]


def test_what_was_held_goes_after_a_power_cut(desk: DeskEnd) -> None:
    desk.post("een", "voor de stroom uitviel")
    desk.run(3)
    desk.reboot(off_s=3600)
    assert desk.one("een").safe
    desk.run(30)
    assert desk.at_inbox() == {"voor de stroom uitviel": 1}
    desk.reboot()
    desk.run(30)
    assert desk.at_inbox() == {"voor de stroom uitviel": 1} and desk.one("een").step is Step.RECEIVED


def test_ages_bridge_a_power_cut_only_where_a_clock_does(desk: DeskEnd) -> None:
    desk.post("een", "met klok", hold=False)
    desk.run(10)
    desk.reboot(off_s=3600)
    age_s = desk.one("een").age_s
    assert age_s is not None and 3600 <= age_s < 3700
    received = desk.one("een").received
    assert received and received.age_s is not None and received.age_s >= 3600
    desk.world.nodes["beilen"].clock = Clock.NONE
    desk.world.kill_inbox()
    desk.reboot(off_s=3600)
    assert desk.one("een").age_s is None
    received = desk.one("een").received
    assert received and received.age_s is None and received.time_s, "VRD's time is known all the same"


# --- new numbers ---


def test_after_a_new_epoch_each_message_is_found_again(desk: DeskEnd) -> None:
    desk.post("een", "ontvangen", hold=False)
    desk.run(5)
    desk.world.set_link("beilen", False)
    desk.post("twee", "wacht", hold=False)
    desk.run(1)
    desk.post("drie", "woord " * 60, hold=False)
    new_epoch(desk)
    assert desk.one("een").step is Step.RECEIVED
    assert [each.id for each in desk.counter.sent(10)] == ["drie", "twee", "een"]
    assert desk.one("twee").step is Step.KEPT and not desk.one("twee").expired
    new_epoch(desk)
    desk.restart()
    desk.world.set_link("beilen", True)
    desk.run(30)
    for id in ("een", "twee", "drie"):
        assert desk.one(id).step is Step.RECEIVED, id
    assert len(desk.counter.sent(10)) == 3 and desk.at_inbox()["wacht"] == 1


def test_a_new_epoch_that_began_while_the_desk_did_not_look_is_followed_too(desk: DeskEnd) -> None:
    desk.world.set_link("beilen", False)
    desk.post("een", "wacht", hold=False)
    desk.world.kill("beilen")
    desk.world.nodes["beilen"].epochs.epoch += 7  # another card's work: this one begins above it
    desk.world.start("beilen")
    desk.open()
    assert [each.id for each in desk.counter.sent(10)] == ["een"] and not desk.one("een").expired
    desk.world.set_link("beilen", True)
    desk.run(30)
    assert desk.one("een").step is Step.RECEIVED and desk.one("een").received


def test_what_vrd_said_of_an_old_number_counts_for_the_new_one(desk: DeskEnd) -> None:
    desk.world.set_link("beilen", False)
    desk.post("een", "wacht", hold=False)
    old = desk.world.station().forwarder.state.epoch
    new_epoch(desk)
    desk.world.set_link("beilen", True)
    desk.run(10)
    desk.hear(desk.handled("forwarded", old, 1, text="Rode Kruis"))
    sent = desk.one("een")
    assert sent.step is Step.READ and sent.handling
    assert (sent.handling.state, sent.handling.text) == ("forwarded", "Rode Kruis")


def test_a_withdrawal_names_the_new_number_when_its_message_got_one(desk: DeskEnd) -> None:
    desk.world.set_link("beilen", False)
    desk.post("een", "water", hold=False)
    desk.counter.withdraw("weg", "een", "vergissing")
    new_epoch(desk)
    desk.run(5)
    desk.world.set_link("beilen", True)
    desk.run(30)
    (header,) = [header for header, _ in desk.world.fresh if header.kind == Kind.REQUEST]
    said = [message_of(each) for header, each in desk.world.fresh if header.kind == Kind.WITHDRAWAL]
    about = [(each.values["about_epoch"], each.values["about_number"]) for each in said if each]
    assert (header.epoch, header.number) in about, "else it stays in force at VRD"
    assert desk.one("een").withdrawn and desk.one("een").withdrawal_received
    desk.restart()
    desk.run(30)
    assert len([1 for header, _ in desk.world.fresh if header.kind == Kind.WITHDRAWAL]) == len(said)


def test_a_restored_card_shows_what_it_knows_and_its_messages_arrive(desk: DeskEnd, tmp_path: Path) -> None:
    desk.post("een", "op de kopie", hold=False)
    desk.run(10)
    card = Card(desk.world, "beilen", tmp_path / "card")
    desk.post("twee", "later", hold=False)
    desk.run(10)
    desk.world.kill("beilen")
    card.put_back(desk.world, "beilen")
    desk.world.start("beilen")
    desk.open()
    desk.post("drie", "na het terugzetten", hold=False)
    desk.run(60)
    assert {each.id for each in desk.counter.sent(10)} == {"een", "drie"}
    assert desk.one("een").step is desk.one("drie").step is Step.RECEIVED
    assert desk.at_inbox() == {"op de kopie": 1, "later": 1, "na het terugzetten": 1}


def test_numbers_are_kept_when_the_messages_themselves_are_gone(desk: DeskEnd) -> None:
    desk.world.set_link("beilen", False)
    desk.post("een", "wacht", hold=False)
    new_epoch(desk)
    assert desk.one("een").step is Step.KEPT
    desk.world.set_link("beilen", True)
    desk.run(10)
    new_epoch(desk)
    desk.world.station().outbox.forget_closed()  # as after thirty days
    desk.restart()
    sent = desk.one("een")
    assert (sent.step, sent.expired) == (Step.RECEIVED, False) and sent.values["text"] == "wacht"


def test_two_that_say_the_same_in_one_moment_stay_two(desk: DeskEnd) -> None:
    desk.world.set_link("beilen", False)
    desk.post("een", "water", hold=False)
    desk.post("twee", "water", hold=False)
    new_epoch(desk)
    assert not desk.one("een").expired and not desk.one("twee").expired
    desk.restart()
    assert len(desk.counter.sent(10)) == 2
    desk.world.set_link("beilen", True)
    desk.run(30)
    assert desk.one("een").step is desk.one("twee").step is Step.RECEIVED


def test_what_others_said_and_we_relay_is_no_try_of_ours(desk: DeskEnd) -> None:
    desk.world.add("assen")
    desk.world.say("assen", "van een ander", incident="fire")
    row = next(desk.world.station("assen").forwarder.log.rows(Numbering.REPORT, 1, 1))
    header = parse_header(row.envelope)
    station = desk.world.station()
    header = msgspec.structs.replace(header, epoch=station.forwarder.state.epoch)
    desk.post("een", "water", hold=False)  # now both have a report of this epoch and number
    relayed = sign(header, b"\x80", NETWORK, Signer.seeded("assen").private.sign)
    station._went("mqtt", [encode_batch([Entry(relayed)])])
    assert desk.one("een").sent_count == 0
    desk.run(5)
    assert desk.one("een").sent_count == 1


# --- the inbox ---


def test_an_inbox_that_forgot_takes_received_and_read_back(desk: DeskEnd, tmp_path: Path) -> None:
    desk.run(60)
    shutil.copytree(tmp_path / "inbox", tmp_path / "yesterday")
    desk.post("een", "water", hold=False)
    desk.run(5)
    first = desk.one("een").received
    epoch = desk.world.station().forwarder.state.epoch
    desk.hear(desk.handled("seen", epoch, 1))
    assert first and desk.one("een").step is Step.READ
    desk.world.kill_inbox()
    shutil.rmtree(tmp_path / "inbox")
    shutil.copytree(tmp_path / "yesterday", tmp_path / "inbox")
    desk.world.run(3600)
    desk.world.start_inbox()
    steps = []
    for _ in range(400):
        desk.world._wake("beilen")
        desk.world.run(0.02)
        steps.append(desk.one("een").step)
    assert min(steps) < Step.RECEIVED, "it is honest about it"
    assert steps[-1] is Step.READ, "VRD has it again, and somebody there did read it"
    again = desk.one("een").received
    assert again and first.time_s and again.time_s and again.time_s > first.time_s


def test_read_only_after_a_signed_word_and_the_newest_counts(desk: DeskEnd) -> None:
    desk.post("een", "water", hold=False)
    desk.run(5)
    epoch = desk.world.station().forwarder.state.epoch
    assert desk.one("een").step is Step.RECEIVED and desk.one("een").handling is None
    desk.hear(desk.handled("seen", epoch, 1))
    assert desk.one("een").step is Step.READ
    desk.hear(desk.handled("resolved", epoch, 1, text="gebracht"))
    handling = desk.one("een").handling
    assert handling and (handling.state, handling.text) == ("resolved", "gebracht")
    assert handling.age_s is not None and handling.time_s
    desk.restart()
    assert desk.one("een").handling == handling and desk.one("een").step is Step.READ


# --- sent otherwise ---


def test_what_was_sent_otherwise_is_listed_and_keeps_its_name(desk: DeskEnd) -> None:
    desk.world.set_link("beilen", False)
    desk.world.say("beilen", "van de opdrachtregel", incident="fire")
    station = desk.world.station()
    id = f"{station.forwarder.state.epoch}-1"
    sent = desk.one(id)
    assert sent.kind == "report" and sent.values["text"] == "van de opdrachtregel"
    station.submit([Draft(kind=Kind.ANSWER, values={"about_epoch": 1, "about_number": 1, "answer": 0})])
    assert len(desk.counter.sent(10)) == 1, "an answer is no message of its own"
    new_epoch(desk)
    assert desk.one(id).values == sent.values and len(desk.counter.sent(10)) == 1
    desk.restart()
    assert len(desk.counter.sent(10)) == 1 and desk.one(id).values == sent.values
    desk.counter.withdraw("weg", id, "")
    desk.restart()
    assert desk.one(id).withdrawn
    desk.world.set_link("beilen", True)
    desk.run(20)
    assert desk.one(id).step is Step.RECEIVED and desk.one(id).withdrawal_received


def test_parts_that_were_sent_otherwise_are_one(desk: DeskEnd) -> None:
    text = " ".join(f"woord{number}" for number in range(60))
    for _ in range(2):
        desk.world.station().submit(drafts_of({"kind": "report", "values": {"text": text}}))
    desk.run(10)
    first, second = desk.counter.sent(10)
    assert first.values["text"] == second.values["text"] == text and first.step is Step.RECEIVED
    desk.restart()
    assert [each.values["text"] for each in desk.counter.sent(10)] == [text, text]


def test_only_so_many_are_shown_and_the_newest_are(desk: DeskEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "FORMS_MAX", 5)
    for number in range(8):
        desk.world.say("beilen", str(number))
        desk.post(f"f{number}", str(number), hold=False)
        desk.run(1)
    assert [each.values["text"] for each in desk.counter.sent(99)] == ["7", "7", "6", "6", "5"]
    desk.restart()
    assert [each.values["text"] for each in desk.counter.sent(99)] == ["7", "7", "6", "6", "5"]


# --- the disk ---


def on(disk, tmp_path: Path) -> DeskEnd:
    world = World(tmp_path, 4, ())
    add(world, disk.folder)
    return DeskEnd(tmp_path, world)


def test_the_desk_goes_on_in_memory_and_all_of_it_is_on_the_disk_when_that_is_back(
    disk, tmp_path: Path
) -> None:
    desk = on(disk, tmp_path)
    desk.post("eerder", "ontvangen", hold=False)
    desk.run(5)
    desk.hear({"notice": "order", "about_epoch": 5, "about_number": 3, "text": "op schijf"})
    assert desk.counter.notices()[0].answer is None
    desk.world.set_link("beilen", False)
    desk.post("wacht", "wacht", hold=False)
    desk.post("gehouden", "gehouden")
    disk.fill()
    number = 0
    while desk.world.station().storage is None:
        number += 1
        desk.post(f"vol{number}", f"vol {number}", hold=False)
        assert number < 200
    assert not desk.one(f"vol{number}").safe, "the one at which the disk failed"
    outcome = desk.post("na", "in het geheugen")
    assert not outcome.safe and outcome.sent and not outcome.sent.safe
    assert desk.one("wacht").safe and desk.one("gehouden").safe, "they are on the disk"
    assert [notice.text for notice in desk.counter.notices()] == ["op schijf"]
    desk.counter.answer("antwoord", 3, 1)
    band = desk.home().band
    assert band.state == "no_storage" and band.storage_code == "full"
    assert desk.one("eerder").step is Step.RECEIVED and desk.one("eerder").received
    assert desk.post("na", "nog eens").repeated
    desk.run(12)
    assert desk.one("gehouden").hold_s == desk.one("na").hold_s == 0
    disk.free()
    desk.run(RETRY_DISK_S + 60)
    assert desk.world.station().storage is None and desk.home().band.state != "no_storage"
    listed = [each.id for each in desk.counter.sent(999)]
    assert len(set(listed)) == len(listed) == number + 4
    assert all(each.safe for each in desk.counter.sent(999)) and desk.counter.notices()[0].answer == 1
    desk.restart()
    desk.world.set_link("beilen", True)
    desk.run(60)
    assert [each.id for each in desk.counter.sent(999)] == listed
    assert {each.step for each in desk.counter.sent(999)} == {Step.RECEIVED}
    assert set(desk.at_inbox().values()) == {1} and desk.at_inbox()["gehouden"] == 1
    assert desk.post("na", "x").repeated
    desk.world.kill("beilen")


def test_what_was_received_while_the_disk_failed_stays_so(desk: DeskEnd, tmp_path: Path) -> None:
    folder = desk.world.nodes["beilen"].folder
    desk.world.kill("beilen")
    shutil.move(folder, tmp_path / "elsewhere")
    desk.world.start("beilen")
    desk.open()
    desk.post("een", "in het geheugen", hold=False)
    desk.run(10)
    received = desk.one("een").received
    assert desk.one("een").step is Step.RECEIVED and received and desk.one("een").safe
    shutil.move(tmp_path / "elsewhere", folder)
    desk.run(RETRY_DISK_S + 60)
    assert desk.world.station().storage is None
    for _ in range(2):
        sent = desk.one("een")
        assert (sent.step, sent.expired) == (Step.RECEIVED, False)
        assert sent.received and sent.received.time_s == received.time_s
        desk.restart()
        desk.run(10)
    assert desk.at_inbox() == {"in het geheugen": 1}


def test_a_disk_that_fails_from_the_start_is_told_and_what_is_posted_comes_along(
    desk: DeskEnd, tmp_path: Path
) -> None:
    folder = desk.world.nodes["beilen"].folder
    desk.world.kill("beilen")
    desk.world.set_link("beilen", False)
    shutil.move(folder, tmp_path / "elsewhere")
    desk.world.start("beilen")
    desk.open()
    assert not desk.post("een", "in het geheugen", hold=False).safe
    desk.run(5)
    shutil.move(tmp_path / "elsewhere", folder)
    desk.run(RETRY_DISK_S + 60)
    assert desk.world.station().storage is None
    age_s = desk.one("een").age_s
    assert age_s is not None and RETRY_DISK_S < age_s < RETRY_DISK_S + 120, "in the disk's count of time"
    desk.world.set_link("beilen", True)
    desk.run(30)
    assert desk.one("een").step is Step.RECEIVED and desk.at_inbox() == {"in het geheugen": 1}


def test_a_disk_that_breaks_while_somebody_looks_shows_the_list_all_the_same(card, tmp_path: Path) -> None:
    desk = on(card, tmp_path)
    for number in range(40):
        desk.post(f"f{number}", "water " * 20, hold=False)
    desk.run(5)
    desk.world.set_link("beilen", False)
    desk.post("wacht", "wacht", hold=False)
    new_epoch(desk)
    desk.world.station().outbox._db.close()  # as it is for whoever reads a card that was pulled out
    band = desk.home().band
    assert band.state == "no_storage" and band.waiting == 1
    assert len(desk.counter.sent(99)) == 41 and desk.one("f0").step is Step.RECEIVED
    desk.world.kill("beilen")


def test_few_receipts_are_written_and_only_of_what_people_sent(
    desk: DeskEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "RECEIPTS_MAX", 3)
    for number in range(5):
        desk.world.status("beilen", visitors=number)
        desk.run(5)
    assert desk.world.station().outbox.desk.receipts() == []
    desk.post("een", "water", hold=False)
    desk.run(5)
    assert len(desk.world.station().outbox.desk.receipts()) == 1
