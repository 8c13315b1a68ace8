"""What VRD said to this site, for its page. Whatever is here was verified before it was kept."""

from __future__ import annotations

import contextlib

from relay.core.message import Clock, Notice
from relay.core.notices import buttons
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.errors import StorageError
from relay.node.desk.facts import VrdNotice
from relay.node.desk.progress import Now
from relay.node.desk.stamps import Stamp
from relay.node.notice_rows import NOTICES_MAX, HeardNotice
from relay.node.noticing import Name, kind_of, name_of, named, replacements, said_in
from relay.node.station import Station

PUBLIC_FACT = "public_notice"
INFORMATION = "information"  # the one kind that is for visitors' eyes


class FromVrd:
    """Of one station, on its thread."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._said: dict[Name, tuple[Name, Notice]] = {}  # decoding takes longer than reading
        self._outbox = station.outbox
        self._rows: list[HeardNotice] = []  # as they were read last
        epoch, _, number = (station.outbox.fact(PUBLIC_FACT) or "").partition(" ")
        self._public = (int(epoch), int(number)) if epoch.isdecimal() and number.isdecimal() else None

    def notices(self, now: Now) -> tuple[VrdNotice, ...]:
        """Newest first."""
        rows = self._read()
        replaced = replacements(rows, self._notice)
        return tuple(self._told(row, now, replaced) for row in rows)

    def looked(self, number: int) -> None:
        """Somebody reads it here; a disk that takes no note of it is no reason to hide it."""
        row = named(self._read(), number)
        if not row.seen:
            with contextlib.suppress(StorageError):
                self._station.notices.note_seen(row.kept.epoch, row.kept.number)

    def public(self, now: Now) -> VrdNotice | None:
        """The one that visitors are shown: never one that VRD replaced, but what stands in its place."""
        rows, shown = self._read(), self._public
        replaced = replacements(rows, self._notice)
        while shown in replaced:
            shown = replaced[shown]
        for row in rows:
            if name_of(row) == shown:
                told = self._told(row, now, replaced)
                return told if told.kind == INFORMATION else None
        return None

    def show_public(self, number: int | None) -> None:
        """Show that one to visitors, or none. Raises NaoberError where there is none of that number."""
        self._public = None
        if number is not None:
            row = named(self._read(), number)
            self._public = name_of(row)
        epoch, number = self._public or (0, 0)
        with contextlib.suppress(StorageError):
            self._station.outbox.remember({PUBLIC_FACT: f"{epoch} {number}" if epoch else ""})

    def _read(self) -> list[HeardNotice]:
        """Newest first. What is on a disk that fails comes along into memory."""
        outbox = self._station.outbox
        if outbox is not self._outbox and outbox.is_memory:
            outbox.notices.take_over(self._rows)
        self._outbox = outbox
        with contextlib.suppress(StorageError):  # the next write finds out
            self._rows = outbox.notices.notices()
        return self._rows

    def _notice(self, row: HeardNotice) -> Notice:
        name = name_of(row)
        known = self._said.get(name)
        if known is None or known[0] != row.kept.said:
            if len(self._said) >= NOTICES_MAX:
                self._said.clear()
            known = self._said[name] = (row.kept.said, said_in(row))
        return known[1]

    def _told(self, row: HeardNotice, now: Now, replaced: dict[Name, Name]) -> VrdNotice:
        notice = self._notice(row)
        header, values = notice.header, notice.values
        return VrdNotice(
            number=row.kept.number,
            kind=kind_of(values),
            text=str(values.get("text", "")),
            urgency=header.urgency,
            exercise=header.exercise,
            answers=tuple(buttons(values)),
            age_s=now.age_s(Stamp(row.kept.boot, float(row.kept.elapsed_s), 0)),
            time_s=None if header.clock == Clock.NONE else header.time + EPOCH_2025_UNIX_S,
            seen=row.seen,
            answer=row.answer,
            replaces=next((old[1] for old, new in replaced.items() if new == name_of(row)), None),
            replaced_by=replaced[name_of(row)][1] if name_of(row) in replaced else None,
        )
