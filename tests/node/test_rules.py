"""Rules 3 to 5 of the design, by name: rolled-back cards, clones, and inboxes that forget."""

from __future__ import annotations

import shutil

import pytest

from relay.core.events import EpochRaised, InboxChanged, RaiseWithheld, Receipted
from relay.core.ledger import State
from relay.core.message import Clock, Entry, Header, Kind, Numbering
from relay.core.raises import RAISES_AT_ONCE
from relay.core.wire import EPOCH_2025_UNIX_S, decode_batch, encode_batch, parse_header
from relay.node.station import OUTBOX_NAME
from tests.node.parts import Card, arrived, count, findings, missing_at_inbox, open_rows, rows_on_disk
from tests.support.world import START_UNIX_S, World


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path, 11)
    made.run(10)
    return made


def say(world: World, *texts: str, name: str = "beilen") -> list[str]:
    for text in texts:
        world.say(name, text)
        world.run(2)
    return list(texts)


def events(world: World, kind: type, name: str = "beilen") -> list:
    return [event for event in world.nodes[name].events if isinstance(event, kind)]


def epoch(world: World, name: str = "beilen") -> int:
    return world.station(name).forwarder.state.epoch


def assert_all_there_once(world: World, said: list[str]) -> None:
    assert sorted(world.texts()) == sorted(said)
    for name in world.nodes:
        assert not open_rows(world.station(name))
    assert missing_at_inbox(world) == []


# --- rule 4: a card that is an old image of itself ---


def test_card_image_restored_below_the_receipted_number(world, tmp_path):
    said = say(world, "one", "two")
    card = Card(world, "beilen", tmp_path / "image")
    said += say(world, "three", "four")
    before = epoch(world)
    world.kill("beilen")
    card.put_back(world, "beilen")
    world.start("beilen")
    # at the number of "three" it says something else, before it has heard of the inbox
    said += say(world, "five")
    world.run(60)
    assert epoch(world) > before
    assert len(events(world, EpochRaised)) == 1
    assert "rollback" in findings(world)
    assert "clone" not in findings(world)  # no number was used twice: nothing goes before a hello is answered
    assert_all_there_once(world, said)


def test_card_image_restored_above_the_receipted_number(world, tmp_path):
    """The image holds more than the inbox had: its own reports wait and arrive, and nothing is raised."""
    said = say(world, "one")
    world.set_link("beilen", False)
    said += say(world, "two", "three")
    card = Card(world, "beilen", tmp_path / "image")
    before = epoch(world)
    world.kill("beilen")
    card.put_back(world, "beilen")
    world.start("beilen")
    world.set_link("beilen", True)
    said += say(world, "four")
    world.run(60)
    assert epoch(world) == before
    assert_all_there_once(world, said)


def test_card_image_restored_and_offline_until_it_has_written_past_the_receipted_number(world, tmp_path):
    """By then the numbers alone look right; the check over the contents does not."""
    said = say(world, "one", "two")
    card = Card(world, "beilen", tmp_path / "image")
    said += say(world, "three", "four")
    before = epoch(world)
    world.kill("beilen")
    world.set_link("beilen", False)
    card.put_back(world, "beilen")
    world.start("beilen")
    said += say(world, "five", "six", "seven", "eight")
    world.set_link("beilen", True)
    world.run(60)
    assert epoch(world) > before
    assert [event.reissued for event in events(world, EpochRaised)] == [4]
    assert "contents" in events(world, EpochRaised)[0].reason
    assert_all_there_once(world, said)


def test_outbox_deleted_key_kept(world):
    said = say(world, "one", "two")
    before = epoch(world)
    world.kill("beilen")
    (world.nodes["beilen"].folder / OUTBOX_NAME).unlink()
    world.start("beilen")
    said += say(world, "three")
    world.run(60)
    assert epoch(world) > before
    assert_all_there_once(world, said)


def test_outbox_and_epoch_file_deleted_key_kept(world):
    for _ in range(3):  # far above what a fresh start could reach by chance
        station = world.station()
        station.forwarder.begin_epoch(1000, station.moment())
    said = say(world, "one", "two")
    before = epoch(world)
    world.kill("beilen")
    (world.nodes["beilen"].folder / OUTBOX_NAME).unlink()
    world.nodes["beilen"].epochs.epoch = 0
    assert epoch_after_start(world) < before
    said += say(world, "three")
    world.run(60)
    # the inbox tells what it holds of this key, and the node goes above it
    assert epoch(world) > before
    assert_all_there_once(world, said)


