"""What `naober setup` and `naober enrol` refuse: one line, what to do, and nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay import config
from relay.cli import qr
from relay.errors import ConfigError
from relay.trust import inbox_setup, keys, papers
from relay.trust.authority import Place
from relay.trust.local import LocalAuthority
from relay.trust.roster_file import Papers, encode
from relay.trust.stick import Stick
from tests.cli.setting_up import (
    Machine,
    World,
    changed_nothing,
    check,
    contents,
    refused,
    succeeded,
)


def test_another_node_s_grant_is_refused(enrolled: World, tmp_path: Path) -> None:
    other = Machine(tmp_path, "other")
    succeeded(other.setup_node())
    grant = enrolled.admit(enrolled.node)
    before = contents(other.folder, other.state)
    theirs, ours = (keys.show(keys.address_of(each.public_key)) for each in (enrolled.node, other))
    changed_nothing(other, other.enrol("--text", qr.to_text(grant)), before, f"voor {theirs}; dit is {ours}")
    changed_nothing(other, other.enrol(), before, f"geen toelating voor {ours}")


def test_a_grant_by_an_unknown_authority_is_refused_until_the_network_is_to_change(enrolled: World) -> None:
    machine, stranger = enrolled.node, LocalAuthority()
    stranger.admit_inbox(enrolled.inbox.request())
    machine.give(stranger.admit(machine.request(), Place("node", "X", "Elders")))
    before = contents(machine.folder, machine.state)
    changed_nothing(machine, machine.enrol(), before, "gezag", "--replace")
    succeeded(machine.enrol("--replace"))
    assert config.load_node(machine.file).network_id == stranger.network_id
    assert check(machine.file).returncode == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "a request"])
def test_a_damaged_grant_is_refused(asked: World, damage: str) -> None:
    machine = asked.node
    grant = asked.admit(machine)
    spoilt = {
        "cut": grant[:-1],
        "flipped": grant[:200] + bytes((grant[200] ^ 1,)) + grant[201:],
        "empty": b"",
        "a request": machine.request(),
    }
    machine.give(spoilt[damage])
    before = contents(machine.folder, machine.state)
    changed_nothing(machine, machine.enrol(), before)
    machine.give(grant)
    succeeded(machine.enrol())
    machine.give(spoilt[damage])
    before = contents(machine.folder, machine.state)
    changed_nothing(machine, machine.enrol(), before)


def test_an_older_grant_does_not_take_the_place_of_a_newer_one(enrolled: World) -> None:
    old = (enrolled.node.state / "grant").read_bytes()
    enrolled.admit(enrolled.node, "MFA Roden")
    succeeded(enrolled.node.enrol())
    enrolled.node.give(old)
    before = contents(enrolled.node.folder, enrolled.node.state)
    changed_nothing(enrolled.node, enrolled.node.enrol(), before, "niet nieuwer")


def test_a_revoked_key_is_not_enrolled(asked: World) -> None:
    asked.admit(asked.node)
    change = asked.trust.revoke(asked.node.public_key, "gestolen")
    Stick(asked.stick).write("roster", encode([change]))
    before = contents(asked.node.folder, asked.node.state)
    changed_nothing(asked.node, asked.node.enrol(), before, "E02", "ingetrokken: gestolen", "Lever dit")


def test_a_revocation_on_the_stick_is_kept_and_shows_in_the_check(enrolled: World) -> None:
    other = enrolled.trust.revoke(b"\x01" * 32, "kwijt")
    Stick(enrolled.stick).write("roster", encode([other]))
    succeeded(enrolled.node.enrol())
    assert Papers(enrolled.node.state / "roster").envelopes == {other}
    own = enrolled.trust.revoke(enrolled.node.public_key, "gestolen")
    roster = Papers(enrolled.node.state / "roster")
    roster.add([own])
    roster.save()
    done = check(enrolled.node.file)
    assert done.returncode == 2
    assert "E02 Sleutel ingetrokken: gestolen · Doe: Lever dit apparaat in bij VRD" in done.stdout


def test_papers_on_a_stick_that_nobody_we_know_signed_are_not_kept(enrolled: World) -> None:
    stranger = LocalAuthority()
    junk = [stranger.revoke(b"\x01" * 32), bytes(100)]
    Stick(enrolled.stick).write("roster", encode(junk))
    succeeded(enrolled.node.enrol(), enrolled.inbox.enrol())
    assert not Papers(enrolled.node.state / "roster").envelopes
    assert not Papers(enrolled.inbox.state / "roster").envelopes & set(junk)


def test_a_node_is_no_inbox(asked: World) -> None:
    grant = asked.inbox.state / "inbox-grant"
    refused(asked.node.enrol("--file", grant), "Deze toelating is voor")


def test_a_machine_without_keys_is_told_to_begin_with_setup(world: World) -> None:
    refused(world.node.enrol(), "geen sleutels", "naober setup")


def test_a_stick_without_a_grant_says_so(asked: World) -> None:
    refused(asked.node.enrol(), "geen toelating voor", "naober authority approve")


@pytest.mark.parametrize("text", ["", "0189", "HTTP://10.42.0.1/I/", "é" * 90, "A" * 10_000])
def test_a_text_that_is_no_grant_is_refused(asked: World, text: str) -> None:
    refused(asked.node.enrol("--text", text))


@pytest.mark.parametrize("host", ["mqtt.vrd.lan:8883", "mqtt vrd", "bröker", "a_b", "a" * 65])
def test_what_cannot_be_a_host_is_refused_before_anything_is_made(world: World, host: str) -> None:
    inbox = world.inbox
    with pytest.raises(ConfigError):
        inbox_setup.prepare(inbox_setup.Place(inbox.folder, inbox.state, host))
    assert not inbox.folder.exists() and not inbox.state.exists()


def test_a_broker_without_a_name_is_two_lines(world: World) -> None:
    refused(world.inbox.setup_inbox("--broker="), "--broker")
    refused(world.inbox.setup_inbox("--broker=a_b"), "a_b")
    assert not world.inbox.folder.exists() and not world.inbox.state.exists()


@pytest.mark.parametrize("host", ["10.0.0.7", "fd00::7"])
def test_a_broker_may_be_an_address(world: World, host: str) -> None:
    succeeded(world.inbox.setup_inbox("--broker", host))
    assert papers.read_request(world.inbox.request()).broker == host


# --- without TLS, on one machine


def test_a_plain_grant_makes_a_node_that_stays_on_this_machine(world: World) -> None:
    world.trust = LocalAuthority(plain=True)
    succeeded(world.inbox.setup_inbox("--broker", "127.0.0.1", "--port", "1884"))
    world.admit_inbox()
    succeeded(world.inbox.enrol(), world.node.setup_node())
    world.admit(world.node)
    succeeded(world.node.enrol())
    node = config.load_node(world.node.file)
    assert (node.mqtt.host, node.mqtt.port, node.mqtt.tls) == ("127.0.0.1", 1884, False)
    assert not node.sensors.network.active, "nothing is sent to the outside"
    assert check(world.node.file).returncode == check(world.inbox.file).returncode == 0
