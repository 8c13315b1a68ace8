"""Messages carried on a stick by hand, with real processes: there, through a neighbour, and back again."""

from __future__ import annotations

from pathlib import Path

from relay.core.message import Urgency
from tests.support.command import naober
from tests.support.process import Process, until
from tests.support.stack import Node, Stack

SEND = ("send", "report", "--text")


def stick_of(tmp_path: Path) -> Path:
    stick = tmp_path / "NAOBER"
    stick.mkdir()
    return stick


def handle(node: Node, stick: Path, step: str = "") -> str:
    """`naober stick` at a node; what it said."""
    done = naober("stick", *([step] if step else []), stick, "--config", node.file)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bring(stack: Stack, stick: Path, code: int = 0) -> str:
    """`naober inbox import`; what it said."""
    done = naober("inbox", "import", stick, "--config", stack.inbox.file)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def batches(stick: Path) -> list[str]:
    return sorted(each.name for each in (stick / "naober" / "berichten").glob("*-*"))


def test_a_site_without_any_link_is_heard_by_stick_and_learns_that_vrd_has_it(tmp_path: Path) -> None:
    stick = stick_of(tmp_path)
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        beilen = stack.nodes["beilen"]
        stack.inbox.start(wait=False)  # there is no broker, for anybody
        beilen.start()
        beilen.submit("water is op")
        waiting = Process("send", [*SEND, "arts nodig", "--wait", "60", "--config", beilen.file], tmp_path)
        stack.extra.append(waiting)
        waiting.start(wait=False)
        until(lambda: beilen.open_reports() == 2)
        told = handle(beilen, stick)
        assert "Geschreven: " in told and "De stick mag eruit" in told
        assert len(batches(stick)) == 1

        until(lambda: (stack.inbox.state / "inbox.sock").exists())
        assert "nieuw" in bring(stack, stick)
        assert stack.inbox.reports() == ["water is op", "arts nodig"]
        assert batches(stick) == []  # the inbox has it, and says so on the stick

        told = handle(beilen, stick)
        assert "VRD heeft 2 meldingen en 1 status van dit punt ontvangen (koerier)" in told
        assert "Niets te schrijven: VRD heeft alles" in told
        assert waiting.end() == 0
        assert waiting.log().splitlines()[-1] == "VRD heeft dit ontvangen"
        assert beilen.open_reports() == 0
        bring(stack, stick)
        assert stack.inbox.reports() == ["water is op", "arts nodig"]


def test_a_neighbour_with_mqtt_carries_on_what_a_site_put_on_a_stick_and_brings_the_receipts_back(
    tmp_path: Path,
) -> None:
    stick = stick_of(tmp_path)
    with Stack(tmp_path, "beilen", "assen", status__interval_s=3600) as stack:
        beilen, assen = stack.nodes.values()
        stack.broker.start()
        stack.inbox.start()
        assen.start()
        assen.wait_code("up")
        beilen.configure(mqtt__port=1)  # nobody is there
        beilen.start()
        beilen.submit("brug is dicht", Urgency.EMERGENCY)
        beilen.submit("stroom is weg")
        handle(beilen, stick)

        assert "3 berichten van anderen meegenomen" in handle(assen, stick)
        until(lambda: sorted(stack.inbox.reports()) == ["brug is dicht", "stroom is weg"])
        shown = stack.inbox.page("/api/messages")
        assert {each["publisher"] for each in shown} == {assen.address}
        assert {each["link"] for each in shown} == {"courier"}
        until(lambda: "carried here" in assen.log())

        handle(assen, stick)
        assert (stick / "naober" / "berichten" / "ontvangst" / beilen.address).exists()
        assert beilen.open_reports() == 2
        told = handle(beilen, stick)
        assert "VRD heeft 2 meldingen en 1 status van dit punt ontvangen (koerier)" in told
        assert beilen.open_reports() == 0
        assert stack.inbox.findings(beilen) == set()


def test_a_node_that_does_not_run_is_asked_on_its_disk(tmp_path: Path) -> None:
    stick = stick_of(tmp_path)
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        beilen = stack.nodes["beilen"]
        stack.inbox.start(wait=False)
        until(lambda: (stack.inbox.state / "inbox.sock").exists())
        sent = naober("send", "report", "--text", "dienst staat uit", "--config", beilen.file)
        assert sent.returncode == 1 and "draait niet" in sent.stdout
        handle(beilen, stick, "export")
        bring(stack, stick)
        assert stack.inbox.reports() == ["dienst staat uit"]
        assert "VRD heeft 1 melding" in handle(beilen, stick, "import")
        beilen.start()
        assert beilen.open_reports() == 0


def test_an_old_stick_changes_nothing_that_is_current(tmp_path: Path) -> None:
    stick = stick_of(tmp_path)
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        beilen = stack.nodes["beilen"]
        stack.inbox.start(wait=False)
        beilen.start()
        beilen.submit("van voor de nieuwe kaart")
        handle(beilen, stick)
        beilen.stop()
        for file in beilen.state.glob("outbox.db*"):
            file.unlink()  # another card: a new epoch

        stack.broker.start()
        stack.inbox.wait_ready()
        beilen.start()
        beilen.wait_code("up")
        beilen.submit("van na de nieuwe kaart")
        stack.settle()
        beilen.stop()
        stack.wait_newest(beilen)
        before = stack.inbox.site(beilen)
        assert "2 nieuw" in bring(stack, stick)  # the report, and a status that is history
        after = stack.inbox.site(beilen)
        same = ("epoch", "number", "link", "publisher", "values")
        assert [after[each] for each in same] == [before[each] for each in same]
        assert sorted(stack.inbox.reports()) == ["van na de nieuwe kaart", "van voor de nieuwe kaart"]
