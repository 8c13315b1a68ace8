"""`naober test` in the daemon: binds test messages to a link, follows them, and keeps what was proven.

The result of the last test of each link stands in `proof.json` beside the outbox, with the version that
proved it, for `naober doctor` and `naober upgrade`; each status tells VRD which links are proven.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

import msgspec

from relay import __version__
from relay.core.fields import Value
from relay.core.ledger import Ledger, State
from relay.core.message import Clock, Confidence, Draft, Kind, Numbering, Urgency
from relay.core.proofs import BOUND_S, LINKS, MQTT, RADIO
from relay.core.receipts import BITMAP_BITS
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.errors import NaoberError, StorageError, Text
from relay.files import PRIVATE, replace
from relay.node.shell import Shell

PROOF_FILE = "proof.json"
WANTED_FILE = "test-wanted"
FILE_BYTES_MAX = 16 * 1024
MESSAGES = {MQTT: 1, RADIO: 3}
SPACING_S = 8.0  # by radio: as long as the inbox may take, so that each has an answer of its own
POLL_S = 0.5
VERBS = ("test", "test_state")

log = logging.getLogger("naober.node")


class Result(msgspec.Struct, frozen=True):
    """The last test of one link."""

    proven: bool
    unix_s: int  # 0 when there was no clock to tell
    version: str
    answered: int
    asked: int
    slowest_s: float | None = None
    snr_db: float | None = None  # the worst of the answers, by radio
    hops: int | None = None


Results = dict[str, Result]


def load(folder: Path) -> Results:
    """What was proven last; empty when nothing was, or the file can't be read."""
    try:
        data = (folder / PROOF_FILE).read_bytes()
        found = msgspec.json.decode(data[:FILE_BYTES_MAX], type=Results)
    except (OSError, msgspec.MsgspecError):
        return {}
    return {link: each for link, each in found.items() if link in LINKS}


def want(folder: Path) -> None:
    """A grant was applied: the daemon proves each link by itself at its next start. Raises StorageError."""
    replace(folder / WANTED_FILE, b"", PRIVATE)


