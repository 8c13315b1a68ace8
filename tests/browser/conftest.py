from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.person import Person
from tests.browser.stage import Stage
from tests.support.desk import DeskStage

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--in-process-gpu", "--mute-audio", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One process for all tests of a module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A room in the middle of an outage, with an emergency; for tests that only look."""
    stage = Stage(tmp_path_factory.mktemp("room"))
    stage.shown = stage.outage()
    with stage:
        yield stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Such a room for one test."""
    stage = Stage(tmp_path)
    stage.shown = stage.outage()
    with stage:
        yield stage


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskStage]:
    """The page of a site, for one test."""
    with DeskStage(tmp_path, nearest_post="Kazerne Assen, Rolderstraat 1", phone="0592 123456") as stage:
        yield stage


@pytest.fixture
def person(chromium: Browser, desk: DeskStage) -> Iterator[Callable[..., Person]]:
    """Somebody comes to it; all leave at the end."""
    inside: list[Person] = []

    def come(**options: Any) -> Person:
        inside.append(Person(chromium, desk.url, **options))
        return inside[-1]

    yield come
    for each in inside:
        each.close()
