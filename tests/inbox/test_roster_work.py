"""The roster of a running inbox: papers that nodes show, changes that all must hear, the broker's list."""

from __future__ import annotations

import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from relay import mqtt
from relay.core import wire
from relay.core.message import Entry, Heard
from relay.inbox import broker_acl, changes, shown
from relay.inbox.changes import AIRINGS, AIRINGS_EVERY_S, RECENT_S, Airings, roster_frame
from relay.inbox.roster_work import _boottime_s
from relay.inbox.sessions import SESSIONS_PER_USER_MAX, Sessions
from relay.mqtt import Message, Options, topic
from relay.trust import keys, papers
from relay.trust.roster_file import Papers
from tests.inbox.desk import NETWORK, UNIX_S, Writer
from tests.inbox.running import Bench, play
from tests.support.clients import until
from tests.support.command import REPOSITORY
from tests.support.papers import papers_of, private_key

AUTHORITY = "authority"


def grant_of(writer: Writer) -> bytes:
    return papers_of((writer.public_key.public_bytes_raw(), f"Punt {writer.hex}", False), network_id=NETWORK)[
        0
    ]


def revocation_of(
    writer: Writer, version: int = 1, signer: str = AUTHORITY, network: bytes = NETWORK
) -> bytes:
    key = writer.public_key.public_bytes_raw()
    what = papers.Revoke(keys.address_of(key), papers.key_hash(key), "gestolen")
    return papers.sign_change(papers.Change(version, what), private_key(signer), network)


class Ear:
    """Somebody who hears the roster topic."""

    def __init__(self) -> None:
        self.rosters: list[list[bytes]] = []

    def hear(self, message: Message) -> None:
        entries = wire.decode_batch(message.payload) if message.payload else []
        self.rosters.append([entry.envelope for entry in entries])
        message.ack()


async def ear_of(bench: Bench, who: Writer) -> tuple[Ear, mqtt.Connection]:
    ear = Ear()
    options = Options(
        host=bench.broker.host,
        port=bench.broker.port,
        client_id=f"{who.hex}-ear",
        tls=bench.authority.context(who.hex),
    )
    connection = await mqtt.open(options, ear.hear)
    await connection.subscribe(topic("roster"))
    return ear, connection


def test_a_grant_that_a_node_shows_goes_into_the_roster_and_its_quarantine_is_judged_again(
    bench: Bench, node: Writer
) -> None:
    stranger = Writer("rolde")

    async def story() -> None:
        async with bench.node(stranger) as sender, bench.running() as inbox:
            await sender.send(stranger, stranger.report(1, "hier ben ik"))
            await until(lambda: inbox.health()["counts"].get("quarantined") == 1)
            await sender.send(stranger, grant_of(stranger))
            await until(lambda: sender.upto() == 1)
            assert inbox.health()["counts"]["papers"] == 1
            await sender.send(stranger, grant_of(stranger))  # again: costs and counts nothing
            await sender.send(stranger, stranger.report(2))
            await until(lambda: sender.upto() == 2)
            assert inbox.health()["counts"]["papers"] == 1
        assert bench.texts() == ["hier ben ik", "melding 2"]
        assert grant_of(stranger) in Papers(bench.folder / "state" / "roster").envelopes

    play(story)


def test_a_node_that_shows_an_old_grant_of_its_own_is_given_its_newest(bench: Bench, node: Writer) -> None:
    key = (node.public_key.public_bytes_raw(), "Punt", False)
    old, *_, newest = papers_of(key, key, key, network_id=NETWORK)

    async def story() -> None:
        async with bench.running() as inbox:
            heard: list[bytes] = []

            def hear(message: Message) -> None:
                heard.extend(entry.envelope for entry in wire.decode_batch(message.payload))
                message.ack()

            connection = await mqtt.open(
                Options(
                    host=bench.broker.host,
                    port=bench.broker.port,
                    client_id="n",
                    tls=bench.authority.context(node.hex),
                ),
                hear,
            )
            await connection.subscribe(topic("down", node.hex))

            async def show(grant: bytes) -> None:
                await connection.publish(topic("up", node.hex), wire.encode_batch([Entry(grant)]))

            await show(old)
            await show(newest)
            await until(lambda: inbox.roster.nodes[0].version == 3)
            assert heard == []
            await show(old)
            await until(lambda: heard == [newest])
            await show(newest)
            await show(node.report(1))
            await until(lambda: len(heard) == 2)
            assert wire.parse_header(heard[1]).kind == 9
            await connection.close()

    play(story)


def test_changes_are_told_retained_and_a_new_one_at_once(bench: Bench, node: Writer) -> None:
    async def story() -> None:
        async with bench.running():
            ear, connection = await ear_of(bench, node)
            assert ear.rosters == []
            thief = Writer("dief")
            thief.revoked = True
            bench.write_roster(node, thief)
            await until(lambda: len(ear.rosters) == 1)
            [change] = ear.rosters[0]
            assert wire.parse_header(change).kind == 13
            late, other = await ear_of(bench, thief)  # who is refused may still hear why
            await until(lambda: late.rosters == ear.rosters)
            await connection.close()
            await other.close()

    play(story)


