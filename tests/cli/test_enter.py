"""`naober enter`: what a person says of the site is on VRD's board, with its age, and after a restart too."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import NORG
from tests.support.command import naober
from tests.support.process import until
from tests.support.stack import Stack


def test_what_a_person_enters_reaches_vrd_in_the_next_status_and_survives_a_restart(stack: Stack) -> None:
    node = stack.nodes[NORG]

    def at_vrd() -> dict[str, Any]:
        values: dict[str, Any] = stack.inbox.site(node).get("values", {})
        return {name: values.get(name) for name in ("opening", "visitors", "water", "entered_min")}

    done = naober("enter", "openstelling=open", "bezoekers=42", "drinkwater=krap", "--config", node.file)
    assert done.returncode == 0, done.stderr
    assert "Aantal bezoekers 42" in done.stdout and done.stdout.endswith("elke status\n")
    until(lambda: at_vrd() == {"opening": "open", "visitors": 42, "water": "low", "entered_min": 0}, 20)
    assert naober("enter", "drinkwater=?", "--config", node.file).returncode == 0
    until(lambda: at_vrd()["water"] is None, 20)
    node.kill()
    node.start()
    until(lambda: "42" in naober("enter", "--config", node.file).stdout, 20)
    assert naober("enter", "--same", "--config", node.file).returncode == 0


def test_what_cannot_be_entered_is_said_in_two_lines_and_changes_nothing(stack: Stack) -> None:
    node = stack.nodes[NORG]

    def shown() -> list[str]:
        """What is known; the ages go on."""
        return [line[:42] for line in naober("enter", "--config", node.file).stdout.splitlines()]

    before = shown()
    for wrong in ("accu=50", "bezoekers=veel", "bezoekers=-1", "bezoekers", "iets=1"):
        done = naober("enter", wrong, "--config", node.file)
        assert done.returncode == 2 and len(done.stderr.splitlines()) <= 2, wrong
    assert shown() == before
