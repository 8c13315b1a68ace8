"""The operators' room in the middle of an outage, with sites of an invented Drenthe, for a real browser."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.core import payloads, wire
from relay.core.message import Kind, Urgency
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.operators.people import Account
from relay.inbox.pages.app import application
from relay.inbox.pages.geography import load_outline
from relay.trust.sites import Site
from relay.web.serving import server
from tests.inbox.room import PASSWORD, OpenRoom

LOOK_S, LOOK_SOON_S = 1.0, 0.1  # as the service does
MINUTE_S = 60
PLACES = [  # name, municipality, where
    ("Brandweerkazerne Assen-Noord", "Assen", 53.006, 6.556),
    ("Kazerne Beilen", "Midden-Drenthe", 52.863, 6.514),
    ("Sporthal Coevorden", "Coevorden", 52.661, 6.740),
    ("Dorpshuis Diever", "Westerveld", 52.854, 6.318),
    ("MFA Emmen-Zuid", "Emmen", 52.770, 6.900),
    ("Dorpshuis Gieten", "Aa en Hunze", 53.005, 6.764),
    ("Sporthal Hoogeveen", "Hoogeveen", 52.723, 6.476),
    ("Wijkcentrum Meppel", "Meppel", 52.696, 6.194),
    ("Dorpshuis Norg", "Noordenveld", 53.067, 6.460),
    ("MFA Roden", "Noordenveld", 53.138, 6.421),
    ("Dorpshuis Vries", "Tynaarlo", 53.074, 6.578),
    ("Dorpshuis Zweeloo", "Coevorden", 52.794, 6.727),
]


class Stage(OpenRoom):
    """A room that looks every second and tells its browsers, as the service does; time is the test's."""

    def __init__(self, folder: Path, sites: int = len(PLACES)) -> None:
        super().__init__(folder, sites)
        self.vrd.roll.nodes = tuple(
            msgspec.structs.replace(node, **_place(at)) for at, node in enumerate(self.vrd.roll.nodes)
        )
        self.vrd.operators.save_account(Account("marij", "coordinator"), PASSWORD, "test")
        self.shown = ""  # the emergency of `outage`
        self.loop: asyncio.AbstractEventLoop | None = None
        pages = application(self.room, load_outline(Path("none")))
        pages.add_middleware(_Remembering, stage=self)
        self._server = server(pages, "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run)
        self._soon, self.stopping, self.swallowing = threading.Event(), False, False
        self._pump = threading.Thread(target=self._look)
        self.room.look_soon = self._soon.set

    def __enter__(self) -> Self:
        super().__enter__()
        self.get("/inloggen")
        self._pump.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping = True
        self._soon.set()
        self._pump.join(10)
        self.within(self.room.live.stop()).result(5)
        super().__exit__(kind, error, trace)

    def get(self, path: str) -> str:
        return self.browser().get(path).text

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def within(self, coroutine: Any) -> Future[Any]:
        """Run in the loop of the server."""
        assert self.loop
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def _look(self) -> None:
        while not self.stopping:
            self.look()
            self._soon.wait(LOOK_S)
            self._soon.clear()
            threading.Event().wait(LOOK_SOON_S)

    def look(self) -> None:
        watch = self.vrd.watch
        changes = watch.look()
        if watch.board is not None:
            self.within(self.room.live.tell(watch.board, changes, self.trouble, watch.exercise.board)).result(
                5
            )

    def sever(self) -> None:
        """Cut every connection that browsers have, as a switch that restarts does."""
        assert self.loop
        for connection in list(self._server.server_state.connections):
            self.loop.call_soon_threadsafe(connection.transport.abort)  # type: ignore[union-attr]

    # --- what sites say ---

    @property
    def time(self) -> int:
        """Now, as envelopes have it."""
        return self.vrd.desk.unix_s - wire.EPOCH_2025_UNIX_S

    def status(self, at: int, number: int, due_min: float = 15.0, **values: int | str) -> None:
        node = self.writers[at]
        payload = payloads.message_payload(values, status=(0, due_min, 0))
        self.vrd.desk.take(node.hex, node.sign(Kind.STATUS, number, payload, time=self.time))

    def report(self, at: int, number: int, urgency: int, kind: int = Kind.REPORT, **values: int | str) -> str:
        """Its identity; committed when this returns."""
        node = self.writers[at]
        payload = payloads.message_payload(values)
        self.vrd.desk.take(
            node.hex, node.sign(kind, number, payload, urgency=Urgency(urgency), time=self.time, confidence=2)
        )
        return f"{node.hex}-{node.epoch}-{number}"

    def emergency(self, at: int = 1, number: int = 90, text: str = "Rook in hal") -> str:
        """As `report`, and the room is told as the intake tells it."""
        report = self.report(at, number, Urgency.EMERGENCY, incident="fire", text=text)
        self._soon.set()
        return report

    def outage(self) -> str:
        """The story of the screenshots; returns the identity of its emergency."""
        desk, count = self.vrd.desk, len(self.writers)
        for at in range(count):
            self.status(at, 1, opening="open", visitors=20 + 7 * at, power="mains", battery_pct=100)
        self.vrd.watch.look()
        desk.wait(48 * MINUTE_S)
        for at in range(count - 1):  # the last one stays silent
            power = "mains" if at % 3 else "battery"
            self.status(
                at, 2, opening="limited" if at == 2 else "open", visitors=24 + 9 * at, power=power,
                battery_pct=96 - 5 * at, indoor_c=19, water="low" if at == 9 else "ok",
            )  # fmt: skip
        water = self.report(
            9, 2, Urgency.URGENT, Kind.REQUEST, need="water", amount=200, amount_unit="litres",
            text="vóór 16:00, voor 140 bezoekers",
        )  # fmt: skip
        self.report(8, 2, Urgency.ROUTINE, incident="blocked_road", text="boom over de weg bij de brink")
        self.vrd.watch.look()
        desk.wait(18 * MINUTE_S)
        for at in range(count - 1):
            if at != 5:  # overdue
                power = "battery" if at == 3 else "mains"
                self.status(at, 3, opening="open", visitors=25 + 9 * at, power=power,
                            battery_pct=88 - 5 * at, indoor_c=18)  # fmt: skip
        self.vrd.watch.look()
        identity = ReportId.parse(water)
        assert identity
        self.vrd.operators.move(identity, State.FORWARDED, "jan", team="Bevolkingszorg")
        self.vrd.operators.add_note(water, "jan", "tankwagen onderweg, 40 minuten")
        report = self.emergency()
        self.vrd.watch.look()
        desk.wait(2 * MINUTE_S)
        self.vrd.watch.look()
        return report


class _Remembering:
    """In whose loop the pages run; and a line that brings nothing while the stage swallows."""

    def __init__(self, app: ASGIApp, stage: Stage) -> None:
        self._app, self._stage = app, stage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._stage.loop = asyncio.get_running_loop()

        async def unless_swallowed(message: Message) -> None:
            if not self._stage.swallowing:
                await send(message)

        while self._stage.swallowing and not self._stage.stopping:
            await asyncio.sleep(0.05)
        await self._app(scope, receive, unless_swallowed)


def _place(at: int) -> dict[str, Any]:
    round_, at_first = divmod(at, len(PLACES))
    name, municipality, lat, lon = PLACES[at_first]
    name = f"{name} {round_ + 1}" if round_ else name
    place = Site(
        id=f"P{at + 1}", name=name, municipality=municipality, lat=lat + 0.01 * round_, lon=lon, capacity=150
    )
    return {"site": name, "municipality": municipality, "place": place}