class Proving:
    """Of one daemon."""

    def __init__(self, shell: Shell, folder: Path, links: tuple[str, ...]) -> None:
        """`links` are those that this node has."""
        self._shell, self._folder, self._links = shell, folder, links
        self._results = load(folder)
        self._asked: dict[str, list[int]] = {}  # the last test of each link
        self._done: set[str] = set()  # those whose result stands
        self._begun = asyncio.Event()

    def values(self) -> dict[str, Value]:
        """What a status tells of it; nothing before the first test."""
        if not self._results:
            return {}
        proven = [link for link, result in self._results.items() if result.proven]
        return {"proven": "both" if len(proven) > 1 else proven[0] if proven else "none"}

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`test` begins one for each of `links`, or joins one that runs; `test_state` tells how it goes."""
        if request["verb"] == "test":
            links = [str(link) for link in request["links"]]
            await self._shell.call(lambda: self._begin(links))
            self._begun.set()
            self._shell.news()
        return await self._shell.call(self._state)

    async def run(self) -> None:
        """A loop of the daemon: keeps each result as soon as it is there."""
        if (self._folder / WANTED_FILE).exists():
            await self._shell.call(self._begin_wanted)
            self._begun.set()
            self._shell.news()
        while True:
            await self._begun.wait()
            while self._asked.keys() - self._done:
                self._begun.clear()
                if await self._shell.call(self._settle):
                    self._shell.status_changed.set()  # VRD should know at once
                await self._shell.rest(self._begun, POLL_S)
            self._begun.clear()

    # --- on the station's thread ---

    def _begin(self, links: list[str]) -> None:
        for link in links:
            if link not in self._links:
                raise NaoberError(
                    Text(f"Dit knooppunt heeft geen {link}", f"This node has no {link}"),
                    Text("Stel de radio in: naober radio --list", "Set the radio up: naober radio --list"),
                )
        station = self._shell.station
        now_s = station.moment().elapsed_s
        for link in links:
            running = station.forwarder.log.proofs.running(link, now_s)
            if running and running == self._asked.get(link):
                continue
            if link == RADIO:
                _must_be_tellable(station.forwarder.log.ledger(Numbering.REPORT))
            rows = station.submit([_draft(link)] * MESSAGES[link])
            self._asked[link] = [row.number for row in rows]
            self._done.discard(link)
            for place, row in enumerate(rows):
                station.forwarder.log.proofs.put_off(row.number, place * SPACING_S)

    def _begin_wanted(self) -> None:
        """The links come up within the five minutes, or they are not what they should be."""
        try:
            self._begin(list(self._links))
        except NaoberError as error:
            log.warning("test: not begun: %s", error)
            return
        with contextlib.suppress(OSError):
            (self._folder / WANTED_FILE).unlink(missing_ok=True)

    def _state(self) -> dict[str, Any]:
        return {
            "links": {
                link: {
                    "tests": [msgspec.structs.asdict(each) for each in self._found(link)],
                    "asked": len(numbers),
                    "done": link in self._done,
                    "left_s": self._left_s(link),
                    "result": msgspec.structs.asdict(self._results[link]) if link in self._done else None,
                }
                for link, numbers in self._asked.items()
            }
        }

    def _settle(self) -> bool:
        """Keep what is decided; whether that was anything."""
        before = len(self._done)
        for link in self._asked.keys() - self._done:
            found = self._found(link)
            answered = [each for each in found if each.answered_s is not None]
            asked = len(self._asked[link])
            if len(answered) == asked or self._left_s(link) <= 0:
                waits = [each.answered_s for each in answered if each.answered_s is not None]
                snrs = [each.snr_db for each in answered if each.snr_db is not None]
                hops = [each.hops for each in answered if each.hops is not None]
                self._keep(
                    link,
                    Result(
                        len(answered) == asked,
                        self._unix_s(),
                        __version__,
                        len(answered),
                        asked,
                        round(max(waits), 1) if waits else None,
                        min(snrs, default=None),
                        max(hops, default=None),
                    ),
                )
        return len(self._done) > before

    def _keep(self, link: str, result: Result) -> None:
        self._results[link] = result
        self._done.add(link)
        said = "proven" if result.proven else "NOT proven"
        log.info("test: %s %s, %d of %d answered", link, said, result.answered, result.asked)
        try:
            replace(self._folder / PROOF_FILE, msgspec.json.encode(self._results), PRIVATE)
        except StorageError as error:
            log.error("the result of the test could not be kept: %s", error)

    def _found(self, link: str) -> list[Any]:
        return self._shell.station.forwarder.log.proofs.of(self._asked[link])

    def _left_s(self, link: str) -> float:
        """Until the test ends whatever happens; 0 when its numbers are gone: the epoch was raised."""
        now_s = self._shell.station.moment().elapsed_s
        return round(max((each.since_s + BOUND_S - now_s for each in self._found(link)), default=0.0), 1)

    def _unix_s(self) -> int:
        station = self._shell.station
        seconds, clock = station.forwarder.state.inbox.time(station.moment())
        return seconds + EPOCH_2025_UNIX_S if clock is not Clock.NONE else 0


def _must_be_tellable(reports: Ledger) -> None:
    """A receipt by radio names what comes BITMAP_BITS beyond the first report that is missing, no further."""
    first = next(iter(reports.open()), None)
    if first and reports.last + MESSAGES[RADIO] > first[0] + BITMAP_BITS:
        waiting = reports.count(State.WAITING, State.SENT)
        raise NaoberError(
            Text(
                f"Er wachten nog {waiting} meldingen: een bevestiging per radio reikt niet tot de proef",
                f"{waiting} reports still wait: a receipt by radio does not reach as far as the test",
            ),
            Text(
                "herhaal dit als VRD ze heeft, of naober stick",
                "repeat this when VRD has them, or naober stick",
            ),
        )


def _draft(link: str) -> Draft:
    return Draft(
        kind=Kind.TEST,
        values={"test_link": link},
        urgency=Urgency.ROUTINE,
        confidence=Confidence.MEASURED,
    )
