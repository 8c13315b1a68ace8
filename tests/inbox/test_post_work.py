"""The post: what VRD says is said until a site has it, by MQTT at once and by radio sparingly."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from relay.core import payloads, wire
from relay.core.airtime import Preset
from relay.core.message import Heard, Kind, Notice, Urgency
from relay.core.payloads import NOTICE_TO_MAX, notice_payload
from relay.core.wire import PAYLOAD_BYTES_MAX
from relay.inbox.air import Air
from relay.inbox.air_share import Share
from relay.inbox.ingest import Outcome
from relay.inbox.letters import groups, of_notice
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.operators.notices import LIFE_S, NoticeDraft
from relay.inbox.post_work import AIR_EVERY_S, AIR_JITTER_S, FOLD_S, MAIL_PAUSE_S, UNANSWERED_S, PostWork
from relay.inbox.replies import Replies
from tests.inbox.desk import NETWORK, Writer
from tests.inbox.test_watch import Vrd

GATEWAY = "aabbccdd"
MINUTE_S = 60.0


class Said(NamedTuple):
    """One notice on its way."""

    kind: str  # down, air
    node: str
    notice: Notice

    @property
    def name(self) -> Any:
        return self.notice.values["about_number"]


class Office:
    """A post over real stores, under a clock of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.writers = [Writer(f"node {at}") for at in range(3)]
        self.vrd = Vrd(folder, *self.writers)
        self.said: list[Said] = []
        self.numbers = iter(range(1, 1000))
        self.open()

    def open(self) -> None:
        self.air = Air(Preset.LONG_FAST, random.Random(1), lambda: 3)
        self.post = PostWork(
            self.vrd.operators.notices,
            lambda: self.vrd.roll,  # type: ignore[arg-type, return-value]
            self.air,
            self._say,
            self._publish,
            lambda: self.vrd.desk.uptime_s,
        )

    async def _say(self, work: Callable[[Replies], Any]) -> Any:
        replies = self.vrd.desk.replies
        replies.begin(self.vrd.desk.now, self.vrd.desk.clock)
        return None if replies.muted else work(replies)

    def _publish(self, kind: str, node: str, frame: bytes, retain: bool) -> None:
        assert not retain
        for entry in wire.decode_batch(frame):
            assert wire.is_authentic(entry.envelope, NETWORK, self.vrd.desk.key.public_key)
            decoded = payloads.decode(entry.envelope)
            assert isinstance(decoded, Notice)
            self.said.append(Said(kind, node, decoded))

    # --- what happens ---

    def do(self, *work: Callable[[], object]) -> list[Said]:
        """Do it, wait for what comes of it; returns what was said."""

        async def story() -> None:
            for each in work:
                done = each()
                if isinstance(done, Coroutine):
                    await done
            while self.post._tasks:
                await self.post.stop()

        before = len(self.said)
        asyncio.run(story())
        return self.said[before:]

    def write(self, *sites: str, scope: str = "site", urgency: int = 3, text: str = "x") -> list[Said]:
        draft = NoticeDraft(kind="order", text=text, scope=scope, aim=sites[0], urgency=urgency)
        self.vrd.operators.notices.make(draft, sites, "els", 77)
        return self.do(lambda: self.post.posted(sites))

    def hello(self, writer: Writer, epoch: int = 0, notice: int = 0) -> list[Said]:
        payload = payloads.hello_payload(b"nonce--1", 0, epoch, notice, 0)
        hello = payloads.decode(writer.sign(Kind.HELLO, 0, payload))
        return self.do(lambda: self.post.took(Outcome([], [], [], [hello])))  # type: ignore[list-item]

    def named(self, writer: Writer, said: Said) -> list[Said]:
        """A hello that names this sequence."""
        return self.hello(writer, said.notice.header.epoch, said.notice.header.number)

    def status(self, writer: Writer, low: int) -> list[Said]:
        payload = payloads.message_payload({"visitors": 1}, status=(0, 15.0, low))
        envelope = writer.sign(Kind.STATUS, 9, payload)
        fresh = [(wire.parse_header(envelope), envelope)]
        return self.do(lambda: self.post.took(Outcome([], fresh)))

    def report(self, writer: Writer, kind: Kind = Kind.REPORT, **header: Any) -> ReportId:
        number = next(self.numbers)
        self.vrd.desk.take(writer.hex, writer.report(number, kind=kind, **header))
        self.vrd.watch.look()
        return ReportId(writer.address, writer.epoch, number)

    def step(self, report: ReportId, state: State, **more: str) -> list[Said]:
        self.vrd.operators.move(report, state, "els", **more)
        return self.do(lambda: self.post.step_taken(report.address))

    def dark(self, writer: Writer, gateway: str = GATEWAY) -> None:
        """Only its radio brings it, through `gateway`."""
        now_s = self.vrd.desk.uptime_s
        self.air.heard(writer.address, gateway, Heard("radio", 5, 1), 3, now_s, fresh=True)

    def waits(self, seconds: float, every_s: float = 30.0) -> list[Said]:
        """Time goes by; sites on radio go on being heard. Returns what was said by radio."""
        heard = [self.air.sites[address] for address in self.air.sites]
        aired: list[Said] = []
        for _ in range(int(seconds / every_s)):
            self.vrd.desk.wait(every_s)
            for site in heard:
                site.radio_s = self.vrd.desk.uptime_s
                self.air._alive.update(dict.fromkeys(site.ways, site.radio_s))
                for name, way in site.ways.items():
                    site.ways[name] = msgspec.structs.replace(way, at_s=site.radio_s)
            aired += self.do(self.post.air_round)
        return aired

    def has(self, notice: int = 1) -> list[str]:
        return [each.site for each in self.vrd.operators.notices.deliveries(notice) if each.had_s is not None]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.vrd.close()


