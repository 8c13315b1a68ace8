"""Setting this node's radio: what it must be set to, and how to get it while the service holds it.

A running service lets go of the radio for the time, so `naober radio set` just works beside it. It takes the
radio back when told to, and by itself when whoever borrowed it never came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from relay import files
from relay.config import NodeConfig, RadioSection
from relay.errors import LinkError, Text
from relay.links.meshtastic.admin import Goal
from relay.links.meshtastic.setting import Outcome, Patience, Tell, apply, read
from relay.links.meshtastic.settings import Wanted, fingerprint
from relay.links.meshtastic.where import Where
from relay.links.radio import RadioFacts
from relay.node import control

if TYPE_CHECKING:
    from relay.trust.seal import Channel

FILE = "radio-channel"  # in the state folder: what the radio was set to by the last grant
FILE_BYTES_MAX = 256
LEASE_S = 300  # longer than any setting takes
PATIENCE = Patience()

BENCH = Text("geen toelating: het kanaal blijft zoals het is", "no grant: the channel stays as it is")


def where_of(radio: RadioSection) -> Where:
    """The radio that node.toml names."""
    return Where(radio.device, radio.host or "127.0.0.1", radio.port)


def goal_of(radio: RadioSection, channel: Channel | None) -> Goal:
    """What to set: by the grant's channel, or by node.toml alone, which knows the key's fingerprint only."""
    if channel is None:
        return Goal(wanted=wanted_of(radio))
    return Goal(wanted=wanted_of(on_channel(radio, channel)), key=channel.key)


def wanted_of(radio: RadioSection) -> Wanted:
    """How node.toml says that the radio must be set."""
    return Wanted(
        region=radio.region,
        preset=radio.preset,
        hop_limit=radio.hop_limit,
        channel_name=radio.channel_name,
        channel_key=radio.channel_key,
    )


def set_radio(
    config: NodeConfig,
    channel: Channel | None,
    tell: Tell,
    *,
    where: Where | None = None,
) -> Outcome:
    """Sets the radio of `config`, or the one at `where`, and compares it; blocks for half a minute.

    Without a channel (from the grant: `trust.channel.load`) everything but the channel is set. Raises
    LinkError with a line for the technician; the radio is then as it was, or partly set: doing it again is
    always right.
    """
    if channel is None:
        tell(BENCH)
    with lent(config.node.state):
        goal = goal_of(config.radio, channel)
        outcome = asyncio.run(apply(where or where_of(config.radio), goal, tell, PATIENCE))
        if channel is not None:
            remember(config, channel)
        return outcome


def look(config: NodeConfig, where: Where | None = None) -> RadioFacts:
    """What the radio is set to, and where that differs; changes nothing. Asks the service if it runs.

    Raises LinkError when there is no radio to be asked.
    """
    answer = None
    if where is None:
        with suppress(control.NotRunning):
            answer = control.ask(config.node.state, {"verb": "radio"})
    if answer and answer["facts"]:
        facts = msgspec.convert(answer["facts"], RadioFacts)
        if not answer["connected"]:
            raise LinkError(Text(*answer["what"]), Text(*answer["do"]), code=answer["code"])
        return facts
    return asyncio.run(read(where or where_of(config.radio), wanted_of(config.radio), PATIENCE))


@contextmanager
def lent(state: Path) -> Iterator[None]:
    """The radio, without the service that may hold it."""
    try:
        held = bool(_ask(state, "radio_let_go", seconds=LEASE_S)["held"])
    except control.NotRunning:
        held = False
    try:
        yield
    finally:
        if held:
            _take_back(state)


def _take_back(state: Path) -> None:
    with suppress(control.NotRunning):  # it was stopped meanwhile
        _ask(state, "radio_take_back")


def _ask(state: Path, verb: str, **more: Any) -> dict[str, Any]:
    return control.ask(state, {"verb": verb, **more})


def by_grant(config: NodeConfig) -> NodeConfig:
    """`config` with the radio's channel as the newest grant has it: node.toml tells of the first one.

    Raises NaoberError for a grant that can't be read.
    """
    if not config.radio.is_configured or not config.authority_keys:
        return config
    from relay.trust import channel

    found = channel.load(config)
    if found is None:
        return config
    return msgspec.structs.replace(config, radio=on_channel(config.radio, found))


def on_channel(radio: RadioSection, channel: Channel) -> RadioSection:
    """The section with this channel for its own."""
    return msgspec.structs.replace(
        radio,
        region=channel.region,
        preset=channel.preset,
        hop_limit=channel.hop_limit,
        channel_name=channel.name,
        channel_key=fingerprint(channel.key),
    )


# --- what the radio was set to ---


def told(channel: Channel) -> str:
    """A channel in one line that shows nothing of its key."""
    key = fingerprint(channel.key)
    return f"{key} {channel.region} {channel.preset} {channel.hop_limit} {channel.name}"


def remembered(config: NodeConfig) -> str:
    """What the radio was set to by a grant last; empty: never, as far as this disk knows."""
    try:
        return (config.node.state / FILE).read_bytes()[:FILE_BYTES_MAX].decode(errors="replace").strip()
    except OSError:
        return ""


def remember(config: NodeConfig, channel: Channel) -> None:
    """The radio is set to it now; raises StorageError."""
    files.replace(config.node.state / FILE, f"{told(channel)}\n".encode(), files.PRIVATE)
