"""Setting a radio: read, change what differs in one transaction, wait for its restart, read back, compare.

What the radio answers to an admin message proves nothing, so nothing is believed but what it tells after
its restart. Whatever goes wrong in between (it restarts by itself, the line drops, the plug of a board with
its own USB comes and goes) leads back to reading. A round is tried a few times, and each wait has its end.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from relay.errors import LinkError, Text
from relay.links.meshtastic import admin, errors
from relay.links.meshtastic.admin import Goal
from relay.links.meshtastic.connection import Connection, Timing
from relay.links.meshtastic.packets import ADMIN_PORT, Incoming, Notification, Outgoing, Setting
from relay.links.meshtastic.proto import load, load_admin
from relay.links.meshtastic.settings import Wanted, facts_of
from relay.links.meshtastic.where import Where
from relay.links.radio import Difference, RadioFacts

ROUNDS_MAX = 3
LOST_MAX = 3  # connections that another program ended
FIRMWARE_MIN = (2, 5)  # older ones take admin messages otherwise
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")

Tell: TypeAlias = Callable[[Text], None]  # a line about how far it is


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a radio may take over it."""

    timing: Timing = Timing(handshake_s=30.0)
    probe: Timing = Timing(handshake_s=5.0, ask_again_s=1.5)  # while it restarts
    restart_s: float = 8.0  # on USB nothing touches the line until then: the firmware waits 7 s
    begins_s: float = 12.0  # and by then it has begun, if it does at all
    again_s: float = 1.0  # between two tries to reach it
    back_s: float = 60.0  # it is back, or broken


