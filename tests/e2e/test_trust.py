"""Trust at run time, with real processes and a real Mosquitto: join, revoke, block, swap, restore."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.trust import keys
from relay.trust.authority import Place
from relay.trust.papers import Change, InboxKeys, sign_change
from relay.trust.roster_file import Papers
from tests.support.command import naober
from tests.support.path_unit import PathUnit
from tests.support.process import until
from tests.support.stack import Node, Stack

pytestmark = pytest.mark.slow

IN_FORCE_S = 5.0
BEILEN, NORG, ROLDE = "Beilen", "Norg", "Rolde"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path, BEILEN, NORG) as stack:
        yield stack


def standing(stack: Stack, node: Node) -> str:
    return str(stack.inbox.site(node)["standing"])


def texts(stack: Stack, node: Node) -> dict[str, str]:
    """What the inbox shows of one node's reports, and what each is worth."""
    found = stack.inbox.page(f"/api/messages?address={node.address}")
    return {each["values"]["text"]: each["standing"] for each in found if "text" in each.get("values", {})}


def by_hand(stack: Stack, step: str, *arguments: str) -> str:
    """`naober inbox` with a step."""
    done = naober("inbox", step, *arguments, "--config", str(stack.inbox.file))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_node_shows_its_grant_and_one_that_is_revoked_is_refused_everywhere_within_five_seconds(
    stack: Stack,
) -> None:
    stranger = Node(ROLDE, stack.folder / ROLDE, stack.trust, told=False)
    stack.extra.append(stranger)
    beilen, norg = stack.nodes[BEILEN], stack.nodes[NORG]
    with PathUnit(stack.inbox.state, stack.broker) as unit:
        stack.start()

        # nobody carried a roster to the inbox: the node does
        stranger.start()
        stranger.submit("hier ben ik")
        stranger.wait_code("up")
        until(lambda: stranger.open_reports() == 0)
        assert stranger.grant in Papers(stack.inbox.state / "roster").envelopes

        beilen.submit("voor de diefstal")
        stack.settle()
        assert texts(stack, beilen) == {"voor de diefstal": "valid"}

        # revoked: by a stick that brings the change to the inbox
        change = stack.trust.revoke(beilen.public_key, "gestolen")
        before, began_s = stack.broker.log(), time.monotonic()
        stack.trust.tell_inbox(change)
        until(lambda: standing(stack, beilen) == "revoked", IN_FORCE_S)
        until(lambda: f"user {beilen.address}" in stack.broker.acl_file.read_text(), IN_FORCE_S)
        cut = f"Client {beilen.address}-"
        until(
            lambda: any(
                cut in line and "already connected, closing old" in line
                for line in stack.broker.log()[len(before) :].splitlines()
            ),
            IN_FORCE_S,
            "its session is cut",
        )
        assert time.monotonic() - began_s < IN_FORCE_S
        assert texts(stack, beilen) == {"voor de diefstal": "revoked"}
        assert unit.applied[-1] == "reload"

        # the node knows why, says so, keeps what it has; nothing of it arrives
        until(lambda: (beilen.status() or {}).get("revoked") == "gestolen")
        assert beilen.code() == "revoked"
        assert "E02" in beilen.status()["links"]["mqtt"]["what"]["nl"]  # type: ignore[index]
        beilen.submit("na de diefstal")
        norg.submit("ik mag wel")
        until(lambda: norg.open_reports() == 0)
        assert beilen.open_reports() == 1
        assert "na de diefstal" not in stack.inbox.reports()

        # its neighbours keep the change, and have it after a restart without a network
        until(lambda: change in Papers(norg.state / "roster").envelopes)
        stack.broker.kill()
        beilen.stop()
        beilen.start()
        assert beilen.status()["revoked"] == "gestolen"  # type: ignore[index]