# --- hostile papers ---


def test_forged_and_foreign_papers_are_charged_to_who_brings_them_and_change_nothing(
    bench: Bench, node: Writer
) -> None:
    other = Writer("norg")
    good = grant_of(other)
    forged = [
        good[:-1] + bytes((good[-1] ^ 1,)),
        papers_of((other.public_key.public_bytes_raw(), "X", False), network_id=b"anderela")[0],
        revocation_of(node, signer="node"),
        revocation_of(node, network=b"anderela"),
    ]

    async def story() -> None:
        async with bench.node(node) as sender, bench.running() as inbox:
            await sender.send(node, *forged, node.report(1))
            await until(lambda: sender.upto() == 1)
            assert inbox.health()["counts"]["bad_paper"] == len(forged)
            assert [each.revoked for each in inbox.roster.nodes] == [False]

    play(story)
    assert len(Papers(bench.folder / "state" / "roster").envelopes) == 1


def test_a_flood_of_good_papers_is_bounded_and_costs_others_nothing(bench: Bench, node: Writer) -> None:
    thieves = [revocation_of(Writer(f"dief {each}"), each + 1) for each in range(100)]

    async def story() -> None:
        async with bench.node(node) as sender, bench.running() as inbox:
            await sender.send(node, *thieves, node.report(1))
            await until(lambda: sender.upto() == 1)
            counts = inbox.health()["counts"]
            assert counts["papers"] == shown.PAPERS_AT_ONCE
            assert counts["paper_flood"] == 100 - shown.PAPERS_AT_ONCE

    play(story)


# --- what is said to all ---


def test_the_retained_roster_is_bounded_and_keeps_the_newest() -> None:
    newest_first = [revocation_of(Writer(f"dief {each}"), 1000 - each) for each in range(700)]
    frame = roster_frame(newest_first)
    told = [entry.envelope for entry in wire.decode_batch(frame)]
    assert len(frame) <= changes.TOPIC_BYTES_MAX
    assert 300 < len(told) < 700
    assert told[::-1] == newest_first[: len(told)]


def test_a_new_change_is_said_on_the_air_three_times_an_hour_and_then_no_more() -> None:
    old, fresh = revocation_of(Writer("oud"), 1), revocation_of(Writer("nieuw"), 2)
    airings = Airings()
    airings.note([old], 0.0, UNIX_S)
    assert airings.due(0.0) == []  # signed long ago
    airings.note([old, fresh], 10.0, UNIX_S)
    said = [now_s for now_s in range(0, 10_000, 10) if airings.due(float(now_s))]
    assert len(said) == AIRINGS
    assert said[0] == 10
    assert min(b - a for a, b in pairwise(said)) >= AIRINGS_EVERY_S


