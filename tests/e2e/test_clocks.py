"""Clocks that are wrong, and that jump: link, order, newest state and ages stay right."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.faketime import DAY_S, YEAR_S, faked, kernel_says, set_clock
from tests.support.process import until
from tests.support.stack import Inbox, Node, Stack

TOLERANCE_S = 5
TO_2040_S = 14 * YEAR_S


def to_1970() -> int:
    """Half a minute after the beginning of Unix time, as a Pi without a clock may wake up."""
    return 30 - int(time.time())


def start(stack: Stack, clock: Path, off_s: int, *, claims_ntp: bool) -> Node:
    """Everything, with a good clock at the inbox, and the node's clock `off_s` off."""
    node = stack.nodes["beilen"]
    stack.broker.start()
    stack.inbox.start(*kernel_says(synchronised=True))
    node.start(*kernel_says(synchronised=claims_ntp), **faked(clock, off_s))
    node.wait_code("up")
    return node


def messages(inbox: Inbox) -> list[dict[str, Any]]:
    """The reports as shown, oldest first."""
    return list(reversed(inbox.page("/api/messages")))


def is_about_now(unix_s: float | None) -> bool:
    return unix_s is not None and abs(unix_s - time.time()) < TOLERANCE_S


@pytest.mark.parametrize("year", [1970, 2040])
def test_a_node_without_a_good_clock_comes_up_and_its_messages_have_the_right_time(
    tmp_path: Path, year: int
) -> None:
    off_s = to_1970() if year == 1970 else TO_2040_S
    with Stack(tmp_path, "beilen") as stack:
        node = start(stack, tmp_path / "clock", off_s, claims_ntp=False)  # TLS asks for no date
        node.submit("een")
        node.submit("twee")
        stack.settle()
        shown = messages(stack.inbox)
        assert [each["values"]["text"] for each in shown] == ["een", "twee"]
        assert all(is_about_now(each["composed_s"]) and each["clock"] == "inbox" for each in shown)
        assert all(0 <= each["age_s"] < TOLERANCE_S for each in shown)

        stack.wait_newest(node)
        site = stack.inbox.site(node)
        assert site["heard"] == "on_time" and 0 <= site["status_age_s"] < TOLERANCE_S
        assert site["findings"] == []  # it never claimed to know the time


def test_reports_made_before_any_time_was_known_are_dated_by_their_age(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        node.start(*kernel_says(synchronised=False), **faked(tmp_path / "clock", to_1970()))
        node.submit("nog alleen")
        stack.broker.start()
        stack.inbox.start(*kernel_says(synchronised=True))
        stack.settle()
        shown = messages(stack.inbox)[0]
        assert shown["clock"] == "estimated"
        assert abs(shown["composed_s"] - (time.time() - shown["age_s"])) < TOLERANCE_S
        assert 0 <= shown["age_s"] < 4 * TOLERANCE_S


def test_a_clock_that_steps_back_a_year_and_forward_ten_disturbs_nothing(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    texts = []
    with Stack(tmp_path, "beilen") as stack:
        node = start(stack, clock, 0, claims_ntp=False)
        for off_s in (0, -YEAR_S, 10 * YEAR_S, to_1970(), 0):
            set_clock(clock, off_s)
            texts.append(f"klok {off_s:+d}")
            node.submit(texts[-1])
            stack.settle(5)  # at once, not when some timer believes that its time has come
        shown = messages(stack.inbox)
        assert [each["values"]["text"] for each in shown] == texts
        assert all(is_about_now(each["composed_s"]) for each in shown)
        assert all(0 <= each["age_s"] < TOLERANCE_S for each in shown)
        assert node.log().count("mqtt: up") == 1  # one connection all the time


def test_the_newest_state_is_the_last_one_made_whatever_a_clock_claims(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    with Stack(tmp_path, "beilen", status__interval_s=5) as stack:
        node = start(stack, clock, TO_2040_S, claims_ntp=True)
        stack.wait_newest(node)
        site = stack.inbox.site(node)
        assert site["composed_s"] > time.time() + 13 * YEAR_S  # believed, since it claims to know,
        assert {each["code"] for each in site["findings"]} == {"clock"}  # and told to be in doubt

        set_clock(clock, -YEAR_S)
        was = node.last_state()
        until(lambda: node.last_state() > was)
        stack.wait_newest(node)
        site = stack.inbox.site(node)
        assert site["composed_s"] < time.time() - 300 * DAY_S  # by its time the older one, and yet the newest
        assert site["heard"] == "on_time"


def test_the_inbox_goes_on_receipting_when_its_own_clock_jumps(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    texts = []
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        stack.broker.start()
        stack.inbox.start(*kernel_says(synchronised=False), **faked(clock, 0))
        node.start()
        node.wait_code("up")
        for off_s in (-YEAR_S, 10 * YEAR_S, to_1970(), 0):
            set_clock(clock, off_s)
            texts.append(f"klok {off_s:+d}")
            node.submit(texts[-1])
            stack.settle(5)
            assert stack.inbox.site(node)["heard_age_s"] < TOLERANCE_S  # by a clock that does not step
        assert stack.inbox.reports() == texts
        # and it may start in 1970: its epoch goes up all the same, so nodes go on believing it
        before = stack.inbox.health()["epoch"]
        stack.inbox.stop()
        stack.inbox.start(**faked(clock, to_1970()))
        assert stack.inbox.health()["epoch"] > before
        node.submit("na de herstart")
        stack.settle()
        assert stack.inbox.reports() == [*texts, "na de herstart"]
