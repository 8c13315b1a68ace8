"""Who has no right to speak is refused, and one line tells the technician why."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.certs import Authority
from tests.support.process import until
from tests.support.stack import Node, Stack


def one_line(node: Node, word: str) -> str:
    """The first line of its log that has `word`; it names the remedy in brackets."""
    line = next(line for line in node.log().splitlines() if word in line)
    assert "(" in line and line.rstrip().endswith(")")
    return line


def test_a_node_with_the_certificate_of_another_authority_is_refused_and_says_so(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        strange = Authority(tmp_path / "strange").client(node.address)
        shutil.copy(strange.cert, node.folder / "node.pem")
        shutil.copy(strange.key, node.state / "node-tls.key")
        stack.broker.start()
        node.start()
        node.submit("niemand hoort dit")

        node.wait_code("certificate_refused")
        assert "refuses our certificate" in one_line(node, "certificate")
        assert node.open_reports() == 1  # kept for the day that it is enrolled again


def test_a_node_that_does_not_trust_the_broker_says_so_and_sends_nothing(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        shutil.copy(Authority(tmp_path / "strange").ca_file, node.folder / "ca.pem")
        stack.broker.start()
        node.start()

        node.wait_code("certificate")
        assert "wrong certificate" in one_line(node, "certificate")


def test_a_node_that_writes_to_the_topic_of_another_is_refused_and_says_so(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen", "assen") as stack:
        # beilen got the card with assen's certificate: the broker takes it for assen
        beilen, assen = stack.nodes["beilen"], stack.nodes["assen"]
        own = (beilen.folder / "node.pem").read_bytes(), (beilen.state / "node-tls.key").read_bytes()
        shutil.copy(assen.folder / "node.pem", beilen.folder / "node.pem")
        shutil.copy(assen.state / "node-tls.key", beilen.state / "node-tls.key")
        stack.broker.start()
        stack.inbox.start()
        beilen.start()
        beilen.submit("op het verkeerde kanaal")

        beilen.wait_code("publish_refused")
        assert f"naober/1/up/{beilen.address}" in one_line(beilen, "refuses publish")
        assert stack.inbox.reports() == []
        assert stack.inbox.site(beilen)["heard"] == "never"

        # with its own certificate again the same report arrives
        beilen.stop()
        (beilen.folder / "node.pem").write_bytes(own[0])
        (beilen.state / "node-tls.key").write_bytes(own[1])
        beilen.start()
        until(lambda: stack.inbox.reports() == ["op het verkeerde kanaal"])
