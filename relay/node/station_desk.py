"""The part of a station that the site's page builds on: forms beside messages, and what went and came."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from relay.core import wire
from relay.core.events import Event
from relay.core.log import Identity
from relay.core.message import Moment, Numbering, numbering_of
from relay.errors import StorageError, WireError
from relay.node.outbox import SqliteOutbox

if TYPE_CHECKING:
    from relay.node.desk.rows import DeskRows, Form

T = TypeVar("T")


class Watch(Protocol):
    """Who follows the messages of this station, on its thread."""

    def saw(self, events: Sequence[Event]) -> None:
        """The inbox said this."""

    def went(self, link: str, epoch: int, number: int, *, undone: bool = False) -> None:
        """A report of ours was given to a link, or came back from it."""


class StationDesk(ABC):
    """Verbs of Station."""

    watch: Watch | None = None
    storage: StorageError | None
    _identity: Identity
    _outbox: SqliteOutbox

    @abstractmethod
    def moment(self) -> Moment:
        """Now."""

    @abstractmethod
    def _on_disk(self, work: Callable[[], T]) -> T:
        """Do it; in memory when the disk fails at it."""

    @property
    def outbox(self) -> SqliteOutbox:
        """The one that is in use now: another one after the disk failed, or returned."""
        return self._outbox

    def on_disk(self, work: Callable[[], T]) -> T:
        """Do what reads or writes the outbox; in memory when the disk fails at it."""
        return self._on_disk(work)

    def on_desk(self, work: Callable[[DeskRows], T]) -> T:
        """Do it where forms are kept now."""
        return self._on_disk(lambda: work(self._outbox.desk))

    def _commit(self, form: Form | None, submit: Callable[[], T]) -> T:
        with self._outbox.along(form):
            return submit()

    def _saw(self, events: list[Event]) -> list[Event]:
        if self.watch and events:
            self.watch.saw(events)
        return events

    def _went(self, link: str, frames: list[bytes]) -> list[bytes]:
        """Batches are leaving."""
        if self.watch:
            for frame in frames:
                for entry in wire.decode_batch(frame):
                    self._tell(link, entry.envelope)
        return frames

    def _transmits(self, frame: bytes, *, undone: bool = False) -> None:
        """A packet goes to the radio, or came back."""
        if self.watch:
            self._tell("radio", wire.decode_radio_frame(frame).envelope, undone=undone)

    def _tell(self, link: str, envelope: bytes, *, undone: bool = False) -> None:
        try:
            header = wire.parse_header(envelope)
        except WireError:  # a paper that is longer than any message
            return
        is_ours = header.address == self._identity.address and numbering_of(header.kind) is Numbering.REPORT
        if self.watch and is_ours:
            self.watch.went(link, header.epoch, header.number, undone=undone)
