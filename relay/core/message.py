"""What is said: kinds of message, their urgency, and the two ways in which they are numbered."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from relay.core.fields import Unknown, Value

Address = bytes  # first 4 bytes of SHA-256 of a public key: a look-up, never a proof
ADDRESS_BYTES = 4
NETWORK_BYTES = 8
AGE_S_MAX = 2**32 - 1


class Kind(IntEnum):
    """The kinds of envelope. Numbers are never reused; 24-27 are for experiments."""

    STATUS = 0
    REPORT = 1
    REQUEST = 2
    OFFER = 3
    SITUATION = 4
    WITHDRAWAL = 5
    ANSWER = 6
    GAP = 7
    HELLO = 8
    RECEIPT = 9
    HISTORY = 10  # a receipt for runs of numbers, over MQTT and courier
    NOTICE = 11
    GRANT = 12  # from here on kept for what enrolment brings
    ROSTER_CHANGE = 13
    ENROLMENT_REQUEST = 14
    TEST = 15
    RELEASE = 16  # an upgrade that an authority lets in; in bundles only


class Numbering(IntEnum):
    """Two numberings per epoch, each from 1 up and never with a number twice."""

    REPORT = 0  # all must arrive, without gaps
    STATE = 1  # only the newest matters


_REPORT_KINDS = frozenset(
    (
        Kind.REPORT,
        Kind.REQUEST,
        Kind.OFFER,
        Kind.SITUATION,
        Kind.WITHDRAWAL,
        Kind.ANSWER,
        Kind.GAP,
        Kind.TEST,
    )
)
_INBOX_KINDS = frozenset((Kind.RECEIPT, Kind.HISTORY, Kind.NOTICE))


def numbering_of(kind: int) -> Numbering | None:
    """The numbering that `kind` counts in; None for what a node says but does not keep (hello)."""
    if kind == Kind.STATUS:
        return Numbering.STATE
    return Numbering.REPORT if kind in _REPORT_KINDS else None


def is_from_inbox(kind: int) -> bool:
    """Whether only an inbox signs this kind."""
    return kind in _INBOX_KINDS


class Urgency(IntEnum):
    """1 is the most urgent, as on the screens."""

    EMERGENCY = 1
    URGENT = 2
    ROUTINE = 3
    INFORMATION = 4


class Clock(IntEnum):
    """Where a time comes from; NONE means that the time is a running time."""

    NONE = 0
    INBOX = 1
    GPS = 2
    NTP = 3


class Confidence(IntEnum):
    """How sure the sender is."""

    MEASURED = 0
    CONFIRMED = 1
    UNCONFIRMED = 2


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A message before it has a number, a time and a signature."""

    kind: Kind
    values: dict[str, Value]
    urgency: Urgency = Urgency.ROUTINE
    confidence: Confidence = Confidence.UNCONFIRMED
    exercise: bool = False
    next_due_min: float = 0.0  # status only: when the next is due


class Moment(msgspec.Struct, frozen=True):
    """Now, as the shell reads it. The core never reads a clock of its own.

    `elapsed_s` is for how long this node has run in all its life: it never goes back, and time without
    power counts as zero. `boot` tells two runs of the machine apart. `unix_s` is worth what `clock` says.
    """

    elapsed_s: float
    boot: int = 0
    unix_s: float = 0.0
    clock: Clock = Clock.NONE


class Header(msgspec.Struct, frozen=True):
    """The first part of an envelope, the same for every kind."""

    kind: int
    address: Address
    urgency: int
    clock: int
    confidence: int
    exercise: bool
    sealed: bool
    epoch: int
    number: int
    time: int  # s since 2025-01-01 UTC; when clock is NONE, s that the node has run in its life
    payload_at: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded status, report, request, offer, ...; `unknown` holds what a later version added."""

    header: Header
    values: dict[str, Value]
    unknown: Unknown = {}
    report_low: int = 0  # status only: low byte of the node's last report number
    next_due_min: float = 0.0  # status only
    inbox_low: int = 0  # status only: low byte of the newest inbox sequence heard


class Hello(msgspec.Struct, frozen=True):
    """Asks the inbox for proof that it is there; header.number is the last report written."""

    header: Header
    nonce: bytes
    last_state: int
    inbox_epoch: int  # of the newest notice seen
    notice: int
    roster: int


class ReceiptEntry(msgspec.Struct, frozen=True):
    """What the inbox holds of one epoch of one node."""

    address: Address
    epoch: int
    upto: int  # reports 1..upto are held or known to be given up
    bitmap: int  # bit i: report upto + 2 + i is held
    state: int  # newest status held; 0 for none
    check: bytes  # over the signatures of the newest report and newest status vouched for


class Receipt(msgspec.Struct, frozen=True):
    """The inbox's "I hold"; header.epoch and header.number are the inbox's epoch and sequence."""

    header: Header
    nonce: bytes  # echoed from a hello; empty otherwise
    advised_min: float  # status interval by radio; 0 for no advice
    entries: tuple[ReceiptEntry, ...]


class History(msgspec.Struct, frozen=True):
    """The inbox holds all numbers of `runs`; of those between it says nothing."""

    header: Header
    address: Address
    epoch: int
    numbering: Numbering
    runs: tuple[tuple[int, int], ...]
    check: bytes  # over the signature of the last number of each run


class Notice(msgspec.Struct, frozen=True):
    """A message from VRD; to every site when `to` is empty."""

    header: Header
    to: tuple[Address, ...]
    values: dict[str, Value]
    unknown: Unknown = {}


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """How a relayed envelope was heard."""

    link: Annotated[str, msgspec.Meta(max_length=16)]
    snr_db: Annotated[int, msgspec.Meta(ge=-128, le=127)]
    hops: Annotated[int, msgspec.Meta(ge=0, le=255)]


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One envelope in a batch: its age in seconds (None: not known) and, if relayed, how it was heard."""

    envelope: bytes
    age_s: Annotated[int, msgspec.Meta(ge=0, le=AGE_S_MAX)] | None = None
    heard: Heard | None = None
