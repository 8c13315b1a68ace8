"""What an inbox takes from a stick, what it leaves on it, and what comes back: real processes, odd sticks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.core import wire
from relay.core.message import Entry, Urgency
from relay.trust import keys
from relay.trust.roster_file import NAME as ROSTER
from relay.trust.roster_file import encode
from tests.e2e.operators import operator_at
from tests.e2e.test_courier import batches, bring, handle, stick_of
from tests.e2e.test_notices import step
from tests.support.command import naober
from tests.support.process import until
from tests.support.stack import Stack


@pytest.fixture
def stack(tmp_path: Path):
    """An inbox that no broker connects to anybody."""
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        stack.inbox.start(wait=False)
        until(lambda: (stack.inbox.state / "inbox.sock").exists())
        yield stack


def test_a_node_that_the_inbox_does_not_know_introduces_itself_by_the_stick(tmp_path: Path) -> None:
    stick = stick_of(tmp_path)
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        beilen = stack.nodes["beilen"]
        (stack.inbox.state / ROSTER).unlink(missing_ok=True)  # restored from before it was admitted
        stack.inbox.start(wait=False)
        until(lambda: (stack.inbox.state / "inbox.sock").exists())
        beilen.start()
        beilen.submit("wij zijn er nog")
        handle(beilen, stick)
        told = bring(stack, stick)
        assert "Roster: 1 papier" in told and "2 nieuw" in told
        assert stack.inbox.reports() == ["wij zijn er nog"]
        assert "VRD heeft 1 melding" in handle(beilen, stick)


def test_what_the_inbox_does_not_believe_is_not_receipted_and_stays_on_the_stick(
    stack: Stack, tmp_path: Path
) -> None:
    stick = stick_of(tmp_path)
    beilen = stack.nodes["beilen"]
    beilen.start()
    beilen.submit("van voor de blokkade")
    handle(beilen, stick)
    bring(stack, stick)
    said = stick / "naober" / "berichten" / "ontvangst" / beilen.address
    said.unlink()
    beilen.submit("uit een geblokkeerd kastje")
    handle(beilen, stick)
    config = ("--config", stack.inbox.file)
    blocked = naober("inbox", "block", beilen.address, "--reason", "gestolen", *config)
    assert blocked.returncode == 0, blocked.stderr

    def set_apart() -> bool:
        return bool(stack.inbox.site(beilen).get("standing") == "blocked")

    until(set_apart)
    assert "apart gezet" in bring(stack, stick, code=1)
    assert stack.inbox.reports() == ["van voor de blokkade"]
    assert len(batches(stick)) == 1
    assert not said.exists()
    unblocked = naober("inbox", "unblock", beilen.address, *config)
    assert unblocked.returncode == 0, unblocked.stderr

    until(lambda: stack.inbox.reports() == ["van voor de blokkade", "uit een geblokkeerd kastje"])
    bring(stack, stick)
    assert batches(stick) == []


def test_a_hostile_stick_does_the_inbox_no_harm_and_what_is_good_on_it_gets_through(
    stack: Stack, tmp_path: Path
) -> None:
    stick = stick_of(tmp_path)
    beilen = stack.nodes["beilen"]
    beilen.start()
    beilen.submit("echt")
    handle(beilen, stick)
    folder = stick / "naober" / "berichten"
    [good] = wire.decode_batch((folder / batches(stick)[0]).read_bytes())[-1:]
    forged = [good.envelope[:-1] + bytes((good.envelope[-1] ^ bit,)) for bit in range(1, 255)]
    for number in range(1, 9):
        frame = wire.encode_batch([Entry(each) for each in forged] * 2)
        (folder / f"00000000-1-{number}").write_bytes(frame)
    (folder / "00000000-1-9").write_bytes(os.urandom(500))
    (folder / "00000000-1-10").symlink_to("/etc/passwd")
    (stick / "naober" / "roster").write_bytes(os.urandom(500))
    (stick / "naober" / "toelating").mkdir()
    (stick / "naober" / "toelating" / "00000000").write_bytes(b"x" * 900)

    told = bring(stack, stick, code=1)
    assert "Overgeslagen: " in told and told.count("\n") <= 4
    assert stack.inbox.reports() == ["echt"]
    assert not any(name.startswith(beilen.address) for name in batches(stick))
    assert len(batches(stick)) == 10  # nobody throws away what he can't judge
    assert (folder / "ontvangst" / beilen.address).is_file()
    assert stack.inbox.counts()["bad_signature"] > 0


def test_an_inbox_that_does_not_run_is_said_so_and_the_stick_stays_as_it_was(tmp_path: Path) -> None:
    stick = stick_of(tmp_path)
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        beilen = stack.nodes["beilen"]
        beilen.start()
        beilen.submit("een")
        handle(beilen, stick)
        before = batches(stick)
        done = naober("inbox", "import", stick, "--config", stack.inbox.file)
        assert done.returncode == 2
        assert done.stderr == "Het postvak draait niet\nDoe: sudo systemctl start naober-inbox\n"
        assert batches(stick) == before


def test_a_revocation_comes_by_stick_and_counts_within_five_seconds(stack: Stack, tmp_path: Path) -> None:
    stick = stick_of(tmp_path)
    beilen = stack.nodes["beilen"]
    public = keys.public_bytes(keys.load(beilen.state / "node.key"))
    (stick / "naober").mkdir()
    (stick / "naober" / "roster").write_bytes(encode([stack.trust.revoke(public, "gestolen")]))
    assert "Roster: 1 papier overgenomen" in bring(stack, stick)
    until(lambda: stack.inbox.site(beilen).get("standing") == "revoked", 5.0)
    assert "Roster" not in bring(stack, stick)  # known


def test_what_vrd_has_to_say_goes_back_by_the_stick_and_the_next_one_tells_that_it_came(
    stack: Stack, tmp_path: Path
) -> None:
    stick = stick_of(tmp_path)
    beilen = stack.nodes["beilen"]
    beilen.start()
    sent = beilen.submit("rook in de hal", Urgency.URGENT)
    handle(beilen, stick)
    bring(stack, stick)
    els = operator_at(stack)
    step(els, beilen, sent, step="seen", version="0")
    order = {"kind": "order", "scope": "all", "urgency": "3", "do": "send", "text": "Ontruim de hal"}
    assert els.post("/berichten", **order).status == 303
    beilen.submit("de hal is leeg")
    handle(beilen, stick)
    bring(stack, stick)
    handle(beilen, stick)
    told = beilen.ask({"verb": "notices"})
    assert [each["text"] for each in told["notices"]] == ["Ontruim de hal"]
    assert [each["handling"] for each in told["handled"]] == ["seen"]
    assert "<b>0 van 1</b>" in els.get("/berichten").text
    beilen.ask({"verb": "enter", "values": {"visitors": "3"}})  # a new status

    def known() -> bool:
        handle(beilen, stick)
        bring(stack, stick)
        return "<b>1 van 1</b>" in els.get("/berichten").text

    until(known, 30, "VRD knows that the site has it")
