"""The inbox killed under load with operators at their screens: none lost, none twice, no second alarm."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.core.message import Urgency
from relay.inbox.operators.handling import State
from relay.inbox.operators.people import Account
from relay.inbox.operators.store import Operators
from tests.inbox.room import PASSWORD, Browser
from tests.support.process import until
from tests.support.reporter import Reporter, check
from tests.support.stack import Stack

KILLS, BROWSERS = 5, 4
PAUSE_S = (0.2, 1.6)  # from when the inbox answers to the kill
SETTLE_S = 60.0


class Screen(threading.Thread):
    """A page that stays open: hears the stream, and comes back when it is gone, as a browser does."""

    def __init__(self, port: int, cookie: str) -> None:
        super().__init__(daemon=True)
        self.port, self.cookie = port, cookie
        self.opened = 0
        self.refused: list[int] = []
        self.sounds: list[str] = []
        self.boards = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.1):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.listen()

    def listen(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/gebeurtenissen", headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            if answer.status != 200:
                self.refused.append(answer.status)
                return
            self.opened += 1
            for line in iter(answer.readline, b""):
                if self._over.is_set():
                    return
                if line.startswith(b"data: "):
                    self.boards += 1
                    self.sounds += json.loads(line[6:])["sounds"]

    def leave(self) -> None:
        self._over.set()
        self.join(10)
        assert not self.is_alive()


@contextmanager
def screens(port: int, cookie: str) -> Iterator[list[Screen]]:
    found = [Screen(port, cookie) for _ in range(BROWSERS)]
    for each in found:
        each.start()
    try:
        yield found
    finally:
        for each in found:
            each.leave()


def operators_of(stack: Stack) -> contextlib.closing[Operators]:
    return contextlib.closing(Operators(stack.inbox.state))


def acknowledge_all(stack: Stack) -> None:
    """An operator takes up every emergency that is there."""
    with operators_of(stack) as operators:
        for report in operators.open_reports():
            if not operators.handling(report.id).is_acknowledged:
                operators.move(report.id, State.SEEN, "els")


@pytest.mark.slow
def test_an_inbox_that_is_killed_shows_every_report_once_and_sounds_no_alarm_twice(tmp_path: Path) -> None:
    chance = random.Random(5)
    with Stack(tmp_path, "beilen", "assen", status__interval_s=5) as stack:
        with operators_of(stack) as operators:
            operators.save_account(Account("els", "operator"), PASSWORD, "test")
        stack.start()
        els = Browser(stack.inbox.pages_port)
        until(lambda: answers(els) and els.log_in("els").status == 303, 20, "a login")
        reporters = [Reporter(node) for node in stack.nodes.values()]
        emergencies = []
        with screens(els.port, f"naober={els.cookies['naober']}") as open_screens:
            until(lambda: all(each.boards for each in open_screens), 20, "every screen is live")
            for reporter in reporters:
                reporter.start()
            for kill in range(KILLS):
                emergencies.append(f"brand {kill}")
                stack.nodes["beilen"].submit(emergencies[-1], Urgency.EMERGENCY)
                time.sleep(chance.uniform(*PAUSE_S))
                opened = [each.opened for each in open_screens]
                stack.inbox.kill()
                stack.inbox.start()
                until(lambda: answers(els), 20, "the session goes on")
                pairs = list(zip(open_screens, opened, strict=True))
                until(
                    lambda pairs=pairs: all(each.opened > was for each, was in pairs), 20, "screens are back"
                )
                if kill % 2:
                    acknowledge_all(stack)
            for reporter in reporters:
                reporter.finish()
            stack.settle(SETTLE_S)
            assert min(len(each.acknowledged) for each in reporters) > 50, "there was no load"
            until(lambda: shown(stack) == taken_in(stack), 30, "the lists have all that is stored")
            acknowledge_all(stack)
            heard = [list(each.sounds) for each in open_screens]
            stack.inbox.kill()
            stack.inbox.start()
            until(lambda: answers(els), 20, "the session goes on")
            time.sleep(3)
            assert [each.sounds for each in open_screens] == heard  # all is acknowledged: nothing sounds
            assert [each.refused for each in open_screens] == [[]] * BROWSERS

        check(reporters, [text for text in texts(stack) if text not in emergencies])
        assert Counter(text for text in texts(stack) if text in emergencies) == Counter(emergencies)
        with operators_of(stack) as operators:
            raised = Counter(
                change.subject
                for _, change in operators.alarms.newest(10_000)
                if change.rule == "emergency" and change.kind == "raised"
            )
        assert len(raised) == KILLS and set(raised.values()) == {1}


def answers(browser: Browser) -> bool:
    """Whether the inbox serves its pages; a login page when there is no session yet."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return browser.get("/" if browser.cookies else "/inloggen").status == 200
    return False


def texts(stack: Stack) -> list[str]:
    with operators_of(stack) as operators:
        return [str(report.shown.values["text"]) for report in operators.reports(limit=100_000)]


def shown(stack: Stack) -> int:
    return len(texts(stack))


def taken_in(stack: Stack) -> int:
    return len(stack.inbox.reports())
