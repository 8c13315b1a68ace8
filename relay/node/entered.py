"""What a person entered at this site: kept on disk, and sent in each status with its age.

One age goes with all of it (`entered_min`): that of the value that was entered longest ago, so that nothing
is ever told younger than it is. Where a sensor measures the same, its word counts. Who confirms that all is
still the same makes all of it new. What is older than two days is left out: it is not known any more. Time
without power counts by the clock where both moments had one, and as zero otherwise, as everywhere in a node.

Source: experience.md section 2 ("Hoe gaat het hier?"); domain.md ("Absent means not known").
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from relay.core.fields import ENTERED_TOO, FIELDS, LEVEL_FIELDS, Field, Value, field_named, parse
from relay.core.message import Clock, Moment
from relay.core.receipts import InboxView
from relay.errors import StorageError, Text, ValueRefused
from relay.files import PRIVATE, replace

FILE_NAME = "entered.json"
FILE_BYTES_MAX = 16 * 1024
AGE_S_MAX = 48 * 3600.0
NOTHING: Mapping[str, Value] = MappingProxyType({})
STATUS_NUMBER_MAX = 18  # fields above are of reports, or the node's own
NOT_KNOWN = ("", "?", "onbekend", "unknown")


class Entry(msgspec.Struct, frozen=True):
    """One value, and when it was entered: by the node's running time, and by a clock (0: there was none)."""

    value: Value
    elapsed_s: float
    time_s: int


class Entered:
    """Of one node; on the station's thread."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME
        self._entries = _read(self._file)

    def put(
        self,
        typed: Mapping[str, str],
        moment: Moment,
        inbox: InboxView,
        *,
        ago_min: int = 0,
        anyhow: bool = False,
    ) -> bool:
        """Take values as they were typed, `ago_min` before now; one that is "?" is not known any more.

        True: on disk. `anyhow`: they count until the power is cut when the disk does not take them. Raises
        ValueRefused before anything changes, else StorageError.
        """
        entries = dict(self._entries)
        elapsed_s, time_s = moment.elapsed_s - ago_min * 60, _time_s(moment, inbox)
        time_s = max(0, time_s - ago_min * 60)
        for name, text in typed.items():
            field = enterable(name)
            if text.strip().lower() in NOT_KNOWN:
                entries.pop(field.name, None)
            else:
                entries[field.name] = Entry(parse(field.name, text), elapsed_s, time_s)
        return self._keep(entries, anyhow=anyhow)

    def same(self, moment: Moment, inbox: InboxView, *, anyhow: bool = False) -> bool:
        """All of it still holds, as somebody who is there says; see `put`."""
        time_s = _time_s(moment, inbox)
        fresh = self._fresh(moment, inbox)
        entries = {name: Entry(each.value, moment.elapsed_s, time_s) for name, each in fresh}
        return self._keep(entries, anyhow=anyhow)

    def values(
        self, moment: Moment, inbox: InboxView, measured: Mapping[str, Value] = NOTHING
    ) -> dict[str, Value]:
        """For a status: what is known and not `measured`, how old the oldest is, which might be measured."""
        fresh = {name: each for name, each in self._fresh(moment, inbox) if name not in measured}
        if not fresh:
            return {}
        oldest_s = max(_age_s(each, moment, inbox) for each in fresh.values())
        values = {name: each.value for name, each in fresh.items()}
        values["entered_min"] = int(oldest_s // 60)
        if bits := sum(1 << at for at, name in enumerate(ENTERED_TOO) if name in fresh):
            values["entered_too"] = bits
        return values

    def facts(self, moment: Moment, inbox: InboxView) -> dict[str, Any]:
        """Each value with its age in seconds, for people at the site."""
        return {
            name: {"value": each.value, "age_s": round(_age_s(each, moment, inbox))}
            for name, each in self._fresh(moment, inbox)
        }

    def _fresh(self, moment: Moment, inbox: InboxView) -> list[tuple[str, Entry]]:
        known = self._entries.items()
        return [(name, each) for name, each in known if _age_s(each, moment, inbox) <= AGE_S_MAX]

    def _keep(self, entries: dict[str, Entry], *, anyhow: bool) -> bool:
        kept = True
        try:
            replace(self._file, msgspec.json.encode(entries), PRIVATE)
        except StorageError:
            if not anyhow:
                raise
            kept = False
        self._entries = entries
        return kept


def enterable(name: str) -> Field:
    """The field `name` when a person tells it in a status; raises ValueRefused for others."""
    field = field_named(name)
    in_status = field in LEVEL_FIELDS or (field in FIELDS and field.number <= STATUS_NUMBER_MAX)
    if not ((in_status and field.by == "person") or field.name in ENTERED_TOO):
        raise ValueRefused(
            Text(
                f"{field.nl} wordt gemeten, of hoort in een melding",
                f"{field.en} is measured, or of a report",
            ),
            Text("Meld het met: naober send report", "Tell it with: naober send report"),
        )
    return field


def _age_s(entry: Entry, moment: Moment, inbox: InboxView) -> float:
    """At least the running time since; the clock's when it says more."""
    ran_s = moment.elapsed_s - entry.elapsed_s
    if ran_s < 0:  # another outbox counted: how long ago is not known, so it is not told
        return float("inf")
    time_s = _time_s(moment, inbox)
    return max(ran_s, float(time_s - entry.time_s)) if entry.time_s and time_s else ran_s


def _time_s(moment: Moment, inbox: InboxView) -> int:
    time_s, clock = inbox.time(moment)
    return 0 if clock is Clock.NONE else time_s


def _read(file: Path) -> dict[str, Entry]:
    """What is there; nothing when it can't be read: a value that may be wrong is not known."""
    try:
        with file.open("rb") as opened:
            return msgspec.json.decode(opened.read(FILE_BYTES_MAX), type=dict[str, Entry])
    except (OSError, msgspec.DecodeError, RecursionError):
        return {}
