"""The forwarder and its outbox together: commit, then transmit. Synchronous, on one thread.

The daemon (asyncio) and the simulator (virtual time) drive it alike. It opens the outbox and decides
which epoch to go on with; keeps to quota and retention; and when the disk fails it goes on in memory,
says so, and returns to the disk when that takes writes again.

Which epoch at the start:
- no log at all (new, deleted or broken outbox): one above the epoch file;
- the newest log is the epoch file's: go on with it;
- anything else: one of the two is an old copy; one above both, reports without receipt issued again.

In memory the epoch is far above the disk's, and what waited on the disk is issued again under it. Back
on the disk an epoch above both begins. A report that was issued again on both sides is known by its
contents: it is written once, and the inbox takes what reached it before for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from relay.core.events import Event
from relay.core.forwarder import Forwarder, Settings
from relay.core.heard import HeardStore
from relay.core.ledger import State
from relay.core.log import Chance, Identity, LogState, Row
from relay.core.message import Draft, Moment, Numbering, Urgency
from relay.core.papers import Papers
from relay.database import MEMORY
from relay.errors import LedgerError, StorageError, Text
from relay.node import rescue
from relay.node.clocks import Clocks
from relay.node.opening import EpochFile, open_own
from relay.node.outbox import SqliteOutbox
from relay.node.room import Retention, forget_old, make_room, name_missing
from relay.node.station_notices import StationNotices
from relay.node.station_radio import StationRadio, new_radio
from relay.node.waiting import empty_state, epoch_of, not_among, open_reports, within_memory

if TYPE_CHECKING:
    from relay.core.radio import RadioSettings
    from relay.node.desk.rows import Form

OUTBOX_NAME = "outbox.db"
MEMORY_QUOTA_BYTES = 8 * 1024 * 1024
MEMORY_EPOCH_STEP = 64  # above anything that the disk's own epochs could have jumped to meanwhile
RETRY_DISK_S = 30.0
RETENTION_CHECK_S = 6 * 3600.0
NOTES_MAX = 16

T = TypeVar("T")


class _Place(NamedTuple):
    """Where messages go now, and how time is counted there."""

    outbox: SqliteOutbox
    forwarder: Forwarder
    boot: int
    base_s: float


SETTINGS = Settings()
RETENTION = Retention()


class Station(StationRadio, StationNotices):
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
        radio: RadioSettings | None = None,
        papers: Papers | None = None,
    ) -> None:
        """Open the outbox in `folder`; never fails for the disk's sake (see `storage`)."""
        self._path = folder / OUTBOX_NAME
        self._identity, self._epoch_file = identity, epoch_file
        self._clocks, self._chance = clocks, chance
        self._settings, self._retention, self._boot, self._base_s = settings, retention, 1, 0.0
        self._kept_s = self._retry_disk_s = 0.0
        self.storage: StorageError | None = None  # why messages are in memory only, if they are
        self.notes: list[Text] = []  # what a technician should read once; whoever logs them takes them out
        self.dropped = 0  # messages given up or forgotten early for want of room
        self.radio = new_radio(radio, chance)
        self._heard, self._papers = HeardStore(), papers
        self._outbox: SqliteOutbox
        self.forwarder: Forwarder
        try:
            self._open_disk()
        except StorageError as error:
            self._start_in_memory(error)
        self._begin_budget()

    # --- opening ---

    def _open_disk(self) -> None:
        """Open the outbox and take it up; a broken or foreign one is moved aside. Raises StorageError."""
        in_log = rescue.in_log(self._path)
        outbox = open_own(self._path, self._identity, self._epoch_file.raise_to, self._note)
        try:
            self._set_clock(outbox)
            forwarder = self._take_up(outbox, in_log)
        except BaseException:
            outbox.abandon()
            raise
        self._outbox, self.forwarder = outbox, forwarder

    def _note(self, note: Text) -> None:
        """For whoever logs."""
        self.notes = [*self.notes, note][-NOTES_MAX:]

    def _set_clock(self, outbox: SqliteOutbox) -> None:
        """Go on counting this node's running time: exactly within one boot, from the last row after it.

        It never goes back, not even to an outbox that knows less of it than we do.
        """
        boot, base, boot_id = int(outbox.number("boot")), outbox.number("base_s"), outbox.fact("boot_id")
        known, now_id = (boot, base, boot_id), self._clocks.boot_id
        if not boot or not now_id or boot_id != now_id:
            boot, base = boot + 1, max(base, float(outbox.last_elapsed_s()))
        base = max(base, self._base_s)
        if known != (boot, base, now_id):
            outbox.remember({"boot": str(boot), "base_s": repr(base), "boot_id": now_id})
        self._boot, self._base_s = boot, base

    def _take_up(self, outbox: SqliteOutbox, in_log: Sequence[tuple[int, Row]]) -> Forwarder:
        on_disk, on_file = outbox.newest_epoch(), self._epoch_file.read()
        state = outbox.load(on_disk) if on_disk else empty_state(on_file)
        forwarder = self._new_forwarder(outbox, state)
        written = state.ledgers[Numbering.REPORT].last
        lost = [row for epoch, row in in_log if epoch == on_disk and row.number > written]
        lost = [row for row in lost if self._identity.signed(row.envelope)]
        if not on_disk or on_disk != on_file or lost:
            forwarder.begin_epoch(max(on_disk, on_file), self.moment())
        self._add(forwarder, lost)
        self._take_rescued(outbox, forwarder)
        moment = self.moment()
        urgent = (Urgency.EMERGENCY, Urgency.URGENT)
        for run in forwarder.log.ledger(Numbering.REPORT).open():
            for row in outbox.oldest(Numbering.REPORT, run, run[1], urgent):
                forwarder.log.note_urgent(row, moment)
        if gaps := name_missing(outbox, forwarder.log):
            forwarder.submit(gaps, moment)
        return forwarder

    def _take_rescued(self, outbox: SqliteOutbox, forwarder: Forwarder) -> None:
        """Issue the reports of broken outboxes again; only then is such a file done with."""
        for path in rescue.aside(self._path, rescue.RESCUE):
            found = rescue.salvage(path, self._identity.signed, is_broken=True)
            if found.elapsed_s > self._base_s:
                self._base_s = float(found.elapsed_s)
                outbox.remember({"base_s": repr(self._base_s)})
            if found.epoch > forwarder.state.epoch:
                forwarder.begin_epoch(found.epoch, self.moment())
            count = self._add(forwarder, [msgspec.structs.replace(row, boot=0) for row in found.reports])
            kept = rescue.set_aside(path, rescue.BROKEN)
            self._note(
                Text(
                    f"{count} meldingen gered uit de beschadigde opslag: {kept}",
                    f"{count} reports rescued from the corrupt outbox: {kept}",
                )
            )

    def _add(self, forwarder: Forwarder, rows: Sequence[Row]) -> int:
        """Issue reports again, but for those that wait there already; returns how many."""
        return len(forwarder.log.reissue(not_among(rows, open_reports(forwarder.log)), self.moment()))

    def _new_forwarder(self, outbox: SqliteOutbox, state: LogState) -> Forwarder:
        parts = (self._settings, self.radio, self._heard, self._papers)
        return Forwarder(self._identity, outbox, state, self._chance, *parts)

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

    def submit(
        self, drafts: Sequence[Draft], said: Moment | None = None, form: Form | None = None
    ) -> list[Row]:
        """Commit `drafts`; when the disk fails, keep them in memory and say so in `storage`.

        `said`: see Log.submit. `form`: what a person posted, in the same commit. Raises ValueRefused or
        WireError for a draft that no packet can hold, LedgerError for a form that was sent before.
        """
        self._on_disk(self._make_room)
        moment = self.moment()  # one for both tries: the first may be on the disk after all
        return self._on_disk(lambda: self._commit(form, lambda: self.forwarder.submit(drafts, moment, said)))

    def link_changed(self, link: str, connected: bool) -> None:
        """A link came up or went."""
        self.forwarder.link_changed(link, connected, self.moment())

    def refused(self, link: str) -> None:
        """The other side refused a frame."""
        self.forwarder.refused(link, self.moment())

    def receive(self, link: str, frame: bytes) -> list[Event]:
        """Take in a frame."""
        return self._saw(self._on_disk(lambda: self.forwarder.receive(link, frame, self.moment())))

    def frames_for(self, link: str, room: int) -> list[bytes]:
        """At most `room` frames that should go out on `link` now."""
        return self._went(link, self._on_disk(lambda: self.forwarder.frames_for(link, self.moment(), room)))

    def wait_s(self) -> float:
        """How long the caller may sleep if nothing happens, the radio apart; 60 s at most."""
        now_s = self.moment().elapsed_s
        wakes = [self.forwarder.next_wake_s(), self._retry_disk_s if self.storage else None]
        return min([60.0, *(max(0.0, wake_s - now_s) for wake_s in wakes if wake_s is not None)])

    def housekeeping(self) -> None:
        """Now and then: drop what has been kept long enough, and look whether the disk is back."""
        self._try_disk()
        now_s = self.moment().elapsed_s
        if now_s >= self._kept_s + RETENTION_CHECK_S:
            self._kept_s = now_s
            self._on_disk(lambda: forget_old(self._outbox, self.forwarder.log, self._retention, now_s))

    def _make_room(self) -> None:
        quota = MEMORY_QUOTA_BYTES if self._outbox.is_memory else self._retention.quota_bytes
        went = make_room(self._outbox, self.forwarder.log, quota)
        self.dropped += went.count
        if went.gaps:
            self.forwarder.submit(went.gaps, self.moment())

    # --- the disk fails, the disk returns ---

    def _on_disk(self, work: Callable[[], T]) -> T:
        """Do it; when the disk fails at it, go to memory and do it there."""
        try:
            return work()
        except StorageError as error:
            if self._outbox.is_memory:
                raise
            self._leave_disk(error)
            return work()

    def _leave_disk(self, error: StorageError) -> None:
        """Go on in memory, with the reports that still wait on the disk."""
        was, log = self.forwarder, self.forwarder.log
        try:
            waiting = within_memory(open_reports(was.log))
        except StorageError:
            waiting = []
        epoch = was.state.epoch
        self._outbox.abandon()
        if not waiting and log.ledger(Numbering.REPORT).open():  # SQLite can't read it: perhaps we can
            receipted = log.ledger(Numbering.REPORT).in_state(State.RECEIPTED)
            found = self._salvage(self._path, error)
            waiting = within_memory(
                row for row in found.reports if not (epoch_of(row) == epoch and row.number in receipted)
            )
        self._go_to_memory(error, waiting, was.state)
        self._take_sessions(was)

    def _start_in_memory(self, error: StorageError) -> None:
        found = rescue.Salvage([])
        if error.code != "busy":  # another program may be sending what is in it
            for path in (self._path, *rescue.aside(self._path, rescue.RESCUE)):
                found = found.merged(self._salvage(path, error))
        try:
            epoch = max(found.epoch, self._epoch_file.read())
        except StorageError:
            epoch = found.epoch  # the inbox tells the epoch that it has seen
        self._base_s = max(self._base_s, float(found.elapsed_s))
        waiting = [msgspec.structs.replace(row, boot=0) for row in within_memory(found.reports)]
        self._go_to_memory(error, waiting, empty_state(epoch))

    def _salvage(self, path: Path, error: StorageError) -> rescue.Salvage:
        return rescue.salvage(path, self._identity.signed, is_broken=error.code == "corrupt")

    def _go_to_memory(self, error: StorageError, waiting: Sequence[Row], was: LogState) -> None:
        self.storage = rescue.explained(self._path, error)
        self._retry_disk_s = self.moment().elapsed_s + RETRY_DISK_S
        self._outbox = SqliteOutbox(MEMORY, self._raise_epoch_if_possible)
        state = msgspec.structs.replace(empty_state(was.epoch), inbox=was.inbox)
        self.forwarder = self._new_forwarder(self._outbox, state)
        self.forwarder.begin_epoch(was.epoch + MEMORY_EPOCH_STEP, self.moment())
        self._add(self.forwarder, waiting)

    def _take_sessions(self, was: Forwarder) -> None:
        for name, session in was.sessions.items():
            self.forwarder.link_changed(name, session.connected, self.moment())

    def _raise_epoch_if_possible(self, epoch: int) -> None:
        try:
            self._epoch_file.raise_to(epoch)
        except (StorageError, LedgerError):
            return  # the inbox tells the epoch that it has seen, at the next start too

    def _try_disk(self) -> None:
        """Return to the disk if it takes writes; what waits in memory goes with it."""
        now_s = self.moment().elapsed_s
        if self.storage is None or now_s < self._retry_disk_s:
            return
        memory = _Place(self._outbox, self.forwarder, self._boot, self._base_s)
        try:
            rescue.probe(self._path)
            self._open_disk()
            self._bring_along(memory)
        except StorageError as error:
            if self._outbox is not memory.outbox:
                self._outbox.abandon()
            self._outbox, self.forwarder, self._boot, self._base_s = memory
            self.storage, self._retry_disk_s = error, now_s + RETRY_DISK_S
            return
        memory.outbox.abandon()
        self.storage = None
        self._take_sessions(memory.forwarder)

    def _bring_along(self, memory: _Place) -> None:
        """What waits in memory and what the inbox said there, in this place's count of time."""
        was, shift_s = memory.forwarder, self._base_s - memory.base_s
        if self.radio:
            self.radio.budget.shift(shift_s)
        boots = (memory.boot, self._boot)
        self.forwarder.state.inbox = was.state.inbox.moved(*boots, shift_s)
        self.forwarder.begin_epoch(was.state.epoch, self.moment())
        rows = [
            msgspec.structs.replace(row, boot=self._boot, elapsed_s=row.elapsed_s + int(shift_s))
            if row.boot == memory.boot
            else msgspec.structs.replace(row, boot=0)
            for row in open_reports(was.log)
        ]
        self._add(self.forwarder, rows)
        self._outbox.take_over(memory.outbox, boots, shift_s)