# --- by MQTT ---


def test_a_notice_goes_at_once_and_a_hello_that_names_it_ends_it(office: Office) -> None:
    one = office.writers[0]
    (said,) = office.write("P1", text="Ontruim")
    assert (said.kind, said.node, said.notice.to) == ("down", one.hex, (one.address,))
    assert said.notice.values == {"notice": "order", "about_epoch": 77, "about_number": 1, "text": "Ontruim"}
    assert office.has() == []
    assert office.named(one, said) == []
    assert office.has() == ["P1"]


def test_three_notices_to_an_offline_node_come_in_order_in_one_frame_when_it_says_hello(
    office: Office,
) -> None:
    one = office.writers[0]
    for text in ("a", "b", "c"):
        office.write("P1", text=text)
    office.vrd.desk.wait(3600)
    said = office.hello(one)
    assert [each.name for each in said] == [1, 2, 3]
    office.named(one, said[-1])
    assert [office.has(notice) for notice in (1, 2, 3)] == [["P1"]] * 3


def test_a_hello_that_names_something_else_brings_it_again_under_its_name(office: Office) -> None:
    one = office.writers[0]
    (first,) = office.write("P1")
    (again,) = office.hello(one, first.notice.header.epoch, first.notice.header.number + 5)
    assert again.name == first.name and again.notice.header.number > first.notice.header.number
    assert office.hello(one) == [], "a node that asks and asks is not told each time"
    office.vrd.desk.wait(MAIL_PAUSE_S)
    (third,) = office.named(one, first)
    assert office.has() == [], "the later frame is the one that counts"
    office.named(one, third)
    assert office.has() == ["P1"]


def test_a_restart_of_the_inbox_forgets_nothing_that_waits(office: Office) -> None:
    one = office.writers[0]
    (first,) = office.write("P1")
    office.vrd.desk.wait(60)
    office.vrd.restart()
    office.open()
    (again,) = office.named(one, first)
    assert again.notice.header.epoch > first.notice.header.epoch
    assert (again.name, again.notice.values["about_epoch"]) == (1, 77)
    office.named(one, again)
    assert office.has() == ["P1"]


def test_another_node_gets_nothing_of_it_and_proves_nothing(office: Office) -> None:
    (said,) = office.write("P1")
    assert office.named(office.writers[1], said) == []
    assert office.has() == []


