"""What the desk tells a page: plain values, ages instead of times, nothing that is not verified.

Ages are seconds and come from the node's running time, so they hold without a clock. Times are unix seconds
and are VRD's: there are none where the inbox's time is not known. Source: experience.md, section 2.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

import msgspec

from relay.core.fields import Value

Link = Literal["mqtt", "radio", "courier", ""]
BandState = Literal["heard", "under_way", "unconfirmed", "no_storage"]
MessageKind = Literal["report", "request", "offer", "withdrawal", "answer", "situation"]


class Step(IntEnum):
    """How far a message is: the four dots. RECEIVED and READ only after a verified receipt or notice."""

    KEPT = 1
    UNDER_WAY = 2
    RECEIVED = 3
    READ = 4


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Whether VRD hears this site, as the page says it on top."""

    state: BandState
    heard_age_s: int | None = None  # since the last verified receipt that names this node; None: never
    link: Link = ""  # by which that came
    usual_min: tuple[int, int] | None = None  # how long a confirmation usually takes on the link in use
    waiting: int = 0  # messages of people without a receipt, those on hold included
    oldest_age_s: int | None = None  # of the oldest of them
    storage_code: str = "ok"  # why nothing can be kept, as in `naober status`


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """The first receipt that covers a message."""

    age_s: int | None  # since it came; None: before a restart that no clock bridges
    time_s: int | None  # VRD's time in it (unix)
    link: Link


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """What VRD said of a message, by a signed notice."""

    state: str  # seen, handled, forwarded, resolved, reopened
    text: str  # VRD's short answer, or the team; may be empty
    age_s: int | None
    time_s: int | None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a person, from "Bewaard" on."""

    id: str  # of its form; of one that was sent otherwise: "<epoch>-<number>"
    kind: MessageKind
    values: dict[str, Value]  # parts put together again: `text` is whole
    urgency: int
    exercise: bool
    step: Step
    age_s: int | None  # since it was kept
    hold_s: int = 0  # > 0: it can be undone for so long, and is not under way before
    undone: bool = False  # it was undone in time and will never be sent
    expired: bool = False  # given up for want of room
    safe: bool = True  # False: in memory only, a power cut takes it
    sent_count: int | None = None  # tries so far; None: not known (before a restart)
    sent_age_s: int | None = None  # since the last
    sent_link: Link = ""
    received: Received | None = None
    handling: Handling | None = None
    withdrawn_age_s: int | None = None  # since its withdrawal was kept
    withdrawn: bool = False
    withdrawal_received: bool = False


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One value of the site, measured or entered."""

    value: Value
    age_s: int
    entered: bool  # by a person; else measured


class VrdNotice(msgspec.Struct, frozen=True, kw_only=True):
    """One message from VRD."""

    number: int
    kind: str  # order, information, question, time
    text: str
    urgency: int
    exercise: bool
    answers: tuple[str, ...]  # buttons of a question
    age_s: int | None
    time_s: int | None  # when VRD said it (unix)
    seen: bool
    answer: int | None  # that was given here: 0 read, 1.. as the buttons; an order: 1 done, 2 can't be done
    replaces: int | None = None  # the number of the one that it stands for now, as far as it was heard
    replaced_by: int | None = None


class Exercise(msgspec.Struct, frozen=True, kw_only=True):
    """An exercise that runs."""

    name: str
    left_s: int
    until_s: int | None  # unix, where the time is known


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """All that the first screen shows."""

    site: str
    address: str  # 3f9a-21c4
    time_s: int | None  # now (unix), where a good clock or the inbox tells it
    band: Band
    exercise: Exercise | None
    unread: int
    newest_unread: VrdNotice | None
    entered: dict[str, Known]  # what a person entered, by field name
    entered_age_s: int | None  # since anything of it was last entered or confirmed
    sent: tuple[Sent, ...]  # the newest first, a few
    sent_total: int
    emergency: Sent | None  # an emergency without a receipt for over ten minutes
    drafts: tuple[str, ...]  # names of drafts of whoever asks
    radio_trouble: str  # a spoken code (R01..R04), or empty
    revoked: bool  # the key of this node was revoked


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a form that was posted."""

    sent: Sent | None  # None: values of the site, which go along in the next status
    repeated: bool = False  # this form was posted before: nothing was done, `sent` is what came of it then
    safe: bool = True
    elsewhere: dict[str, Known] = {}  # fields that another device changed since the form was shown
