"""What a notice is called, and what an answer to it means (docs/wire.md, "Notices").

VRD says a notice again, under a new sequence, until it knows that a site has it. So it bears a name of its
own, by which a site knows it for the same, and by which answers refer to it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from relay.core.fields import Value
from relay.core.message import Notice

HANDLED = "handled"  # of the values of `notice`: how far VRD is with reports of the site
EXERCISE = "exercise"  # likewise: an exercise begins, or is over
ANSWERS_SEPARATOR = "|"
ANSWERS_MIN, ANSWERS_MAX = 2, 4  # buttons of a question
READ = 0  # an answer: a person has read it
DONE, CANNOT = 1, 2  # answers to an order; to a question 1 is its first button
RUN_MAX = 64  # reports that one notice of handling names


class KeptNotice(msgspec.Struct, frozen=True, kw_only=True):
    """One as a node keeps it: under its name, or under the reports that it is about."""

    handled: bool
    epoch: int
    number: int
    last: int  # of a run of reports; else the same as `number`
    said: tuple[int, int]  # inbox epoch and sequence: of two about one report the newer counts
    boot: int
    elapsed_s: int  # when it was heard, as in a Row
    envelope: bytes


def kept_form(notice: Notice, envelope: bytes, boot: int, elapsed_s: float) -> KeptNotice:
    """`notice` as it is kept; one that bears no name is called after its header."""
    header, values = notice.header, notice.values
    epoch = _whole(values, "about_epoch", header.epoch)
    number = _whole(values, "about_number", header.number)
    handled = values.get("notice") == HANDLED
    last = _whole(values, "about_last", number) if handled else number
    return KeptNotice(
        handled=handled,
        epoch=epoch,
        number=number,
        last=min(max(number, last), number + RUN_MAX - 1),
        said=(header.epoch, header.number),
        boot=boot,
        elapsed_s=int(elapsed_s),
        envelope=envelope,
    )


def buttons(values: Mapping[str, Value]) -> list[str]:
    """The answers that a question offers, in the order of their numbers from 1."""
    offered = str(values.get("answers", "")).split(ANSWERS_SEPARATOR)
    return [each for each in offered if each][:ANSWERS_MAX]


def _whole(values: Mapping[str, Value], name: str, otherwise: int) -> int:
    value = values.get(name)
    return value if isinstance(value, int) else otherwise
