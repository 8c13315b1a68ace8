"""An exercise at this node: its messages are marked, links can be cut, and all of it ends by itself.

What is going on stands in `exercise.json` (0600) beside the outbox, so a restart or a power cut ends
nothing early. Each end is kept by two measures, and the first one counts: the running time of this node,
which no clock can turn back, and where there is a clock worth believing, its time. A file that can't be
read is an exercise that has ended: never is a link held down by a fault.

VRD may order one by a notice (exercise_orders.py). Each order is obeyed once: its name stays in the file, so
what a person here ended is not begun again by a notice that is said, or played, once more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from relay.core.message import Address, Clock, Moment
from relay.core.proofs import LINKS
from relay.core.receipts import InboxView
from relay.errors import NaoberError, StorageError, Text
from relay.files import PRIVATE, replace
from relay.node.exercise_orders import Order
from relay.node.exercise_work import EXERCISE_FILE

FILE_BYTES_MAX = 4096
HOURS_MAX = 12


class End(msgspec.Struct, frozen=True):
    """When something ends: by the node's running time, and by the clock (s since 2025; 0: not known)."""

    elapsed_s: float
    time_s: int

    def left_s(self, elapsed_s: float, time_s: int) -> float:
        """Until then; 0 when it has passed."""
        left = self.elapsed_s - elapsed_s
        if self.time_s and time_s:
            left = min(left, float(self.time_s - time_s))
        return max(0.0, left)


class _State(msgspec.Struct):
    end: End | None  # None: only the order is still to be known
    cuts: dict[str, End] = {}
    order: tuple[int, int] = (0, 0)  # the name of VRD's newest that was obeyed
    title: str = ""  # as VRD calls it; empty: it was begun here
    by: str = ""  # the inbox key that said so: each counts its names by itself


class Exercise:
    """Of one node. `now` gives the moment and what the inbox said of time; on the station's thread."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / EXERCISE_FILE
        self._state = _read(self._file)

    def left_s(self, moment: Moment, inbox: InboxView) -> float:
        """How long the exercise still runs; 0 when none does.

        An end further away than any exercise lasts was counted by another outbox: it has ended.
        """
        end = self._state.end if self._state else None
        left_s = self._left(end, moment, inbox) if end else 0.0
        return left_s if left_s <= HOURS_MAX * 3600 else 0.0

    def cuts(self, moment: Moment, inbox: InboxView) -> dict[str, float]:
        """The links that are cut, and for how long still."""
        if self._state is None or not self.left_s(moment, inbox):
            return {}
        left = {link: self._left(end, moment, inbox) for link, end in self._state.cuts.items()}
        return {link: seconds for link, seconds in left.items() if seconds > 0}

    def start(self, seconds: float, moment: Moment, inbox: InboxView) -> None:
        """Begin one, or give the one that runs another end. Raises NaoberError beyond HOURS_MAX."""
        if not 0 < seconds <= HOURS_MAX * 3600:
            raise NaoberError(
                Text(f"Een oefening duurt ten hoogste {HOURS_MAX} uur", f"At most {HOURS_MAX} hours"),
                Text("Kies een eerder einde, zoals --for 4h", "Choose an earlier end, such as --for 4h"),
            )
        was = self._state or _State(None)
        runs = self.left_s(moment, inbox) > 0
        end, title = self._end(seconds, moment, inbox), was.title if runs else ""
        self._keep(msgspec.structs.replace(was, end=end, cuts=was.cuts if runs else {}, title=title))

    def obey(self, order: Order, moment: Moment, inbox: InboxView) -> bool:
        """Do what VRD says, once; False when this order, or a newer one, was obeyed before.

        One that comes so late that its exercise is over changes nothing here.
        """
        was = self._state or _State(None)
        if order.name <= was.order and was.by in ("", order.by):
            return False
        left_s = min(order.left_s(moment, inbox), HOURS_MAX * 3600.0)
        if not order.minutes:
            self._keep(_State(None, order=order.name, by=order.by))
        elif not left_s:
            self._keep(msgspec.structs.replace(was, order=order.name, by=order.by))
        else:
            cuts = was.cuts if self.left_s(moment, inbox) else {}
            end = self._end(left_s, moment, inbox)
            self._keep(_State(end, cuts, order.name, order.title, order.by))
        return True

    def forget_all_but(self, trusted: Collection[Address]) -> None:
        """A key that counts no more has ordered nothing: what it began ends, and its names bar no other."""
        was = self._state
        if was is None or not was.by or was.by in {each.hex() for each in trusted}:
            return
        self._keep(_State(None) if was.title else msgspec.structs.replace(was, order=(0, 0), by=""))

    def stop(self) -> None:
        """End it, with all cuts."""
        order = self._state.order if self._state else (0, 0)
        if order != (0, 0):
            self._keep(_State(None, order=order, by=self._state.by if self._state else ""))
            return
        self._state = None
        with contextlib.suppress(OSError):  # a card that takes no writes: it ends at its time after a restart
            self._file.unlink(missing_ok=True)

    def cut(self, link: str, seconds: float, moment: Moment, inbox: InboxView) -> None:
        """Hold `link` down; raises NaoberError when no exercise runs."""
        if link not in LINKS or seconds <= 0:
            raise NaoberError(Text(f"Onbekend: {link}", f"Unknown: {link}"), "mqtt | radio")
        left_s = self.left_s(moment, inbox)
        if self._state is None or not left_s:
            raise NaoberError(
                Text("Er loopt hier geen oefening", "No exercise is going on here"),
                "naober exercise start --for 2h",
            )
        cuts = {**self._state.cuts, link: self._end(min(seconds, left_s), moment, inbox)}
        self._keep(msgspec.structs.replace(self._state, cuts=cuts))

    def heal(self) -> None:
        """Every cut ends: a message says that it is real."""
        if self._state and self._state.cuts:
            self._keep(msgspec.structs.replace(self._state, cuts={}))

    def forget_what_ended(self, moment: Moment, inbox: InboxView) -> None:
        """Of an exercise that has ended nothing stays but the name of VRD's order."""
        if self._state and self._state.end and not self.left_s(moment, inbox):
            self.stop()

    def facts(self, moment: Moment, inbox: InboxView) -> dict[str, Any] | None:
        """For `naober status`; None while no exercise runs."""
        left_s = self.left_s(moment, inbox)
        if not left_s:
            return None
        cuts = self.cuts(moment, inbox)
        return {
            "left_s": round(left_s),
            "cuts": {link: round(seconds) for link, seconds in cuts.items()},
            "name": self._state.title if self._state else "",
        }

    def _end(self, seconds: float, moment: Moment, inbox: InboxView) -> End:
        time_s = _time_s(moment, inbox)
        return End(moment.elapsed_s + seconds, time_s + int(seconds) if time_s else 0)

    def _left(self, end: End, moment: Moment, inbox: InboxView) -> float:
        return end.left_s(moment.elapsed_s, _time_s(moment, inbox))

    def _keep(self, state: _State) -> None:
        """In memory first: a card that fails must not keep a link cut."""
        self._state = state
        try:
            replace(self._file, msgspec.json.encode(state), PRIVATE)
        except StorageError:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)


def _time_s(moment: Moment, inbox: InboxView) -> int:
    """The time in s since 2025 by the best clock there is; 0 without one."""
    time_s, clock = inbox.time(moment)
    return 0 if clock is Clock.NONE else time_s


def _read(file: Path) -> _State | None:
    try:
        return msgspec.json.decode(file.read_bytes()[:FILE_BYTES_MAX], type=_State)
    except (OSError, msgspec.MsgspecError):
        return None
