"""`naober test` in the daemon: what is asked, what is kept, and when it would be asked in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relay.core.proofs import BOUND_S
from relay.errors import NaoberError
from relay.node.proving import PROOF_FILE, WANTED_FILE, Proving, load, want
from tests.support.ends import InboxEnd, converse
from tests.support.radio_end import RadioEnd


class Shell:
    """The station on the test's own thread."""

    def __init__(self) -> None:
        self.end = RadioEnd()
        self.station: Any = self
        self.forwarder = self.end.forwarder
        self.status_changed = asyncio.Event()

    async def call(self, work: Callable[[], Any]) -> Any:
        return work()

    async def rest(self, event: asyncio.Event, seconds: float) -> None:
        self.end.now_s += seconds
        await asyncio.sleep(0)

    def news(self) -> None:
        pass

    def moment(self) -> Any:
        return self.end.moment

    def submit(self, drafts: Any) -> Any:
        return self.end.forwarder.submit(drafts, self.end.moment)


@pytest.fixture
def shell() -> Shell:
    return Shell()


def proving(shell: Shell, folder: Path) -> Proving:
    return Proving(shell, folder, ("mqtt", "radio"))  # type: ignore[arg-type]


def ask(proving: Proving, *links: str) -> dict[str, Any]:
    return asyncio.run(proving.answer({"verb": "test", "links": list(links)}))["links"]


async def until_kept(proving: Proving, folder: Path) -> None:
    running = asyncio.create_task(proving.run())
    while not (folder / PROOF_FILE).exists():
        await asyncio.sleep(0)
    running.cancel()


def test_one_message_by_mqtt_and_three_by_radio_one_after_the_other(shell: Shell, tmp_path: Path) -> None:
    asked = ask(proving(shell, tmp_path), "mqtt", "radio")
    assert (asked["mqtt"]["asked"], asked["radio"]["asked"]) == (1, 3)
    turns = [each["from_s"] for each in asked["radio"]["tests"]]
    assert turns == sorted(turns) and len(set(turns)) == 3


def test_who_asks_again_joins_the_test_that_runs(shell: Shell, tmp_path: Path) -> None:
    shell.end.reports(5)
    one = proving(shell, tmp_path)
    first, second = ask(one, "radio"), ask(one, "radio")
    numbers = [[each["number"] for each in asked["radio"]["tests"]] for asked in (first, second)]
    assert numbers[0] == numbers[1]


def test_a_link_that_is_not_there_is_refused(shell: Shell, tmp_path: Path) -> None:
    with pytest.raises(NaoberError, match="no radio"):
        ask(Proving(shell, tmp_path, ("mqtt",)), "radio")  # type: ignore[arg-type]


def test_an_answer_is_kept_as_proof_and_told_in_each_status(shell: Shell, tmp_path: Path) -> None:
    one, inbox = proving(shell, tmp_path), InboxEnd()
    assert one.values() == {}
    shell.end.connect()
    converse(shell.end, inbox)
    ask(one, "mqtt")
    converse(shell.end, inbox)
    asyncio.run(until_kept(one, tmp_path))
    assert load(tmp_path)["mqtt"].proven
    assert one.values() == {"proven": "mqtt"}
    assert proving(shell, tmp_path).values() == {"proven": "mqtt"}  # after a restart, too


def test_without_an_answer_the_link_is_not_proven_any_more(shell: Shell, tmp_path: Path) -> None:
    one = proving(shell, tmp_path)
    ask(one, "radio")
    began_s = shell.end.now_s
    asyncio.run(until_kept(one, tmp_path))
    assert shell.end.now_s >= began_s + BOUND_S
    assert not load(tmp_path)["radio"].proven
    assert one.values() == {"proven": "none"}


def test_a_radio_test_behind_a_long_queue_is_refused_instead_of_failing(shell: Shell, tmp_path: Path) -> None:
    shell.end.reports(5)
    ask(proving(shell, tmp_path), "radio")  # numbers 6 to 8, of which a receipt tells up to 9
    other = Shell()
    other.end.reports(7)
    with pytest.raises(NaoberError, match="7 reports still wait"):
        ask(proving(other, tmp_path), "radio")
    ask(proving(other, tmp_path), "mqtt")  # there histories tell all


def test_what_was_wanted_at_enrolment_is_asked_once_at_the_next_start(shell: Shell, tmp_path: Path) -> None:
    want(tmp_path)
    one = proving(shell, tmp_path)
    asyncio.run(until_kept(one, tmp_path))
    assert not (tmp_path / WANTED_FILE).exists()
    assert set(load(tmp_path)) >= {"radio"} or set(load(tmp_path)) >= {"mqtt"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"radio": 7}', b"\xff"])
def test_a_broken_file_proves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PROOF_FILE).write_bytes(content)
    assert load(tmp_path) == {}
