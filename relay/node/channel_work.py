"""The channel of the radio when VRD changes it: a newer grant came, by MQTT or on a stick, and names another.

Only a radio that this node was set to a grant's channel before is set again by itself. What that was stands
in a small file, so that a power cut between the grant and the radio changes nothing. Whatever else differs on
a radio is told (R02, R03) and left to a person.

Afterwards the node begins anew: airtime, channel and comparison all come from the grant then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from relay.config import NodeConfig
from relay.errors import NaoberError
from relay.links.meshtastic.setting import Outcome, apply
from relay.node import radio_setting
from relay.node.radio_setting import LEASE_S, goal_of, on_channel, remember, remembered, told, where_of

if TYPE_CHECKING:
    from relay.node.radio_work import RadioWork
    from relay.node.shell import Shell
    from relay.trust.seal import Channel

LOOK_S = 2.0
RETRY_S = 120.0  # a radio that can't be set now

log = logging.getLogger("naober.node")


class ChannelWork:
    """Follows this node's grant. `anew` ends the daemon so that it begins with what is on disk."""

    def __init__(self, shell: Shell, config: NodeConfig, radio: RadioWork, anew: Callable[[], None]) -> None:
        self._shell, self._config, self._radio, self._anew = shell, config, radio, anew
        self._grant: bytes | None = None  # that was looked at
        self._retry_s = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            grant = self._shell.station.forwarder.papers.grant
            if grant != self._grant or 0 < self._retry_s <= time.monotonic():
                self._grant, self._retry_s = grant, 0.0
                await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        try:
            channel = await asyncio.to_thread(_channel, self._config)
        except NaoberError as error:
            log.error("the channel in the grant can't be read: %s", error)
            return
        last = await asyncio.to_thread(remembered, self._config)
        if channel is None or not last:
            return
        try:
            if last != told(channel):
                await self._set(channel)
        except NaoberError as error:
            self._retry_s = time.monotonic() + RETRY_S
            log.error("R03 the radio is not on the grant's channel; again in %g s: %s", RETRY_S, error)
            return
        if on_channel(self._config.radio, channel) != self._config.radio:
            self._anew()

    async def _set(self, channel: Channel) -> Outcome:
        log.warning("radio: the grant names another channel, %s", channel.name)
        await self._radio.let_go(LEASE_S)
        radio = self._config.radio
        try:
            goal = goal_of(radio, channel)
            outcome = await apply(where_of(radio), goal, patience=radio_setting.PATIENCE)
            await asyncio.to_thread(remember, self._config, channel)
        finally:
            self._radio.take_back()
        log.warning("radio: set to channel %s in %.0f s", channel.name, outcome.took_s)
        return outcome


def _channel(config: NodeConfig) -> Channel | None:
    from relay.trust import channel

    return channel.load(config)


def by_grant(config: NodeConfig) -> NodeConfig:
    """`radio_setting.by_grant` for a daemon: a grant that can't be read is logged, and node.toml counts."""
    try:
        return radio_setting.by_grant(config)
    except NaoberError as error:
        log.error("the channel in the grant can't be read: %s", error)
        return config
