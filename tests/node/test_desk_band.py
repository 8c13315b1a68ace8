"""Whether VRD hears the site: what the band on top says, hour after hour, link after link."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.core.message import Clock
from relay.core.radio import RadioReport, RadioSettings
from relay.node.desk.facts import Step
from relay.node.station import Station
from tests.node.desks import DeskEnd
from tests.node.failing import add
from tests.support.world import World

HOUR_S = 3600


@pytest.fixture
def desk(tmp_path: Path) -> DeskEnd:
    return DeskEnd(tmp_path)


def heard(desk: DeskEnd) -> DeskEnd:
    desk.world.status("beilen", visitors=1)
    desk.run(10)
    return desk


def with_radio(desk: DeskEnd, settings: RadioSettings) -> Station:
    """The same node, started again with a radio beside it."""
    desk.world.radio = settings
    desk.restart()
    return desk.world.station()


def test_a_new_site_is_not_heard_before_a_receipt_names_it(tmp_path: Path) -> None:
    world = World(tmp_path, 4)
    world.set_link("beilen", False)
    desk = DeskEnd(tmp_path, world)
    band = desk.home().band
    assert (band.state, band.heard_age_s, band.link) == ("under_way", None, "")
    desk.world.set_link("beilen", True)
    band = heard(desk).home().band
    assert (band.state, band.link, band.waiting) == ("heard", "mqtt", 0)
    assert band.heard_age_s is not None and band.heard_age_s < 10
    desk.run(6 * HOUR_S)
    assert desk.home().band.state == "heard", "hellos that are answered prove it as well as any status"


def test_six_hours_without_a_link_and_then_everything_arrives_once_in_order(desk: DeskEnd) -> None:
    heard(desk)
    desk.world.set_link("beilen", False)
    states, posted = {}, []
    for hour in range(6):
        desk.post(f"f{hour}", f"uur {hour}", hold=False)
        posted.append(f"uur {hour}")
        for minute in range(0, 60, 10):
            states[hour * 60 + minute] = desk.home().band
            desk.world.status("beilen", visitors=hour * 6 + minute)
            desk.run(600)
    assert [states[minute].state for minute in (0, 10, 30, 110, 120, 150, 350)] == [
        "heard",
        "under_way",  # the message waits
        "under_way",
        "under_way",
        "unconfirmed",
        "unconfirmed",
        "unconfirmed",
    ]
    assert [states[minute].usual_min for minute in (0, 30, 150)] == [None, (1, 5), None]
    band = desk.home().band
    assert band.waiting == 6 and band.oldest_age_s == 6 * HOUR_S
    assert band.heard_age_s is not None and 6 * HOUR_S <= band.heard_age_s < 6 * HOUR_S + 60
    assert {sent.step for sent in desk.counter.sent(10)} == {Step.KEPT}
    desk.world.set_link("beilen", True)
    desk.run(30)
    assert desk.home().band.state == "heard" and desk.home().band.waiting == 0
    assert list(desk.at_inbox()) == posted and set(desk.at_inbox().values()) == {1}
    address = desk.world.nodes["beilen"].signer.address
    holding = desk.world.store.holding(address, desk.world.store.newest_epoch(address))
    assert holding.states.missing(1, holding.states.last) == [], "the history is complete"


def test_one_message_that_waits_as_long_as_is_usual_is_told_while_vrd_hears_us(desk: DeskEnd) -> None:
    heard(desk)
    desk.world.set_link("beilen", False)
    desk.post("een", "water", hold=False)
    desk.run(50)
    assert desk.home().band.state == "heard"
    desk.run(50)
    band = desk.home().band
    assert band.state == "under_way" and band.waiting == 1 and band.oldest_age_s == 100
    assert band.usual_min == (1, 5), "it says so while that time runs, not after it"


def test_it_survives_a_restart_as_far_as_clocks_allow(desk: DeskEnd) -> None:
    heard(desk)
    desk.post("een", "water", hold=False)  # its receipt is kept at once
    desk.run(10)
    desk.world.set_link("beilen", False)
    desk.restart()
    assert desk.home().band.state == "heard"
    desk.reboot(off_s=3 * HOUR_S)
    band = desk.home().band
    assert band.state == "unconfirmed" and band.heard_age_s is not None and band.heard_age_s >= 3 * HOUR_S
    desk.world.nodes["beilen"].clock = Clock.NONE
    desk.reboot(off_s=60)
    band = desk.home().band
    assert band.heard_age_s is None and band.state == "under_way", "how long ago is not known, so not told"
    desk.run(2 * HOUR_S + 60)
    assert desk.home().band.state == "unconfirmed", "at least so long"


def test_an_old_receipt_that_is_played_again_proves_nothing(desk: DeskEnd) -> None:
    heard(desk)
    recorded: list[bytes] = []
    deliver = desk.world._deliver
    desk.world._deliver = lambda name, frame: (recorded.append(frame), deliver(name, frame))  # type: ignore[method-assign]
    heard(desk)
    assert recorded
    desk.world.set_link("beilen", False)
    desk.run(2 * HOUR_S + 60)
    assert desk.home().band.state == "unconfirmed"
    for frame in recorded:
        desk.world.station().receive("mqtt", frame)
    assert desk.home().band.state == "unconfirmed"


def test_by_radio_an_hour_is_not_long_and_the_usual_time_is_the_radios(desk: DeskEnd) -> None:
    heard(desk)
    station = with_radio(desk, RadioSettings(sites=50))
    desk.world.set_link("beilen", False)
    desk.run(120)
    station.radio_frame()
    assert station.radio and station.radio.active
    desk.run(25 * 60)
    assert desk.home().band.state == "heard", "21 minutes of silence would be long on MQTT only"
    desk.post("een", "water", hold=False)
    desk.run(9 * 60)
    assert desk.home().band.state == "heard"
    desk.run(10 * 60)
    band = desk.home().band
    assert band.state == "under_way" and band.usual_min == (10, 40)
    desk.run(20 * 60)
    assert desk.home().band.state == "under_way"


def test_what_goes_by_radio_counts_as_a_try_and_not_when_it_did_not_go(desk: DeskEnd) -> None:
    station = with_radio(desk, RadioSettings(sites=1))
    station.radio_report(RadioReport(ready=True))
    desk.world.set_link("beilen", False)
    desk.post("een", "brand", urgency=1, kind="report")
    desk.run(14)
    transmission = station.radio_frame()
    assert transmission
    sent = desk.one("een")
    assert (sent.step, sent.sent_count, sent.sent_link, sent.sent_age_s) == (Step.UNDER_WAY, 1, "radio", 0)
    station.radio_not_sent(transmission)
    assert desk.one("een").sent_count == 0
    desk.run(12)
    assert station.radio_frame() and desk.one("een").sent_count == 1
    desk.world.set_link("beilen", True)
    desk.run(5)
    assert desk.one("een").step is Step.RECEIVED and desk.one("een").sent_count == 2


def test_a_failing_disk_is_told_before_all_else(disk, tmp_path: Path) -> None:
    world = World(tmp_path, 4, ())
    add(world, disk.folder)
    desk = heard(DeskEnd(tmp_path, world))
    disk.fill()
    number = 0
    while world.station().storage is None and number < 200:
        number += 1
        desk.post(f"f{number}", "vol", hold=False)
    band = desk.home().band
    assert band.state == "no_storage" and band.storage_code == "full"
    world.kill("beilen")


# --- an emergency without a receipt ---


def test_an_emergency_without_a_receipt_is_told_after_ten_minutes(desk: DeskEnd) -> None:
    heard(desk)
    desk.world.set_link("beilen", False)
    desk.post("oefening", "brand", urgency=1, kind="report")
    desk.run(300)
    desk.post("nood", "brand!", urgency=1, kind="report")
    desk.post("spoed", "water", urgency=2, hold=False)
    desk.run(301)
    emergency = desk.home().emergency
    assert emergency and emergency.id == "oefening"
    desk.counter.withdraw("weg", "oefening", "")
    assert desk.home().emergency is None
    desk.run(300)
    emergency = desk.home().emergency
    assert emergency and emergency.id == "nood"
    desk.world.set_link("beilen", True)
    desk.run(30)
    assert desk.home().emergency is None
