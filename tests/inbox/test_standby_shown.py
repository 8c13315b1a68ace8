"""An inbox that stands by says so on every page, takes no steps, sounds nothing and tells nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.inbox.alarms.state import Change
from relay.inbox.notifiers.work import NotifierWork
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.pages.live import Live
from relay.inbox.standby import SET_UP, TAKEN_OVER
from tests.inbox.room import OpenRoom
from tests.inbox.test_notifiers import change
from tests.inbox.test_room import emergency
from tests.support.clients import until


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        yield room


@pytest.mark.parametrize(
    ("why", "said"),
    [(SET_UP, "Behandel meldingen in het andere postvak"), (TAKEN_OVER, "heeft het overgenomen")],
)
def test_a_standby_says_so_on_every_page_and_what_operators_do_is_refused_there(
    room: OpenRoom, why: str, said: str
) -> None:
    report = emergency(room)
    els = room.browser("els")
    assert "RESERVE" not in els.get("/").text
    room.room.standby = lambda: why
    for path in ("/", "/postvak", "/wand", f"/melding/{report}", "/stuk/band"):
        page = els.get(path).text
        assert "RESERVE" in page and said in page, path
        assert "Rook in hal" in page or path == "/stuk/band", path
    refused = els.post(f"/melding/{report}/stap", step="seen", version="0", back="overview")
    assert refused.status == 409 and said in refused.text
    for path in (f"/melding/{report}/notitie", "/alarm/bevestigen", "/berichten", "/handmatig", "/rapport"):
        assert els.post(path).status == 409, path
    identity = ReportId.parse(report)
    assert identity and room.vrd.operators.handling(identity).state is State.NEW
    room.room.standby = lambda: ""  # it takes over: the same page works at once
    assert els.post(f"/melding/{report}/stap", step="seen", version="0").status == 303
    assert "RESERVE" not in els.get("/").text
    room.room.standby = lambda: why
    assert els.post("/uitloggen").status == 303  # that is nobody's business but their own


def test_a_browser_at_a_standby_hears_no_alarm(room: OpenRoom) -> None:
    emergency(room)
    board = room.room.board()

    async def told(*, quiet: bool) -> bytes:
        live = Live()
        stream = live.stream()
        await anext(stream)
        await live.tell(board, [change()], quiet=quiet)
        event = b""
        while b"event: board" not in event:
            event = await anext(stream)
        await stream.aclose()
        return event

    assert b'"sounds":["emergency"],"emergencies":1' in asyncio.run(told(quiet=False))
    assert b'"sounds":[],"emergencies":0' in asyncio.run(told(quiet=True))


class Told:
    """A notifier that remembers."""

    name = "told"

    def __init__(self) -> None:
        self.subjects: list[str] = []

    async def tell(self, changes: list[Change]) -> None:
        self.subjects += [each.subject for each in changes]


def test_a_standby_sends_no_alarm_anywhere_and_after_it_took_over_only_the_new_ones(room: OpenRoom) -> None:
    alarms = room.vrd.operators.alarms
    speaks = [False]

    async def story() -> None:
        told = Told()
        work = NotifierWork([told], alarms, 2, lambda: speaks[0])  # type: ignore[list-item]
        running = asyncio.create_task(work.run())
        await asyncio.sleep(0)
        for subject, may in (("before", False), ("after", True)):
            await until(lambda: not work._pokes["told"].is_set())
            speaks[0] = may
            await asyncio.to_thread(alarms.keep, b"", [change(subject=subject)])
            work.poke()
            if may:
                await until(lambda: bool(told.subjects))
            else:
                await until(lambda: claimed(room))
        assert told.subjects == ["after"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())


def claimed(room: OpenRoom) -> bool:
    """Whether the notifier has taken all that there is."""
    ((taken,),) = room.vrd.operators.all("SELECT max(claimed) FROM notifier") or [(None,)]
    ((newest,),) = room.vrd.operators.all("SELECT max(id) FROM change")
    return bool(taken == newest)