@pytest.mark.parametrize("standing", [{"revoked": True}, {"blocked": "x"}, {"replaced_s": 5}])
def test_a_node_that_is_not_believed_is_told_nothing(office: Office, standing: dict[str, Any]) -> None:
    first, *others = office.vrd.roll.nodes
    office.vrd.roll.nodes = (msgspec.structs.replace(first, **standing), *others)
    assert office.write("P1") == [] == office.hello(office.writers[0])


def test_what_nobody_took_in_a_week_is_told_no_more(office: Office) -> None:
    office.write("P1")
    office.vrd.desk.wait(LIFE_S)
    assert office.hello(office.writers[0]) == []


def test_an_inbox_that_was_taken_over_from_says_nothing(office: Office) -> None:
    office.vrd.desk.replies.muted = True
    assert office.write("P1") == []


def test_the_site_is_told_each_step_and_never_who_took_it(office: Office) -> None:
    one = office.writers[0]
    report = office.report(one)
    (seen,) = office.step(report, State.SEEN)
    assert seen.notice.values == {
        "notice": "handled",
        "handling": "seen",
        "about_epoch": report.epoch,
        "about_number": report.number,
    }
    office.named(one, seen)
    (handled,) = office.step(report, State.HANDLED, assignee="Jan Jansen")
    assert (handled.notice.values["handling"], handled.notice.values.get("text")) == ("handled", None)
    (forwarded,) = office.step(report, State.FORWARDED, team="GHOR")
    assert forwarded.notice.values["text"] == "GHOR"
    (resolved,) = office.step(report, State.RESOLVED, result="é" * 120)
    assert str(resolved.notice.values["text"]).endswith("é…"), "what no packet can hold is cut"
    office.named(one, resolved)
    office.vrd.desk.wait(60)
    assert office.hello(one) == []


def test_a_node_that_was_away_hears_only_how_it_stands_and_runs_share_a_notice(office: Office) -> None:
    one = office.writers[0]
    reports = [office.report(one) for _ in range(4)]
    for report in reports:
        office.step(report, State.SEEN)
    office.step(reports[3], State.HANDLED)
    office.vrd.desk.wait(3600)
    said = office.hello(one)
    assert sorted(str(each.notice.values["handling"]) for each in said) == ["handled", "seen"]
    run = next(each for each in said if each.notice.values["handling"] == "seen").notice.values
    assert (run["about_number"], run["about_last"]) == (reports[0].number, reports[2].number)


def test_handling_of_an_exercise_says_that_it_is_one(office: Office) -> None:
    report = office.report(office.writers[0], exercise=True)
    (seen,) = office.step(report, State.SEEN)
    assert seen.notice.header.exercise


# --- by radio ---


def test_steps_with_urgent_reports_and_requests_go_by_radio_folded_to_one_in_ten_minutes(
    office: Office,
) -> None:
    one = office.writers[0]
    office.dark(one)
    report = office.report(one, Kind.REQUEST)
    office.step(report, State.SEEN)
    (first,) = office.waits(2 * AIR_JITTER_S, 1)
    assert (first.kind, first.node, first.notice.values["handling"]) == ("air", GATEWAY, "seen")
    assert first.notice.to == (one.address,) and first.notice.header.urgency == Urgency.ROUTINE
    office.step(report, State.HANDLED)
    office.step(report, State.FORWARDED, team="GHOR")
    assert office.waits(FOLD_S - 60) == []
    (second,) = office.waits(120)
    assert second.notice.values["handling"] == "forwarded"
    office.status(one, second.notice.header.number & 0xFF)
    assert office.waits(2 * AIR_EVERY_S) == []
    assert office.hello(one) == [], "it has it"


def test_a_step_with_an_ordinary_report_waits_for_mqtt(office: Office) -> None:
    one = office.writers[0]
    office.dark(one)
    office.step(office.report(one), State.SEEN)
    assert office.waits(AIR_EVERY_S) == []
    office.step(office.report(one, urgency=Urgency.URGENT), State.SEEN)
    assert len(office.waits(FOLD_S)) == 1