class Change(msgspec.Struct, frozen=True):
    """One thing that is otherwise now."""

    setting: str  # the stable names of `Difference`
    was: str
    now: str


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. `facts.differences` holds what still differs."""

    facts: RadioFacts
    changes: tuple[Change, ...]
    took_s: float
    restarts: int


class _Session:
    """An open connection whose configuration was read."""

    def __init__(self, connection: Connection, settings: Sequence[Setting], facts: RadioFacts) -> None:
        self.settings = settings
        self.facts = facts
        self._connection = connection

    @property
    def boots(self) -> int:
        """How often the radio has started in its life."""
        return next((int(each.value.reboot_count) for each in self.settings if each.name == "my_info"), 0)

    async def write(self, messages: Sequence[bytes]) -> None:
        """All of them in one transaction; raises LinkError when the radio goes away meanwhile."""
        for body in (admin.begin(), *messages, admin.commit()):
            packet_id = secrets.randbits(32) or 1
            to = self.facts.node_number
            out = Outgoing(payload=body, packet_id=packet_id, to=to, port=ADMIN_PORT, hop_limit=0)
            await self._connection.transmit(out)

    async def close(self) -> None:
        """Says goodbye."""
        await self._connection.close()


async def read(where: Where, wanted: Wanted, patience: Patience | None = None) -> RadioFacts:
    """What the radio is set to now, and how that differs from `wanted`; changes nothing. Raises LinkError."""
    session = await _Setting(where, Goal(wanted=wanted), _nothing, patience or Patience()).first()
    await session.close()
    return session.facts


async def apply(
    where: Where, goal: Goal, tell: Tell | None = None, patience: Patience | None = None
) -> Outcome:
    """Brings the radio to `goal`. Nobody else may use it meanwhile.

    Raises LinkError: what `Where.open` raises, `silent`, `R05` (it lets nobody set it), `R06` (firmware too
    old), `R07` (it does not keep what it is told).
    """
    setting = _Setting(where, goal, tell or _nothing, patience or Patience())
    try:
        return await setting.run()
    except LinkError as error:
        raise setting.rival(error) from error


def _nothing(_line: Text) -> None:
    pass


class _Setting:
    def __init__(self, where: Where, goal: Goal, tell: Tell, patience: Patience) -> None:
        self._where, self._goal, self._tell, self._patience = where, goal, tell, patience
        self._lost = 0  # connections that the other side ended
        self._note = ""  # the last that the radio wanted its user to read
        self._began_s = asyncio.get_running_loop().time()

    async def run(self) -> Outcome:
        """Rounds of writing and reading back, until all is right."""
        await asyncio.to_thread(load_admin)
        session = await self.first()
        was, restarts = session.facts, 0
        while True:
            try:
                left = self._left(session.facts)
                if restarts and not left:
                    return self._outcome(was, session.facts, restarts)
                if restarts:
                    self._tell(_repeat(left))
                wrote = restarts < ROUNDS_MAX and await self._write(session)
                if not wrote and left:
                    raise errors.not_kept(", ".join(each.setting for each in left), self._note)
                if not wrote:
                    return self._outcome(was, session.facts, restarts)
            finally:
                await session.close()
            session, restarts = await self._restarted(session.boots), restarts + 1

    def rival(self, error: LinkError) -> LinkError:
        """`error`, or that another program throws us out, when that is behind it."""
        fought_over = self._lost >= LOST_MAX and not self._where.device
        return errors.in_use(self._where.name) if fought_over else error

    async def first(self) -> _Session:
        """A radio that just restarts, or is fought over, gets a few tries."""
        for tries_left in reversed(range(LOST_MAX)):
            try:
                return await self._open(self._patience.timing)
            except LinkError as error:
                self._count(error)
                if error.code not in ("lost", "restarted") or not tries_left:
                    raise
            await asyncio.sleep(self._patience.again_s)
        raise errors.silent(self._where.name)

    async def _write(self, session: _Session) -> bool:
        """Whether there was anything to write. What goes wrong here shows when it is read back."""
        messages = admin.edits(session.settings, self._goal)
        if not messages:
            return False
        _judge(session.facts, self._where)
        self._tell(Text("instellen, daarna herstart de radio", "setting it, then the radio restarts"))
        try:
            await session.write(messages)
        except LinkError as error:
            self._count(error)
        return True

    async def _restarted(self, boots: int) -> _Session:
        """The radio after its restart; what is in the way until then is no error before its time."""
        loop, patience = asyncio.get_running_loop(), self._patience
        began_s = loop.time()
        await asyncio.sleep(patience.restart_s if self._where.device else patience.again_s)
        while True:
            late = loop.time() - began_s >= patience.back_s
            try:
                session = await self._open(patience.probe)
                if session.boots != boots or loop.time() - began_s >= patience.begins_s:
                    return session
                await session.close()
            except LinkError as error:
                self._count(error)
                if late:
                    raise
            await asyncio.sleep(patience.again_s)

    async def _open(self, timing: Timing) -> _Session:
        await asyncio.to_thread(load)
        connection = Connection(await self._where.open(), timing, self._told)
        try:
            settings = await connection.open()
            facts = facts_of(settings, 0, self._goal.wanted)
            if facts is None:
                raise errors.silent(self._where.name)
            if not _too_old(facts):  # one that is locked says so right behind its configuration
                await connection.ask()
        except BaseException:
            await connection.close()
            raise
        return _Session(connection, settings, facts)

    def _count(self, error: LinkError) -> None:
        self._lost += error.code == "lost"

    def _told(self, incoming: Incoming) -> None:
        if isinstance(incoming, Notification):
            self._note = incoming.text

    def _left(self, facts: RadioFacts) -> list[Difference]:
        """What should have been set and is not."""
        return [each for each in facts.differences if each.setting != "channel" or self._goal.sets_channel]

    def _outcome(self, was: RadioFacts, now: RadioFacts, restarts: int) -> Outcome:
        took_s = asyncio.get_running_loop().time() - self._began_s
        return Outcome(now, tuple(changes(was, now)), took_s, restarts)


def changes(was: RadioFacts, now: RadioFacts) -> list[Change]:
    """What is otherwise, in the words of the radio; a key is told by its fingerprint."""
    found = [Change(name, _told(was, name), _told(now, name)) for name in _TOLD]
    return [each for each in found if each.was != each.now]


_TOLD = {
    "region": "region",
    "preset": "preset",
    "role": "role",
    "rebroadcast": "rebroadcast",
    "hop_limit": "hop_limit",
    "channel": "channel_name",
    "key": "channel_key",
    "beacons": "beacons",
    "transmits": "transmits",
    "duty_cycle": "ignores_duty_cycle",
    "frequency": "own_frequency",
}


def _told(facts: RadioFacts, name: str) -> str:
    value = getattr(facts, _TOLD[name])
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) or "-"


def _repeat(left: Sequence[Difference]) -> Text:
    names = ", ".join(each.setting for each in left)
    return Text(f"nog niet goed ({names}), nog eens", f"not right yet ({names}), once more")


def _too_old(facts: RadioFacts) -> bool:
    found = _VERSION.match(facts.firmware)
    return bool(found and (int(found[1]), int(found[2])) < FIRMWARE_MIN)


def _judge(facts: RadioFacts, where: Where) -> None:
    """Raises LinkError for a radio that can't be set."""
    if facts.managed:
        raise errors.locked(where.name)
    if _too_old(facts):
        raise errors.old_firmware(facts.firmware, ".".join(map(str, FIRMWARE_MIN)))