def epoch_after_start(world: World) -> int:
    return world.start("beilen").forwarder.state.epoch


# --- rule 3: two cards with one key ---


def test_two_clones_alive_both_report_raise_an_alarm_and_do_not_chase_each_other(world, tmp_path):
    say(world, "one")
    shutil.copytree(world.nodes["beilen"].folder, tmp_path / "clone")
    clone = world.add("clone", world.nodes["beilen"].signer, tmp_path / "clone")
    clone.epochs.epoch = world.nodes["beilen"].epochs.epoch
    said = ["one"]
    for hour in range(6):
        said += say(world, f"first {hour}")
        said += say(world, f"second {hour}", name="clone")
        world.run(1800)
    # both keep reporting, nothing is lost and nothing is taken for the other's
    assert sorted(world.texts()) == sorted(said)
    found = findings(world)
    assert found.get("clone") or found.get("rollback")
    raised = [len(events(world, EpochRaised, name)) for name in ("beilen", "clone")]
    assert sum(raised) >= 1
    # three at once, then one an hour
    assert max(raised) <= RAISES_AT_ONCE + 4
    assert events(world, RaiseWithheld) or events(world, RaiseWithheld, "clone")
    # nobody's reports hang
    for name in ("beilen", "clone"):
        assert not open_rows(world.station(name))


def test_clones_that_said_different_things_under_one_number_are_both_kept(world, tmp_path):
    world.set_link("beilen", False)
    shutil.copytree(world.nodes["beilen"].folder, tmp_path / "clone")
    clone = world.add("clone", world.nodes["beilen"].signer, tmp_path / "clone")
    clone.epochs.epoch = world.nodes["beilen"].epochs.epoch
    world.set_link("clone", False)
    said = say(world, "first") + say(world, "second", name="clone")
    world.set_link("beilen", True)
    world.set_link("clone", True)
    world.run(200)
    assert sorted(world.texts()) == sorted(said)


# --- rule 5: an inbox may forget ---


def restore_inbox(world: World, tmp_path) -> None:
    world.kill_inbox()
    shutil.rmtree(tmp_path / "inbox")
    if (tmp_path / "yesterday").exists():
        shutil.copytree(tmp_path / "yesterday", tmp_path / "inbox")
    world.fresh.clear()
    world.start_inbox()
    world.run(120)


def back_up_inbox(world: World, tmp_path) -> None:
    world.kill_inbox()
    shutil.copytree(tmp_path / "inbox", tmp_path / "yesterday")
    world.start_inbox()
    world.run(120)


def test_inbox_restored_from_yesterday_gets_again_what_it_forgot_and_nothing_else(world, tmp_path):
    say(world, *(f"old {number}" for number in range(20)))
    back_up_inbox(world, tmp_path)
    forgotten = say(world, *(f"new {number}" for number in range(20)))
    world.run(12 * 3600)
    assert count(world.station(), State.RECEIPTED) == 40
    before = epoch(world)
    restore_inbox(world, tmp_path)
    assert sorted(world.texts()) == sorted(forgotten)
    assert [event.forgotten for event in events(world, InboxChanged)][-1] == 20
    assert epoch(world) == before
    assert count(world.station(), State.RECEIPTED) == 40
    assert missing_at_inbox(world) == []


def test_inbox_restored_while_the_node_was_away_gets_it_when_the_node_is_back(world, tmp_path):
    say(world, "old")
    back_up_inbox(world, tmp_path)
    forgotten = say(world, "new")
    world.set_link("beilen", False)
    world.run(60)
    restore_inbox(world, tmp_path)
    world.reboot("beilen")
    world.set_link("beilen", True)
    world.run(60)
    assert world.texts() == forgotten
    assert missing_at_inbox(world) == []


def test_inbox_store_deleted_gets_all_of_the_last_thirty_days(world, tmp_path):
    said = say(world, *(f"report {number}" for number in range(30)))
    for number in range(30):
        world.status("beilen", visitors=number)
    world.run(60)
    restore_inbox(world, tmp_path)
    assert sorted(world.texts()) == sorted(said)
    statuses = world.store._db.execute("SELECT count(*) FROM message WHERE numbering = 1").fetchone()
    assert statuses == (30,)
    assert world.store.current(world.nodes["beilen"].signer.address).state == 30
    assert missing_at_inbox(world) == []


