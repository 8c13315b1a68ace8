"""The forwarder and its outbox together: commit, then transmit. Synchronous, on one thread.

The daemon (asyncio) and the simulator (virtual time) drive it alike. It opens the outbox and decides
which epoch to go on with; keeps to quota and retention; and when the disk fails it goes on in memory,
says so, and returns to the disk when that takes writes again.

Which epoch at the start:
- no log at all (new, deleted or broken outbox): one above the epoch file;
- the newest log is the epoch file's: go on with it;
- anything else: one of the two is an old copy; one above both, reports without receipt issued again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from relay.core import wire
from relay.core.events import Event
from relay.core.forwarder import Forwarder, Settings
from relay.core.ledger import Event as Move
from relay.core.ledger import Ledger, State
from relay.core.log import Chance, Identity, LogState, Row
from relay.core.message import Draft, Header, Kind, Moment, Numbering, Urgency
from relay.core.receipts import InboxView
from relay.database import MEMORY
from relay.errors import StorageError, WireError
from relay.node.clocks import Clocks
from relay.node.outbox import SqliteOutbox, salvage

OUTBOX_NAME = "outbox.db"
DAY_S = 86_400
MEMORY_QUOTA_BYTES = 8 * 1024 * 1024
MEMORY_EPOCH_STEP = 64  # above anything that the disk's own epochs could have jumped to meanwhile
RETRY_DISK_S = 30.0
HOUSEKEEPING_S = 600.0
ROOM_SHARE = 16  # a full outbox gives up a sixteenth of its quota at a time


class EpochFile(Protocol):
    """The small synced file beside the key."""

    def read(self) -> int:
        """The epoch it holds; 0 when there is none."""

    def raise_to(self, epoch: int) -> None:
        """Write and sync."""


class Retention(msgspec.Struct, frozen=True):
    """How much and how long the outbox keeps."""

    quota_bytes: int = 64 * 1024 * 1024
    report_days: int = 30
    status_days: int = 7


SETTINGS = Settings()
RETENTION = Retention()


class Station:
    """One node's messages, safe on disk before anyone is told so."""

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        epoch_file: EpochFile,
        clocks: Clocks,
        chance: Chance,
        *,
        settings: Settings = SETTINGS,
        retention: Retention = RETENTION,
    ) -> None:
        """Open the outbox in `folder`; never fails for the disk's sake (see `storage`)."""
        self._path = folder / OUTBOX_NAME
        self._identity, self._epoch_file = identity, epoch_file
        self._clocks, self._chance = clocks, chance
        self._settings, self._retention = settings, retention
        self._boot, self._base_s = 1, 0.0
        self._kept_s = 0.0
        self._retry_disk_s = 0.0
        self.storage: StorageError | None = None  # why messages are in memory only, if they are
        self.dropped = 0  # messages given up or forgotten early for want of room
        self.forwarder: Forwarder
        try:
            self._open_disk()
        except StorageError as error:
            self._go_to_memory(error, [], self._epoch_if_readable())

    # --- opening ---

    def _open_disk(self) -> None:
        rescued: list[bytes] = []
        try:
            outbox = SqliteOutbox(self._path, self._epoch_file.raise_to)
        except StorageError as error:
            if error.code != "corrupt":
                raise
            rescued = self._set_aside()
            outbox = SqliteOutbox(self._path, self._epoch_file.raise_to)
        self._set_clock(outbox)
        self._outbox = outbox
        self._take_up(outbox, rescued)

    def _set_aside(self) -> list[bytes]:
        """Move a broken outbox out of the way and give its reports that had no receipt."""
        reports, receipted = salvage(self._path)
        number = 1
        while self._path.with_suffix(f".broken-{number}").exists():
            number += 1
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(self._path.with_suffix(f".broken-{number}{suffix}"))
        return [each for each in reports if not _is_receipted(each, receipted)]

    def _set_clock(self, outbox: SqliteOutbox) -> None:
        """Go on counting this node's running time: exactly within one boot, from the last row after it."""
        boot, base = int(outbox.fact("boot") or 0), float(outbox.fact("base_s") or 0.0)
        if not boot or outbox.fact("boot_id") != self._clocks.boot_id:
            boot, base = boot + 1, max(base, float(outbox.last_elapsed_s()))
            outbox.remember({"boot": str(boot), "base_s": repr(base), "boot_id": self._clocks.boot_id})
        self._boot, self._base_s = boot, base

    def _take_up(self, outbox: SqliteOutbox, rescued: Sequence[bytes]) -> None:
        on_disk, on_file = outbox.newest_epoch(), self._epoch_file.read()
        state = outbox.load(on_disk) if on_disk else _empty_state(on_file)
        self.forwarder = self._new_forwarder(outbox, state)
        if not on_disk or on_disk != on_file:
            self.forwarder.begin_epoch(max(on_disk, on_file), self.moment())
        if rescued:
            self._submit_again(rescued)
        for run in self.forwarder.log.ledger(Numbering.REPORT).open():
            for row in self.forwarder.log.rows(Numbering.REPORT, *run):
                self.forwarder.log.note_urgent(row, self.moment())

    def _new_forwarder(self, outbox: SqliteOutbox, state: LogState) -> Forwarder:
        return Forwarder(self._identity, outbox, state, self._chance, self._settings)

    def close(self) -> None:
        """Keep everything and let go of the disk."""
        self._outbox.close()

    @property
    def size_bytes(self) -> int:
        """What the messages in the outbox take."""
        return self._outbox.size_bytes

    # --- time ---

    def moment(self) -> Moment:
        """Now."""
        elapsed_s = self._base_s + self._clocks.boottime_s()
        return Moment(elapsed_s, self._boot, self._clocks.unix_s(), self._clocks.quality())

    # --- the forwarder's verbs, with the disk behind them ---

    def submit(self, drafts: Sequence[Draft]) -> list[Row]:
        """Commit `drafts`; when the disk fails, keep them in memory and say so in `storage`.

        Raises ValueRefused or WireError for a draft that no packet can hold.
        """
        self._make_room()
        try:
            return self.forwarder.submit(drafts, self.moment())
        except StorageError as error:
            if self._outbox.is_memory:
                raise
            self._leave_disk(error)
            return self.forwarder.submit(drafts, self.moment())

    def link_changed(self, link: str, connected: bool) -> None:
        """A link came up or went."""
        self.forwarder.link_changed(link, connected, self.moment())

    def refused(self, link: str) -> None:
        """The other side refused a frame."""
        self.forwarder.refused(link, self.moment())

    def receive(self, link: str, frame: bytes) -> list[Event]:
        """Take in a frame."""
        try:
            return self.forwarder.receive(link, frame, self.moment())
        except StorageError as error:
            if self._outbox.is_memory:
                raise
            self._leave_disk(error)
            return self.forwarder.receive(link, frame, self.moment())

    def frames_for(self, link: str, room: int) -> list[bytes]:
        """At most `room` frames that should go out on `link` now."""
        return self.forwarder.frames_for(link, self.moment(), room)

    def wait_s(self) -> float:
        """How long the caller may sleep if nothing happens; 60 s at most."""
        wake_s = self.forwarder.next_wake_s()
        return 60.0 if wake_s is None else min(60.0, max(0.0, wake_s - self.moment().elapsed_s))

    # --- the disk fails, the disk returns ---

    def _leave_disk(self, error: StorageError) -> None:
        """Go on in memory, with the reports that still wait on the disk."""
        waiting = [row.envelope for row in self._open_reports()]
        epoch = self.forwarder.state.epoch
        self._outbox.abandon()
        self._go_to_memory(error, waiting, epoch)

    def _open_reports(self) -> list[Row]:
        log = self.forwarder.log
        try:
            return [
                row for run in log.ledger(Numbering.REPORT).open() for row in log.rows(Numbering.REPORT, *run)
            ]
        except StorageError:
            return []

    def _go_to_memory(self, error: StorageError, waiting: Sequence[bytes], epoch: int) -> None:
        sessions = self.forwarder.sessions if hasattr(self, "forwarder") else {}
        self.storage = error
        self._retry_disk_s = self.moment().elapsed_s + RETRY_DISK_S
        self._outbox = SqliteOutbox(MEMORY, self._raise_epoch_if_possible)
        self.forwarder = self._new_forwarder(self._outbox, _empty_state(epoch))
        self.forwarder.begin_epoch(epoch + MEMORY_EPOCH_STEP, self.moment())
        self._submit_again(waiting)
        for name, session in sessions.items():
            self.forwarder.link_changed(name, session.connected, self.moment())

    def _raise_epoch_if_possible(self, epoch: int) -> None:
        try:
            self._epoch_file.raise_to(epoch)
        except (StorageError, OSError):
            return  # the inbox tells the epoch that it has seen, at the next start too

    def _epoch_if_readable(self) -> int:
        try:
            return self._epoch_file.read()
        except StorageError:
            return 0

    def _try_disk(self) -> None:
        """Return to the disk if it takes writes; what waits in memory goes with it."""
        now_s = self.moment().elapsed_s
        if self.storage is None or now_s < self._retry_disk_s:
            return
        self._retry_disk_s = now_s + RETRY_DISK_S
        memory, waiting, was = self._outbox, [row.envelope for row in self._open_reports()], self.forwarder
        try:
            self._open_disk()
            self.forwarder.begin_epoch(was.state.epoch, self.moment())
            self._submit_again(waiting)
        except StorageError as error:
            if self._outbox is not memory:
                self._outbox.abandon()
            self.storage, self._outbox, self.forwarder = error, memory, was
            return
        memory.abandon()
        self.storage = None
        for name, session in was.sessions.items():
            self.forwarder.link_changed(name, session.connected, self.moment())

    def _submit_again(self, envelopes: Iterable[bytes]) -> None:
        """Issue the reports in `envelopes` again, under the present epoch."""
        moment = self.moment()
        self.forwarder.log.reissue(envelopes, moment)

    # --- quota and retention ---

    def housekeeping(self) -> None:
        """Now and then: drop what has been kept long enough, and look whether the disk is back."""
        self._try_disk()
        now_s = self.moment().elapsed_s
        if now_s < self._kept_s + HOUSEKEEPING_S:
            return
        self._kept_s = now_s
        report_s = int(now_s) - self._retention.report_days * DAY_S
        status_s = int(now_s) - self._retention.status_days * DAY_S
        log = self.forwarder.log
        self._outbox.forget_closed(report_s)
        for numbering, before_s in ((Numbering.REPORT, report_s), (Numbering.STATE, status_s)):
            ledger = log.ledger(numbering)
            for first, last in ledger.in_state(State.RECEIPTED).runs(1, ledger.last - 1):
                self._outbox.forget(numbering, (first, last), before_s)

    def _make_room(self) -> None:
        """Keep to the quota: receipted first, then old statuses, and reports last, named in a gap report."""
        quota = MEMORY_QUOTA_BYTES if self._outbox.is_memory else self._retention.quota_bytes
        if self._outbox.size_bytes <= quota:
            return
        wanted = quota - quota // ROOM_SHARE
        log = self.forwarder.log
        states, reports = log.ledger(Numbering.STATE), log.ledger(Numbering.REPORT)
        try:
            self.dropped += self._outbox.forget_closed()
            for numbering, ledger, open_too in (
                (Numbering.STATE, states, False),
                (Numbering.STATE, states, True),
                (Numbering.REPORT, reports, False),
            ):
                candidates = (
                    ledger.in_state(State.RECEIPTED, State.WAITING, State.SENT)
                    if open_too
                    else ledger.in_state(State.RECEIPTED)
                )
                for run in candidates.runs(1, ledger.last - 1):
                    self._drop_oldest(numbering, run, wanted)
            if self._outbox.size_bytes > wanted:
                self._give_up_reports(wanted)
        except StorageError as error:
            if self._outbox.is_memory:
                raise
            self._leave_disk(error)

    def _drop_oldest(self, numbering: Numbering, run: tuple[int, int], wanted: int) -> None:
        while self._outbox.size_bytes > wanted:
            numbers = self._outbox.oldest(numbering, run, 256)
            if not numbers:
                return
            self.dropped += self._outbox.forget(numbering, (numbers[0], numbers[-1]))
            for first, last in self.forwarder.log.ledger(numbering).open().runs(numbers[0], numbers[-1]):
                self.forwarder.log.ledger(numbering).apply(Move.GIVE_UP, first, last)

    def _give_up_reports(self, wanted: int) -> None:
        """The least urgent, then the oldest; each run that goes is named in a gap report."""
        log = self.forwarder.log
        ledger = log.ledger(Numbering.REPORT)
        gaps: list[Draft] = []
        for urgency in sorted(Urgency, reverse=True):
            numbers = [row.number for row in self._open_reports() if row.urgency == urgency][:-1]
            while numbers and self._outbox.size_bytes > wanted:
                first = last = numbers.pop(0)
                while numbers and numbers[0] == last + 1 and last - first < 255:
                    last = numbers.pop(0)
                self.dropped += self._outbox.forget(Numbering.REPORT, (first, last))
                ledger.apply(Move.GIVE_UP, first, last)
                gaps.append(Draft(kind=Kind.GAP, values={"about_number": first, "about_last": last}))
        log.settle_urgent()
        if gaps:
            self._outbox.save(self.forwarder.state, durable=True)
            self.forwarder.submit(gaps, self.moment())


def _empty_state(epoch: int) -> LogState:
    return LogState(epoch, {numbering: Ledger() for numbering in Numbering}, InboxView())


def _is_receipted(envelope: bytes, receipted: dict[int, set[int]]) -> bool:
    try:
        header: Header = wire.parse_header(envelope)
    except WireError:
        return True  # not ours to send
    return header.number in receipted.get(header.epoch, ())
