"""What any radio link must tell beyond a Link: how it stands, what it is set to, and how a frame was heard.

Meshtastic is one kind of radio; a second kind implements `RadioLink` and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from relay.errors import Text
from relay.links.base import Changed


class HeardFrame(msgspec.Struct, frozen=True):
    """One frame from the air. All but the payload are hints of the radio's, and prove nothing."""

    payload: bytes
    sender: int  # node number: not an identity, it may change
    snr_db: float
    hops: int | None  # how many radios relayed it; None when the packet does not tell
    hop_limit: int  # how often it would still be relayed; 0: it ends here
    rx_unix_s: int | None  # the radio's clock, which may come from anybody


class Difference(msgspec.Struct, frozen=True):
    """Something that the radio has set otherwise than it should; one line for the technician."""

    code: str  # the spoken code
    setting: str  # stable name of what differs
    what: Text
    do: Text
    withholds: bool  # nothing is transmitted as long as it differs


class RadioFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the radio says of itself. Empty texts, 0 and None mean: not known."""

    node_number: int = 0
    firmware: str = ""
    model: str = ""  # of the board, as its firmware calls it
    region: str = ""
    preset: str = ""  # "custom" when it uses none
    role: str = ""
    rebroadcast: str = ""  # which packets it relays for others
    hop_limit: int = 0  # of its own packets
    transmits: bool = True
    ignores_duty_cycle: bool = False
    own_frequency: bool = False  # it left the channel that goes by its region and preset
    managed: bool = False  # it takes no settings from us
    channel_name: str = ""
    channel_hash: int | None = None  # the byte that its packets carry
    channel_key: str = ""  # fingerprint of the channel's key, 16 hex digits
    beacons: tuple[str, ...] = ()  # what it sends by itself more often than it must
    differences: tuple[Difference, ...] = ()

    queue_free: int | None = None
    queue_size: int | None = None
    air_util_tx_pct: float | None = None  # its own transmissions in the last hour, relays included
    channel_utilization_pct: float | None = None
    uptime_s: int | None = None
    measured_s: float | None = None  # event loop time of those last three

    last_heard_s: float | None = None  # event loop time of the last frame of ours
    last_snr_db: float | None = None
    last_hops: int | None = None
    neighbours: int = 0  # radios heard directly within the last two hours
    unreadable: int = 0  # packets of other channels or keys within the last hour
    implicit_acks: int = 0  # since the start; hints only: strangers send them
    false_naks: int = 0  # since the start: "not delivered", which is often untrue
    queue_waits: int = 0  # since the start: how often a packet stayed in the radio's queue for long
    notification: str = ""  # the last thing the radio wanted its user to read
    payload_bytes_max: int = 0


HeardCall: TypeAlias = Callable[[HeardFrame], None]

# Codes of LinkError after which nothing was transmitted, nor will be: the airtime can be given back.
NOT_TRANSMITTED = frozenset({"too_large", "duty_cycle", "withheld", "busy", "not_connected"})


class RadioLink(Protocol):
    """A Link whose frames come from the air."""

    @property
    def radio(self) -> RadioFacts:
        """The newest facts."""

    async def run(self, heard: HeardCall, changed: Changed) -> None:
        """Connects, and connects again, until cancelled. Both callbacks run in the event loop, briefly."""

    async def send(self, frame: bytes, urgency: int = 3) -> None:
        """Hands one frame to the radio, which will transmit it some time later, or not.

        Raises LinkError; with a code in NOT_TRANSMITTED it costs no airtime. Success is no receipt, and not
        even a transmission.
        """

    def room(self, urgency: int = 3) -> int:
        """How many frames of this urgency `send` would take now: 1 or 0.

        An urgent one (1 or 2) may follow while a routine one still waits in the radio's queue: it goes first.
        """