def test_inbox_restarted_while_healthy_is_sent_nothing_that_it_holds(world):
    said = say(world, *(f"report {number}" for number in range(30)))
    for number in range(30):
        world.status("beilen", visitors=number)
    world.run(60)
    world.nodes["beilen"].events.clear()
    sent = messages_sent(world)
    for _ in range(3):
        world.kill_inbox()
        world.run(30)
        world.start_inbox()
        world.run(120)
    assert sorted(world.texts()) == sorted(said)
    assert sent == []
    assert count(world.station(), State.RECEIPTED) == 30
    assert count(world.station(), State.RECEIPTED, Numbering.STATE) == 30
    # each was believed to be forgotten until the inbox said what it holds, and then sent to nobody
    assert events(world, Receipted)


def messages_sent(world: World) -> list[Header]:
    """Fills with every message that reaches the inbox from now on, hellos apart."""
    feed, sent = world.feed, []

    def count_and_feed(publisher: str, frame: bytes) -> None:
        headers = [parse_header(entry.envelope) for entry in decode_batch(frame)]
        sent.extend(header for header in headers if header.kind != Kind.HELLO)
        feed(publisher, frame)

    world.feed = count_and_feed
    return sent


# --- rule 7: states and clocks ---


def test_an_old_epochs_backlog_never_becomes_the_current_state(world, tmp_path):
    world.set_link("beilen", False)
    for number in range(20):
        world.status("beilen", visitors=number)
    old = Card(world, "beilen", tmp_path / "old")
    world.kill("beilen")
    (world.nodes["beilen"].folder / OUTBOX_NAME).unlink()
    world.start("beilen")
    world.status("beilen", visitors=500)
    world.set_link("beilen", True)
    world.run(60)
    newest = (epoch(world), 1)
    current = world.store.current(world.nodes["beilen"].signer.address)
    assert (current.epoch, current.state) == newest
    # a stick with the old log comes in
    frames = frames_of(world, old)
    assert frames
    for frame in frames:
        world.feed("courier", frame)
    world.run(60)
    assert world.store._db.execute("SELECT count(*) FROM message WHERE numbering = 1").fetchone() == (21,)
    current = world.store.current(world.nodes["beilen"].signer.address)
    assert (current.epoch, current.state) == newest


def frames_of(world: World, card: Card) -> list[bytes]:
    rows = rows_on_disk(card.folder / OUTBOX_NAME, Numbering.STATE)
    return [encode_batch([Entry(envelope) for _, _, envelope in rows])]


def test_a_node_without_a_clock_takes_the_inboxs_time_after_the_first_receipt(world):
    world.nodes["beilen"].clock = Clock.NONE
    world.nodes["beilen"].unix_off_s = -START_UNIX_S  # it thinks it is 1970
    world.reboot("beilen")
    world.say("beilen", "before any receipt")
    world.run(60)
    say(world, "after")
    clocks = {header.clock for header in arrived(world)}
    assert clocks == {Clock.NONE, Clock.INBOX}
    newest = arrived(world)[-1]
    assert newest.clock == Clock.INBOX
    assert abs(newest.time + EPOCH_2025_UNIX_S - (START_UNIX_S + world.now_s)) < 5


def test_receipts_delayed_an_hour_and_replayed_keep_the_estimate_right(world):
    world.nodes["beilen"].clock = Clock.NONE
    world.nodes["beilen"].unix_off_s = -START_UNIX_S
    deliver, old = world._deliver, []

    def late_and_again(name: str, frame: bytes) -> None:
        old.append(frame)
        world._after(3600.0, lambda: deliver(name, frame))
        if len(old) > 3:
            world._after(7200.0, lambda: deliver(name, old[0]))

    world.reboot("beilen")
    say(world, "one")
    world.run(10)  # one receipt in time
    world._deliver = late_and_again
    for hour in range(4):
        world.run(3600)
        say(world, f"hour {hour}")
    moment = world.station().moment()
    time, clock = world.station().forwarder.state.inbox.time(moment)
    assert clock == Clock.INBOX
    assert abs(time + EPOCH_2025_UNIX_S - (START_UNIX_S + world.now_s)) < 5