def test_a_notice_to_all_is_said_three_times_an_hour_and_then_to_those_who_miss_it(office: Office) -> None:
    one, two, three = office.writers
    office.dark(one)
    office.dark(two, "11223344")
    office.air.direct(three.address, office.vrd.desk.uptime_s)
    office.write("P1", "P2", "P3", scope="all")
    aired = office.waits(59 * MINUTE_S)
    assert [each.notice.to for each in aired] == [()] * 6
    assert sorted({each.node for each in aired}) == ["11223344", GATEWAY]
    assert len({each.notice.header.number for each in aired}) == 3, "both gateways say the same"
    office.status(one, aired[-1].notice.header.number & 0xFF)
    assert office.has() == ["P1"]
    later = office.waits(61 * MINUTE_S)
    assert {(each.node, each.notice.to) for each in later} == {("11223344", (two.address,))}
    assert len(later) == 3
    assert len(office.waits(24 * 60 * MINUTE_S, 300)) == 6, "however long it stays deaf"


def test_letters_count_in_the_share_of_receipts_and_wait_when_it_is_spent_unless_they_are_urgent(
    office: Office,
) -> None:
    one = office.writers[0]
    office.dark(one)
    office.write("P1", scope="all")
    assert len(office.waits(60)) == 1
    now_s = office.vrd.desk.uptime_s
    spent = 0
    while office.air.share.has_room(160, now_s):
        office.air.share.spend(160, now_s)
        spent += 1
    full = next(at for at in range(1000) if not _fresh_share_after(at).has_room(160, 0.0))
    assert spent == full - 1, "the notice itself was counted"
    office.write("P1", text="gewoon")
    assert office.waits(300) == []
    office.write("P1", text="spoed", urgency=1)
    assert [each.notice.values["text"] for each in office.waits(60)] == ["spoed"]


def _fresh_share_after(frames: int) -> Share:
    share = Share(Preset.LONG_FAST)
    for _ in range(frames):
        share.spend(160, 0.0)
    return share


def test_a_site_that_has_mqtt_hears_by_radio_only_what_is_urgent_and_unanswered(office: Office) -> None:
    one = office.writers[0]
    office.dark(one)
    office.write("P1")
    office.write("P1", urgency=2)

    def alive() -> list[Said]:
        office.air.direct(one.address, office.vrd.desk.uptime_s)
        return office.waits(10, 1)

    assert [each for _ in range(2) for each in alive()] == []
    urgent = [each for _ in range(int(UNANSWERED_S / 10) + 1) for each in alive()]
    assert [each.name for each in urgent] == [2]


def test_a_gateway_that_hears_many_says_it_to_as_many_at_once_as_a_packet_holds(office: Office) -> None:
    one, two, _ = office.writers
    office.dark(one)
    office.dark(two)
    office.write("P1", "P2", scope="municipality")
    (said,) = office.waits(AIR_JITTER_S * 2, 1)
    assert set(said.notice.to) == {one.address, two.address}


@pytest.mark.parametrize("length", [1, 60, 118])
def test_a_group_is_as_large_as_a_packet_holds(office: Office, length: int) -> None:
    draft = NoticeDraft(kind="order", text="x" * length)
    letter = of_notice(office.vrd.operators.notices.make(draft, ["P1"], "els", 2**32 - 1))
    addresses = [bytes([0, 0, 0, at]) for at in range(100)]
    found = groups(letter, addresses)
    assert [each for group in found for each in group] == addresses
    for group in found:
        signed = office.vrd.desk.replies.notice(group, letter.values, letter.urgency, exercise=False)
        assert len(signed[0]) <= wire.ENVELOPE_BYTES_MAX
    largest = [*found[0], b"abcd"]
    assert len(found[0]) == NOTICE_TO_MAX or len(notice_payload(largest, letter.values)) > PAYLOAD_BYTES_MAX


def test_a_disk_that_refuses_stops_nothing(office: Office) -> None:
    one = office.writers[0]
    (said,) = office.write("P1")
    office.vrd.operators.close()
    assert office.named(one, said) == []
