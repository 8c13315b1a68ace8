"""Getting in, or being told why not: a real Mosquitto with the shipped configuration."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from pathlib import Path

import pytest

from relay import mqtt
from relay.cli.ports import free_port
from relay.errors import ConfigError
from relay.mqtt import Options, topic
from relay.mqtt.dial import Tap, dial
from relay.mqtt.errors import explain
from relay.trust import certificates
from tests.mqtt.conftest import NODE
from tests.support.broker import Mosquitto
from tests.support.certs import Authority
from tests.support.clients import DEADLINE_S, change, fails, ignore, opening_fails, until
from tests.support.proxy import Proxy

UP = topic("up", NODE)


def test_a_certificate_of_another_authority_is_refused_with_a_code(
    node: Options, authority: Authority, tmp_path: Path
) -> None:
    pair = Authority(tmp_path / "stranger").client(NODE)
    strange = certificates.client_context(authority.ca_file, pair.cert, pair.key)
    error = asyncio.run(opening_fails(change(node, tls=strange)))
    assert error.code == "certificate_refused"
    assert "UNKNOWN_CA" in error.what.nl


def test_the_brokers_reason_is_heard_even_when_it_hung_up_before_we_spoke(
    broker: Mosquitto, node: Options, authority: Authority, tmp_path: Path
) -> None:
    pair = Authority(tmp_path / "stranger").client(NODE)
    strange = certificates.client_context(authority.ca_file, pair.cert, pair.key)

    async def run() -> None:
        tap = Tap(await dial(node.host, node.port, strange, DEADLINE_S))
        await until(lambda: "certificate verify failed" in broker.log())
        with pytest.raises(OSError):
            for _ in range(1000):
                tap.send(b"CONNECT")
                await asyncio.sleep(0.001)
        tap.close()
        assert explain(tap.failure, node.host).code == "certificate_refused"

    asyncio.run(run())


def test_no_certificate_is_refused_with_a_code(node: Options, authority: Authority) -> None:
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.load_verify_locations(authority.ca_file)
    error = asyncio.run(opening_fails(change(node, tls=bare)))
    assert error.code == "certificate_refused"
    assert "CERTIFICATE_REQUIRED" in error.what.nl


def test_a_broker_that_we_do_not_trust_is_refused_by_chain_name_and_pin(
    node: Options, authority: Authority, tmp_path: Path
) -> None:
    strange = Authority(tmp_path / "stranger").context(NODE)
    assert asyncio.run(opening_fails(change(node, tls=strange))).code == "certificate"
    assert asyncio.run(opening_fails(change(node, host="127.0.0.2"))).code == "refused"  # only .1 listens
    pinned = change(node, tls=authority.context(NODE, pins=("00" * 32,)))
    error = asyncio.run(opening_fails(pinned))
    assert error.code == "N05"
    assert "verwacht 0000.., kreeg " in error.what.nl


def test_a_broker_under_another_name_is_refused(authority: Authority, tmp_path: Path) -> None:
    server = authority.server("mqtt.example")
    with Mosquitto(tmp_path / "named", authority, server=server) as broker:
        options = Options(host="localhost", port=broker.port, client_id="x", tls=authority.context(NODE))
        assert asyncio.run(opening_fails(options)).code == "certificate"


def test_a_clients_name_that_the_broker_must_not_take_is_not_authorised(node: Options) -> None:
    assert asyncio.run(opening_fails(change(node, client_id=""))).code == "not_authorised"


def test_what_cannot_be_reached_is_told_apart(node: Options) -> None:
    assert asyncio.run(opening_fails(change(node, port=free_port()))).code == "refused"
    assert asyncio.run(opening_fails(change(node, host="no..name"))).code == "dns"
    with socket.create_server(("127.0.0.1", 0)) as full:
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # the only place in its queue
            late = change(node, port=port, connect_timeout_s=0.3)
            assert asyncio.run(opening_fails(late)).code in {"unreachable", "silent"}


def test_a_port_without_tls_is_told_apart(node: Options) -> None:
    async def run() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 some other service\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert (await opening_fails(change(node, port=port))).code == "tls"
        server.close()

    asyncio.run(run())


def test_a_broker_that_accepts_and_says_nothing_is_silent_while_the_loop_runs_on(
    broker: Mosquitto, node: Options
) -> None:
    async def run() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.01)

        counter = asyncio.create_task(count())
        broker.pause()
        before = time.monotonic()
        assert (await opening_fails(change(node, connect_timeout_s=0.5))).code == "silent"
        assert time.monotonic() - before < 2
        assert turns > 20
        counter.cancel()

    asyncio.run(run())


def test_a_silence_after_the_handshake_is_found_by_the_connect_timeout(
    broker: Mosquitto, node: Options
) -> None:
    async def run(proxy: Proxy) -> None:
        connection = await mqtt.open(change(node, port=proxy.port), ignore)
        proxy.hole()
        waiting = asyncio.create_task(connection.publish(UP, b"swallowed"))
        assert (await opening_fails(change(node, port=proxy.port, connect_timeout_s=0.3))).code == "silent"
        assert not waiting.done()
        proxy.cut()
        assert (await fails(waiting)).code == "lost"

    with Proxy(broker.port) as proxy:
        asyncio.run(run(proxy))


@pytest.mark.parametrize("turns", range(5))
def test_a_cancel_that_comes_together_with_a_refusal_is_not_lost(turns: int) -> None:
    async def run() -> None:
        asked, refuse = asyncio.Event(), asyncio.Event()

        async def connect(sock: socket.socket, address: object) -> None:
            asked.set()
            await refuse.wait()
            raise ConnectionRefusedError

        asyncio.get_running_loop().sock_connect = connect  # type: ignore[method-assign]
        dialling = asyncio.create_task(dial("127.0.0.1", 1, None, DEADLINE_S))
        await asked.wait()
        refuse.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled = dialling.cancel()
        await asyncio.wait([dialling])
        assert dialling.cancelled() == cancelled

    asyncio.run(run())


@pytest.mark.parametrize("host", ["mqtt.vrd.lan", "10.0.0.1", "::2", "localhost.example"])
def test_without_tls_only_this_machine_itself_may_be_the_broker(host: str) -> None:
    with pytest.raises(ConfigError, match="TLS"):
        Options(host=host, port=1883, client_id="x")


def test_topics_are_made_and_taken_apart_alike() -> None:
    assert (topic("up", NODE), topic("roster")) == ("naober/1/up/0a1b2c3d", "naober/1/roster")
    for kind, address in [("up", NODE), ("down", NODE), ("air", NODE), ("roster", ""), ("inbox", "")]:
        assert mqtt.split_topic(topic(kind, address)) == (kind, address)
    assert mqtt.split_topic("naober/2/up/0a1b2c3d") == ("", "")
