"""What the forwarder tells its shell: for logs, for `naober status`, for the site's page."""

from __future__ import annotations

import msgspec

from relay.core.message import Address, Notice, Numbering


class Receipted(msgspec.Struct, frozen=True):
    """The inbox vouches for messages that it did not vouch for before."""

    link: str
    numbering: Numbering
    first: int
    last: int
    said_s: int | None = None  # the inbox's time in that receipt (unix), if it knew it


class Proven(msgspec.Struct, frozen=True):
    """A hello was answered: the way to the inbox and back works on this link."""

    link: str
    round_trip_s: float


class InboxChanged(msgspec.Struct, frozen=True):
    """A newer inbox epoch: what it holds replaces what was believed."""

    epoch: int
    forgotten: int  # messages that were receipted and must be sent again


class EpochRaised(msgspec.Struct, frozen=True):
    """This card is an old image, or a second one with its key is alive; reports were issued again."""

    epoch: int
    reason: str
    reissued: int


class RaiseWithheld(msgspec.Struct, frozen=True):
    """The epoch should have been raised, but was raised too often of late: two cards at war."""

    reason: str


class RosterChanged(msgspec.Struct, frozen=True):
    """A paper of an authority that was not known here."""

    version: int


class InboxDistrusted(msgspec.Struct, frozen=True):
    """The inbox key that was believed counts no more: its receipts are void."""

    forgotten: int  # messages that it had receipted and that must be sent again


class Dismissed(msgspec.Struct, frozen=True):
    """This node's own key was revoked: it keeps its messages and sends nothing more."""

    reason: str


class NoticeHeard(msgspec.Struct, frozen=True):
    """VRD says something to this site, or to all."""

    notice: Notice


class TestAnswered(msgspec.Struct, frozen=True):
    """A receipt that covers a test message was heard by the link that the message is bound to."""

    link: str
    number: int
    waited_s: float


class TookOver(msgspec.Struct, frozen=True):
    """MQTT has failed for long enough: the radio carries what matters."""

    reason: str  # broker: it can't be reached; inbox: it is silent behind a broker that answers


class GaveBack(msgspec.Struct, frozen=True):
    """MQTT works again and carries everything."""


class MessageHeard(msgspec.Struct, frozen=True):
    """A message of another site came by radio. Nobody has verified it."""

    address: Address
    kind: int
    urgency: int
    hops: int | None
    snr_db: float


class Junk(msgspec.Struct, frozen=True):
    """Something arrived that was not from our inbox, or not what it claims to be."""

    link: str
    reason: str


Event = (
    Receipted
    | Proven
    | InboxChanged
    | EpochRaised
    | RaiseWithheld
    | RosterChanged
    | InboxDistrusted
    | Dismissed
    | NoticeHeard
    | TestAnswered
    | TookOver
    | GaveBack
    | MessageHeard
    | Junk
)