def test_a_block_is_in_force_within_five_seconds_and_can_be_taken_back_without_loss(stack: Stack) -> None:
    norg = stack.nodes[NORG]
    with PathUnit(stack.inbox.state, stack.broker) as unit:
        stack.start()
        norg.submit("ervoor")
        stack.settle()
        # an inbox that was started after the node's session knows no name to cut that by
        stack.inbox.stop()
        stack.inbox.start()
        norg.submit("daarna")
        stack.settle()
        told = by_hand(stack, "block", norg.address, "--reason", "zegt vreemde dingen")
        assert "Geblokkeerd" in told
        until(lambda: standing(stack, norg) == "blocked", IN_FORCE_S)
        assert stack.inbox.site(norg)["reason"] == "zegt vreemde dingen"
        until(lambda: set(texts(stack, norg).values()) == {"blocked"}, IN_FORCE_S)
        until(lambda: f"user {norg.address}" in stack.broker.acl_file.read_text(), IN_FORCE_S)
        until(lambda: "restart" in unit.applied, IN_FORCE_S)
        norg.submit("terwijl")
        norg.wait_code("publish_refused")
        assert "terwijl" not in stack.inbox.reports()

        by_hand(stack, "unblock", norg.address)
        until(lambda: standing(stack, norg) == "valid", IN_FORCE_S)
        until(lambda: norg.open_reports() == 0, 40)
        assert texts(stack, norg) == {"ervoor": "valid", "daarna": "valid", "terwijl": "valid"}


def test_a_spare_takes_a_place_and_the_sites_history_stays(stack: Stack) -> None:
    beilen = stack.nodes[BEILEN]
    spare = Node("reserve", stack.folder / "reserve", stack.trust, Place("spare", "", "", name="RESERVE-1"))
    stack.extra.append(spare)
    stack.start()
    beilen.submit("van de oude")
    stack.settle()
    beilen.stop()
    site_id = stack.inbox.site(beilen)["site_id"]
    spare.start()
    spare.wait_code("up")

    told = by_hand(stack, "assign", spare.address, site_id)
    assert BEILEN in told
    assert "Vervangen" in told
    until(lambda: standing(stack, beilen) == "replaced", IN_FORCE_S)
    present = stack.inbox.site(spare)
    assert (present["site"], present["site_id"], present["standing"]) == (BEILEN, site_id, "valid")
    assert present["earlier"] == [{"address": beilen.address, "standing": "replaced"}]

    # the history is the site's, not the box's
    spare.submit("van de nieuwe")
    until(lambda: spare.open_reports() == 0)
    found = stack.inbox.page(f"/api/messages?site={site_id}")
    assert [(each["values"]["text"], each["standing"]) for each in found] == [
        ("van de nieuwe", "valid"),
        ("van de oude", "replaced"),
    ]
    shown = json.loads(
        naober(
            "messages", "--site", BEILEN, "--json", "--url", f"http://127.0.0.1:{stack.inbox.web_port}"
        ).stdout
    )
    assert {each["values"]["text"] for each in shown} == {"van de oude", "van de nieuwe"}

    # the old box, alive after all, is believed and told of
    beilen.start()
    beilen.submit("ik leef nog")
    until(lambda: beilen.open_reports() == 0)
    assert texts(stack, beilen)["ik leef nog"] == "replaced"


def test_an_inbox_restored_from_before_a_node_joined_learns_all_of_it_again(stack: Stack) -> None:
    stack.start()
    norg = stack.nodes[NORG]
    norg.submit("een")
    stack.settle()
    stack.inbox.stop()
    image = stack.folder / "yesterday"
    shutil.copytree(stack.inbox.state, image, ignore=shutil.ignore_patterns("*.sock"))

    # after the backup a node joins, and all go on
    stack.inbox.start()
    stranger = Node(ROLDE, stack.folder / ROLDE, stack.trust, told=False)
    stack.extra.append(stranger)
    stranger.start()
    stranger.submit("drie")
    norg.submit("twee")
    stranger.wait_code("up")
    until(lambda: norg.open_reports() == 0 == stranger.open_reports())

    stack.inbox.kill()
    shutil.rmtree(stack.inbox.state)
    shutil.copytree(image, stack.inbox.state)
    stack.inbox.start()
    until(lambda: sorted(stack.inbox.reports()) == ["drie", "een", "twee"], 40)
    until(lambda: stranger.code() == norg.code() == "up")
    assert standing(stack, stranger) == "valid"

    # the key of that inbox was in the backup that somebody lost: the next one takes its place
    stack.inbox.stop()
    key_file = stack.inbox.state / "inbox.key"
    key_file.unlink()
    public = keys.public_bytes(keys.load_or_create(key_file))
    stack.trust.version += 1
    change = Change(stack.trust.version, InboxKeys((public,)))
    stack.trust.tell_inbox(sign_change(change, stack.trust.private, stack.trust.network_id))
    stack.inbox.start()
    until(lambda: "receipts are void" in norg.log() and "receipts are void" in stranger.log())
    until(lambda: norg.open_reports() == 0 == stranger.open_reports(), 40)
    assert stack.inbox.health()["trusted"]
    assert sorted(stack.inbox.reports()) == ["drie", "een", "twee"]  # none is there twice
