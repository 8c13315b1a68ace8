"""The post: what VRD says reaches its sites, by MQTT at once and by radio sparingly, until they have it.

Each time a letter is said it is signed anew, under the next sequence, so a site takes it whatever it heard
meanwhile; its name tells it for the same. A site has it when
- its hello names the sequence under which the last letter of a frame was sent to it by MQTT: a frame
  arrives whole and in order;
- a status says that the sequence of an airing was the newest word of ours that it heard;
- it answers it.
A stick that goes back to a site takes along what that site is not known to have.

By radio (design, "Radio: what goes when"): a notice to all at most 3 times an hour, then only to those
missing it; a step with a report once in 10 minutes to a site, with whatever else was done meanwhile. Letters
count in the same share of the channel as receipts; where that is spent, what is not urgent waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec

from relay.core import payloads, wire
from relay.core.message import Address, Entry, Header, Hello, Kind, Message
from relay.errors import StorageError, WireError
from relay.inbox.air import Air
from relay.inbox.courier import Say
from relay.inbox.ingest import Outcome
from relay.inbox.letters import LETTERS_MAX, Letter, groups, of_notice, of_steps
from relay.inbox.operators.notices import ALL, Notices
from relay.inbox.replies import Replies
from relay.inbox.site_views import key_of
from relay.trust.roster import Node, Roster

LOOK_S = 1.0
MAIL_PAUSE_S = 10.0  # between two answers to hellos of one node
AIR_JITTER_S = 5.0
AIR_EVERY_S = 1200.0  # one letter, at most 3 times an hour
AIRINGS_TO_ALL = 3  # then only to those missing it
AIRINGS_MAX = 12  # of one letter in the life of this process; then MQTT or a new one brings it
FOLD_S = 600.0  # between two steps told to one site by radio
UNANSWERED_S = 30.0  # an urgent letter that MQTT did not bring by then goes by radio too
AIRINGS_KEPT_MAX = 2000
LETTER_BYTES = 160  # of a usual one
PROOFS_MAX = 8  # airings of one node that a status may still name

log = logging.getLogger("naober.inbox")


class _Sent(msgspec.Struct, frozen=True):
    """Letters that a node has once it names this inbox epoch and sequence."""

    epoch: int
    sequence: int
    letters: tuple[Letter, ...]


class _Airing(msgspec.Struct):
    """How often something was said by radio, and from when it may be again."""

    next_s: float
    count: int = 0


class PostWork:
    """Of one running inbox."""

    def __init__(
        self,
        notices: Notices,
        roster: Callable[[], Roster],
        air: Air,
        say: Say,
        publish: Callable[[str, str, bytes, bool], None],
        clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        """`say` signs on the store's thread, and gives None while this inbox may not speak.

        `clock` does not step.
        """
        self._notices, self._roster, self._air = notices, roster, air
        self._say, self._publish, self._clock = say, publish, clock
        self._mailed: dict[Address, _Sent] = {}
        self._answered_s: dict[Address, float] = {}
        self._aired: dict[Address, deque[_Sent]] = {}
        self._airings: dict[tuple[Any, ...], _Airing] = {}
        self._told_s: dict[Address, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_had: Callable[[], None] = lambda: None  # told when a site is known to have something

    # --- what sets it going ---

    async def run(self) -> None:
        """Say by radio what is due, for ever."""
        while True:
            try:
                await self.air_round()
            except StorageError as error:
                log.warning("the operators' store does not work, nothing is told by radio: %s", error)
            await asyncio.sleep(LOOK_S)

    def posted(self, sites: Iterable[str]) -> None:
        """Somebody wrote a notice to these sites."""
        wanted = set(sites)
        self.step_taken(*(node.address for node in self._nodes() if key_of(node) in wanted))

    def step_taken(self, *addresses: Address) -> None:
        """Something is to be told to these nodes now."""
        for address in addresses:
            self._spawn(self._mail(address))

    def took(self, outcome: Outcome) -> None:
        """Intake stored something: who says hello, or how far a status heard us, is told."""
        for hello in outcome.hellos:
            self._spawn(self._greeted(hello))
        if self._aired:
            for header, envelope in outcome.fresh:
                if header.kind == Kind.STATUS and header.address in self._aired:
                    self._spawn(self._status(header, envelope))

    async def stop(self) -> None:
        """Wait for what is short."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StorageError as error:
            log.warning("the operators' store does not work, a notice waits: %s", error)
        except Exception:
            log.exception("a notice could not be told; the next hello brings it")

    # --- by MQTT ---

    async def _mail(self, address: Address) -> None:
        """All that a node is not known to have, in one frame."""
        letters = await asyncio.to_thread(self._letters, address)
        signed = await self._say(lambda replies: _frame(replies, [address], letters)) if letters else None
        if signed is None:
            return
        frame, epoch, sequence = signed
        self._mailed[address] = _Sent(epoch, sequence, tuple(letters))
        self._publish("down", address.hex(), frame, False)

    async def _greeted(self, hello: Hello) -> None:
        address, named = hello.header.address, (hello.inbox_epoch, hello.notice)
        for sent in (self._mailed.get(address), *self._aired.get(address, ())):
            if sent is not None and named == (sent.epoch, sent.sequence):
                await self._had(address, sent.letters)
        now_s = self._clock()
        if now_s - self._answered_s.get(address, -MAIL_PAUSE_S) >= MAIL_PAUSE_S:
            self._answered_s[address] = now_s
            await self._mail(address)

    async def _status(self, header: Header, envelope: bytes) -> None:
        with contextlib.suppress(WireError):
            said = payloads.decode(envelope, header)
            for sent in list(self._aired.get(header.address, ())):
                if isinstance(said, Message) and said.inbox_low == sent.sequence & 0xFF:
                    await self._had(header.address, sent.letters)

    async def _had(self, address: Address, letters: Iterable[Letter]) -> None:
        node = self._roster().entry(address)
        if node is None:
            return
        site = key_of(node)
        notices = [each.notice.id for each in letters if each.notice is not None]
        steps = [step for each in letters for step in each.steps]
        await asyncio.to_thread(self._notices.note_had, site, notices, steps)
        self.on_had()

    def _letters(self, address: Address) -> list[Letter]:
        """On a thread: it reads the disk."""
        node = self._roster().entry(address)
        if node is None or not _speaks(node):
            return []
        letters = [of_notice(each) for each in self._notices.waiting(key_of(node))]
        return (letters + of_steps(self._notices.untold(address)))[:LETTERS_MAX]

    async def by_stick(self, address: Address, say: Say) -> list[Entry]:
        """All that a node is not known to have, for a stick that goes back to it; no broker is needed."""
        letters = await asyncio.to_thread(self._letters, address)
        if not letters:
            return []
        frame, epoch, sequence = await say(lambda replies: _frame(replies, [address], letters))
        self._aired_to(address).append(_Sent(epoch, sequence, tuple(letters)))
        return wire.decode_batch(frame)

    # --- by radio ---

    def _aired_to(self, address: Address) -> deque[_Sent]:
        """What its next word may prove that it has."""
        return self._aired.setdefault(address, deque(maxlen=PROOFS_MAX))

    async def air_round(self) -> None:
        """What is to be said by radio now."""
        now_s = self._clock()
        ways = self._air.ways_to(now_s, only_dark=False)
        if not ways:
            return
        dark = self._air.ways_to(now_s)
        notices: dict[int, tuple[Letter, list[Address]]] = {}
        for address in ways:
            for letter in await asyncio.to_thread(self._letters, address):
                if letter.notice is None:
                    if address in dark and letter.by_radio:
                        await self._air_step(letter, address, ways[address], now_s)
                elif address in dark or self._is_overdue(letter):
                    notices.setdefault(letter.notice.id, (letter, []))[1].append(address)
        for letter, missing in notices.values():
            await self._air_notice(letter, missing, ways, now_s)
        while len(self._airings) > AIRINGS_KEPT_MAX:
            del self._airings[next(iter(self._airings))]  # the oldest

    def _is_overdue(self, letter: Letter) -> bool:
        made_s = letter.notice.made_s if letter.notice else 0
        return letter.is_urgent and self._notices.now_s() - made_s > UNANSWERED_S

    async def _air_step(self, letter: Letter, address: Address, gateway: str, now_s: float) -> None:
        """One at a time to a site; what is done meanwhile is in the next."""
        airing = self._airings.setdefault(letter.steps, _Airing(now_s + self._jitter_s()))
        folds_s = self._told_s.get(address, now_s - FOLD_S) + FOLD_S
        if max(airing.next_s, folds_s) > now_s or airing.count >= AIRINGS_MAX:
            return
        self._told_s[address] = now_s
        await self._air_one(letter, airing, [address], [address], {gateway}, now_s)

    async def _air_notice(
        self, letter: Letter, missing: list[Address], ways: dict[Address, str], now_s: float
    ) -> None:
        assert letter.notice is not None
        airing = self._airings.setdefault((letter.notice.id,), _Airing(now_s + self._jitter_s()))
        if airing.next_s > now_s or airing.count >= AIRINGS_MAX:
            return
        if letter.notice.scope == ALL and airing.count < AIRINGS_TO_ALL:
            gateways = {ways[address] for address in missing}
            await self._air_one(letter, airing, [], missing, gateways, now_s)
            return
        first = True
        for gateway in sorted({ways[address] for address in missing}):
            theirs = [address for address in missing if ways[address] == gateway]
            for group in groups(letter, theirs):
                await self._air_one(letter, airing, group, group, {gateway}, now_s, counts=first)
                first = False

    async def _air_one(
        self,
        letter: Letter,
        airing: _Airing,
        to: list[Address],
        missing: list[Address],
        gateways: set[str],
        now_s: float,
        *,
        counts: bool = True,
    ) -> None:
        if not letter.is_urgent and not self._air.share.has_room(LETTER_BYTES, now_s):
            return
        signed = await self._say(lambda replies: self._sign_for_air(replies, to, letter))
        if signed is None:
            return
        frame, epoch, sequence = signed
        for _ in gateways:
            self._air.share.spend(len(frame), now_s)
        airing.count += counts
        airing.next_s = now_s + AIR_EVERY_S
        for address in missing:
            self._aired_to(address).append(_Sent(epoch, sequence, (letter,)))
        for gateway in sorted(gateways):
            self._publish("air", gateway, frame, False)

    def _sign_for_air(self, replies: Replies, to: list[Address], letter: Letter) -> tuple[bytes, int, int]:
        signed = _frame(replies, to, [letter])
        self._air.note_sequence(signed[2])
        return signed

    def _jitter_s(self) -> float:
        return random.uniform(0.0, AIR_JITTER_S)  # noqa: S311

    def _nodes(self) -> list[Node]:
        return [node for node in self._roster().nodes if _speaks(node)]


def _speaks(node: Node) -> bool:
    """Whether a node is believed, and so is told anything."""
    return not node.revoked and not node.blocked and not node.replaced_s


def _frame(replies: Replies, to: list[Address], letters: Iterable[Letter]) -> tuple[bytes, int, int]:
    """On the store's thread: the letters signed, the inbox epoch, and the sequence of the last."""
    entries: list[Entry] = []
    sequence = 0
    for letter in letters:
        envelope, sequence = replies.notice(to, letter.values, letter.urgency, exercise=letter.exercise)
        entries.append(Entry(envelope))
    return wire.encode_batch(entries), replies.epoch, sequence
