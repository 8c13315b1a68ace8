"""The real daemon and its radio: the one that is not there, and the part of the software that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.cli.ports import free_port
from tests.support.command import REPOSITORY, naober
from tests.support.process import until
from tests.support.radios import PRESET, Radios, radio
from tests.support.stack import Node, Stack


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """Not started; it has no broker either."""
    return Stack(tmp_path / "stack", "beilen", radio__host="127.0.0.1", radio__port=free_port()).nodes[
        "beilen"
    ]


def test_without_the_radio_s_software_the_node_works_and_says_what_to_install(
    tmp_path: Path, node: Node
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['meshtastic'] = None\n")
    node.start(PYTHONPATH=f"{tmp_path}:{REPOSITORY}")
    try:
        until(lambda: radio(node).get("code") == "not_installed")
        node.submit("kept all the same")
        shown = naober("status", "--config", node.file)
    finally:
        node.kill()
    assert "Doe: pip install 'naober[radio]'" in shown.stdout
    assert shown.returncode == 1
    assert node.log().count("naober[radio]") == 1
    assert "Traceback" not in node.log()


def test_a_radio_that_comes_later_is_taken_into_use(tmp_path: Path, node: Node) -> None:
    radios = Radios(tmp_path, 1)
    node.configure(radio__port=radios.ports[0], radio__preset=PRESET)
    node.start()
    try:
        until(lambda: radio(node).get("code") == "refused")
        assert "Geen radio op" in naober("status", "--config", node.file).stdout
        radios.start()
        until(lambda: radio(node)["connected"])
        assert radio(node)["preset"] == PRESET
        assert "EU_868 SHORT_FAST" in naober("status", "--config", node.file).stdout
    finally:
        node.kill()
        radios.kill()


def test_a_radio_with_another_preset_is_not_used_and_the_line_says_why(tmp_path: Path, node: Node) -> None:
    radios = Radios(tmp_path, 1)
    node.configure(radio__port=radios.ports[0], radio__preset="LONG_FAST")
    try:
        radios.start()
        node.start()
        until(lambda: radio(node)["connected"])
        shown = naober("status", "--config", node.file)
    finally:
        node.kill()
        radios.kill()
    assert shown.returncode == 1
    assert "R02: Radio-instelling is SHORT_FAST, moet LONG_FAST zijn." in shown.stdout
    assert shown.stdout.count("Er is niets uitgezonden") == 1
