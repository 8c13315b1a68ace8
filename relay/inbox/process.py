"""An inbox made from its configuration: the service, its pages and its signals."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from relay import mqtt
from relay.broker import broker_options
from relay.codes import fault
from relay.config import InboxConfig
from relay.core.message import Address, Kind
from relay.errors import Text
from relay.inbox.ingest import Outcome
from relay.inbox.pages.app import application
from relay.inbox.pages.geography import load_outline
from relay.inbox.pages.room import Post
from relay.inbox.post_work import PostWork
from relay.inbox.queries import Reader
from relay.inbox.room_work import RoomWork
from relay.inbox.service import Service, arrival
from relay.inbox.web import Pages
from relay.processes import listeners
from relay.trust import keys
from relay.trust.roster import RosterFile
from relay.web.serving import server

if TYPE_CHECKING:
    from relay.inbox.oidc import Provider

FREE_THE_PORT = Text(
    "stop dat programma, of kies een andere port in /etc/naober/inbox.toml",
    "stop that program, or choose another port in /etc/naober/inbox.toml",
)
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
    roster = RosterFile(config)
    broker = inbox_options(config, keys.address_of(keys.public_bytes(key)))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    service = Service(config, key, roster, broker)
    reader = Reader(config.inbox.state)
    room = RoomWork(config, reader, lambda: service.roster, service.health, arrival, service.line.publish)
    pages = Pages(
        reader,
        lambda: service.roster,
        arrival,
        service.health,
        service.radio_facts,
        room.room.live.for_bell,
    )
    post = PostWork(
        room.operators.notices, lambda: service.roster, service.air, service.line.say, service.line.send
    )
    service.on_taken = lambda outcome: _taken(outcome, room, post)
    room.room.post = Post(post.posted, post.step_taken, lambda: int(service.health()["epoch"]))
    post.on_had = room.look_soon
    room.room.courier = service.courier.answer
    service.courier.letters = post.by_stick
    provider = _provider_of(config)
    room.room.options = msgspec.structs.replace(room.room.options, oidc=provider is not None)
    servers = (
        server(pages.application(), config.web.host, config.web.port),
        server(
            application(room.room, load_outline(config.pages.outline), provider),
            config.pages.host,
            config.pages.port,
            _tls(config),
        ),
    )
    serving = [asyncio.create_task(_serve(each)) for each in servers]
    watching = [asyncio.create_task(room.run()), asyncio.create_task(post.run())]
    try:
        await service.run(stop)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, post.stop(), return_exceptions=True)
        await room.stop()
        for each in servers:
            each.should_exit = True
        await asyncio.gather(*serving)
        reader.close()


def _taken(outcome: Outcome, room: RoomWork, post: PostWork) -> None:
    """Intake stored something: the watch looks at reports soon, and the post hears who has what."""
    if any(header.kind != Kind.STATUS for header, _ in outcome.fresh):
        room.look_soon()
    post.took(outcome)


def _provider_of(config: InboxConfig) -> Provider | None:
    """VRD's identity provider, if there is one; without it the local login goes on. Raises KeyFileError."""
    if not config.oidc.issuer:
        return None
    secret = keys.read_private(Path(config.oidc.secret_file)).decode().strip()
    try:
        from relay.inbox.oidc import Provider
    except ImportError:
        log.error("[oidc] is set, and authlib is not installed: pip install 'naober[oidc]'")
        return None
    return Provider(config.oidc, secret)


def _tls(config: InboxConfig) -> tuple[Path, Path] | None:
    """Certificate and key of the operators' pages."""
    if not config.pages.tls:
        return None
    keys.read_private(config.pages.key)  # refuses one that others can read
    return config.pages.certificate, config.pages.key


async def _serve(web: Any) -> None:
    """The pages may fail to open; the inbox takes in messages all the same."""
    try:
        await web.serve()
    except (SystemExit, OSError) as error:
        holder = next(listeners(web.config.port), None)
        if holder is None:
            log.error("a page can't be served at port %d: %s", web.config.port, error)
            return
        told = fault("P01", port=web.config.port, by=holder, stop=FREE_THE_PORT)
        log.error("%s Do: %s", told.what.en, told.do.en)