def test_an_inbox_that_starts_says_what_was_signed_within_the_hour() -> None:
    lately = revocation_of(Writer("net"), (UNIX_S - RECENT_S // 2 - wire.EPOCH_2025_UNIX_S) // 60)
    airings = Airings()
    airings.note([lately], 0.0, UNIX_S)
    assert airings.due(0.0) == [lately]


def test_a_gateway_is_ordered_to_transmit_a_new_change(bench: Bench, node: Writer) -> None:
    hill = Writer("heuvel")

    async def story() -> None:
        async with bench.running() as inbox:
            bench.write_roster(node, hill)
            ordered: list[bytes] = []

            def hear(message: Message) -> None:
                ordered.extend(entry.envelope for entry in wire.decode_batch(message.payload))
                message.ack()

            connection = await mqtt.open(
                Options(
                    host=bench.broker.host,
                    port=bench.broker.port,
                    client_id="air",
                    tls=bench.authority.context(hill.hex),
                ),
                hear,
            )
            await connection.subscribe(topic("air", hill.hex))
            await until(lambda: len(inbox.roster.nodes) == 2)
            inbox.air.direct(hill.address, _boottime_s())
            heard = Heard("radio", 3, 1)
            inbox.air.heard(node.address, hill.hex, heard, 4, _boottime_s(), fresh=True)
            thief = Writer("dief")
            thief.revoked = True
            bench.write_roster(node, hill, thief)
            await until(lambda: 13 in [wire.parse_header(each).kind for each in ordered])
            await connection.close()

    play(story)


# --- sessions and the access list ---


def line(client: str, user: str) -> bytes:
    connected = f"New client connected from 10.0.0.7:50412 as {client} (p5, c1, k30, u'{user}')."
    return f"2026-11-24T12:44:30: {connected}".encode()


def test_who_is_connected_is_read_from_the_brokers_log_by_the_certificates_name() -> None:
    sessions = Sessions()
    assert not sessions.hear(line("3f9a21c4-aa", "3f9a21c4"))
    sessions.hear(line("3f9a21c4-bb", "3f9a21c4"))
    # a client id that pretends to be another's line
    sessions.hear(line("x (p5, c1, k30, u'77777777').", "3f9a21c4"))
    assert sessions.of(["77777777"]) == []
    assert len(sessions.of(["3f9a21c4"])) == 3
    sessions.hear(b"2026-11-24T12:44:31: Client 3f9a21c4-aa closed its connection.")
    sessions.hear(b"2026-11-24T12:44:31: Client 3f9a21c4-bb disconnected.")
    assert sessions.of(["3f9a21c4"]) == ["x (p5, c1, k30, u'77777777')."]
    assert sessions.hear(b"2026-11-24T12:44:30: Reloading config.")
    sessions.hear(b"2026-11-24T12:44:31: Client 3f9a21c4-cc disconnected: not authorised.")
    for junk in (b"", b"\xff\xfe", b"Reloading", b"New client connected from", b"x" * 100_000):
        assert not sessions.hear(junk)


def test_sessions_are_bounded_and_one_that_was_there_before_is_known_to_be_unknown() -> None:
    sessions = Sessions()
    for number in range(SESSIONS_PER_USER_MAX + 10):
        sessions.hear(line(f"id-{number}", "3f9a21c4"))
    assert len(sessions.of(["3f9a21c4"])) == SESSIONS_PER_USER_MAX
    assert sessions.has_unseen(frozenset({"3f9a21c4"}))  # the first of them has no name any more
    sessions.hear(line("id", "aaaaaaaa"))
    sessions.spoke("aaaaaaaa")
    sessions.spoke("77b009de")
    assert not sessions.has_unseen(frozenset({"aaaaaaaa"}))
    assert sessions.has_unseen(frozenset({"77b009de"}))
    sessions.hear(line("id 2", "77b009de"))  # a second one does not end the first
    assert sessions.has_unseen(frozenset({"77b009de"}))
    assert not sessions.has_unseen(frozenset())
    sessions.missed_some()
    assert sessions.has_unseen(frozenset({"aaaaaaaa"}))


def test_the_access_list_is_what_is_shipped_and_who_is_refused(tmp_path: Path) -> None:
    assert broker_acl.write(tmp_path, frozenset())
    assert not broker_acl.write(tmp_path, frozenset())
    assert broker_acl.write(tmp_path, frozenset(), anew=True)
    assert broker_acl.write(tmp_path, frozenset({"77b009de", "3f9a21c4"}), restart=True)
    text = (tmp_path / broker_acl.NAME).read_text()
    assert text.index("user 3f9a21c4") < text.index("user 77b009de")
    assert text.count("topic deny naober/1/up/#") == 2
    assert broker_acl.RESTART in text
    assert not broker_acl.write(tmp_path, frozenset({"77b009de", "3f9a21c4"}))  # as good as restarted
    assert (tmp_path / broker_acl.NAME).stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("restart", "told"), [(False, "try-reload-or-restart"), (True, "restart")])
def test_the_unit_applies_the_list_and_restarts_the_broker_exactly_when_the_list_asks_for_it(
    tmp_path: Path, restart: bool, told: str
) -> None:
    state, broker = tmp_path / "state", tmp_path / "broker"
    state.mkdir()
    broker.mkdir()
    broker_acl.write(state, frozenset({"3f9a21c4"}), restart=restart)
    unit = (REPOSITORY / "systemd" / "naober-broker.service").read_text().replace("\\\n", "")
    said = []
    for line in unit.splitlines():
        if not line.startswith("ExecStart="):
            continue
        here = line.removeprefix("ExecStart=")
        for shipped, ours in (
            ("/usr/bin/setpriv --reuid=naober --regid=naober --clear-groups ", ""),  # takes root
            ('chown root:mosquitto "$new";', ""),
            ("/var/lib/naober", str(state)),
            ("/etc/naober/broker", str(broker)),
            ("systemctl", "echo"),
        ):
            here = here.replace(shipped, ours)
        said.append(subprocess.run(shlex.split(here), capture_output=True, text=True, check=True).stdout)
    applied = broker / "naober.acl"
    assert applied.read_bytes() == (state / broker_acl.NAME).read_bytes()
    assert applied.stat().st_mode & 0o777 == 0o640
    assert said == ["", f"{told} mosquitto\n"]


def test_a_session_from_before_the_inbox_is_ended_by_a_restart_of_the_broker(
    bench: Bench, node: Writer
) -> None:
    other = Writer("norg")

    async def story() -> None:
        bench.write_roster(node, other)
        async with bench.node(other) as sender, bench.running():
            await sender.send(other, other.report(1))
            await until(lambda: sender.upto() == 1)
            other.revoked = True
            bench.write_roster(node, other)
            acl = bench.folder / "state" / broker_acl.NAME
            await until(lambda: f"user {other.hex}" in acl.read_text())
            assert broker_acl.RESTART in acl.read_text()

    play(story)
