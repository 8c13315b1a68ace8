"""An inbox made from its configuration: the service, its pages and its signals."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import sys
from typing import Any

from relay import mqtt
from relay.broker import broker_options
from relay.config import InboxConfig
from relay.core.message import Address
from relay.errors import ConfigError
from relay.inbox.queries import Reader
from relay.inbox.service import Service, arrival
from relay.inbox.web import Pages, server
from relay.trust import keys
from relay.trust.roster import RosterFile

RECEIVE_MAX = 24  # frames that the broker may have with us unacknowledged
SEND_WINDOW = 64
SWITCH_INTERVAL_S = 0.0005  # a thread that has verified a signature waits no longer for its next (not 5 ms)

log = logging.getLogger("naober.inbox")


def inbox_options(config: InboxConfig, address: Address) -> mqtt.Options:
    """How the inbox reaches its broker; raises ConfigError or KeyFileError."""
    return broker_options(
        config.mqtt,
        client_id=f"inbox-{address.hex()}-{random.SystemRandom().randrange(16**8):08x}",
        send_window=SEND_WINDOW,
        receive_max=RECEIVE_MAX,
        will=mqtt.Will(mqtt.topic("inbox"), b""),
    )


async def main(config: InboxConfig) -> None:
    """Run an inbox until SIGTERM or SIGINT; raises NaoberError when it can't be started."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    key = keys.load(config.signing_key)
    roster = RosterFile(config.inbox.roster)
    if roster.roster.network_id != config.network_id:
        raise ConfigError(f"{config.inbox.roster}: network_id is not that of the inbox")
    broker = inbox_options(config, keys.address_of(keys.public_bytes(key)))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    service = Service(config, key, roster, broker)
    reader = Reader(config.inbox.state)
    pages = Pages(reader, lambda: service.roster, arrival, service.health, service.radio_facts)
    web = server(pages.application(), config.web.host, config.web.port)
    serving = asyncio.create_task(_serve(web))
    try:
        await service.run(stop)
    finally:
        web.should_exit = True
        await serving
        reader.close()


async def _serve(web: Any) -> None:
    """The pages may fail to open; the inbox takes in messages all the same."""
    try:
        await web.serve()
    except (SystemExit, OSError) as error:
        log.error("the JSON page can't be served: %s", error)
