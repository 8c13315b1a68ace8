"""A portal that answers in the place of the internet, and our own access point that is no way out."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.errors import ConfigError
from relay.sensors.host import HostSensor
from relay.sensors.network import NetworkSensor
from relay.sensors.portal import PAGE_BYTES_MAX, parse_portal
from relay.sensors.routes import default_routes, device_with

from .trees import lay
from .wires import (
    HEAD,
    LOOPBACK_ROUTER,
    closed,
    listening,
    nameserver,
    reply,
    route_line,
    silent,
    tree,
)

GOOD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nNetworkManager is online\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
REDIRECTION = b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\nNetworkManager is online"
LOGIN = b"HTTP/1.1 200 OK\r\n\r\n<title>Welkom op de gastwifi</title>"


@contextlib.contextmanager
def web(answer: bytes, *, hangs_up: bool = True) -> Iterator[tuple[int, list[bytes]]]:
    """Whoever answers on a port; gives it and what was asked there."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as open_ones:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    asked.append(connection.recv(4096))
                    with contextlib.suppress(OSError):
                        connection.sendall(answer)
                    if hangs_up:
                        connection.close()
                    else:
                        open_ones.enter_context(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def internet(root: Path, url: str, expect: str, *probes: str, dns_port: int = 9) -> object:
    """What a sensor says of the internet when it asks for this page."""
    with closed() as router:
        sensor = NetworkSensor(
            probes=probes,
            portal_url=url,
            portal_expect=expect,
            root=tree(root, route_line("lo", LOOPBACK_ROUTER), resolv="nameserver 127.0.0.1\n"),
            router_port=router,
            dns_port=dns_port,
            wait_s=0.5,
        )
        sensor.read()
        return sensor.read().get("internet")


@pytest.mark.parametrize(
    ("answer", "expect", "grade"),
    [
        (GOOD, "NetworkManager is online", "works"),
        (EMPTY, "", "works"),
        (REDIRECTION, "NetworkManager is online", "limited"),
        (REDIRECTION, "", "limited"),
        (LOGIN, "NetworkManager is online", "limited"),
        (LOGIN, "", "limited"),
        (GOOD, "", "limited"),
        (b"", "", "limited"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n 204 ", "", "limited"),
        (b"HTTP/1.1 204", "", "limited"),
        (b"HTTP/1.1\r\n\r\n", "", "limited"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2 * PAGE_BYTES_MAX + b"online", "online", "limited"),
    ],
)
def test_only_the_page_itself_proves_the_internet(
    tmp_path: Path, answer: bytes, expect: str, grade: str
) -> None:
    with web(answer) as (port, asked):
        # the portal accepts a connection to anything, as portals do
        probe = f"127.0.0.1:{port}"
        assert internet(tmp_path, f"http://127.0.0.1:{port}/check?a=b", expect, probe) == grade
    assert asked[0].startswith(b"GET /check?a=b HTTP/1.1\r\nHost: 127.0.0.1\r\n")


def test_a_page_that_comes_proves_the_internet_where_probes_are_blocked(tmp_path: Path) -> None:
    with web(EMPTY) as (port, _), closed() as blocked:
        assert internet(tmp_path, f"http://127.0.0.1:{port}", "", f"127.0.0.1:{blocked}") == "works"


def test_a_server_that_holds_the_line_is_not_waited_for(tmp_path: Path) -> None:
    with web(EMPTY, hangs_up=False) as (port, _):
        began_s = time.monotonic()
        assert internet(tmp_path, f"http://127.0.0.1:{port}", "") == "works"
        assert time.monotonic() - began_s < 2
    with web(LOGIN, hangs_up=False) as (port, _), silent() as hushed:
        began_s = time.monotonic()
        assert internet(tmp_path, f"http://127.0.0.1:{port}", "") == "limited"
        assert internet(tmp_path, f"http://127.0.0.1:{hushed}", "") == "limited"
        assert time.monotonic() - began_s < 5


def test_a_name_is_asked_for_only_where_a_nameserver_answers(tmp_path: Path) -> None:
    with web(EMPTY) as (port, _):
        began_s = time.monotonic()
        assert internet(tmp_path, f"http://localhost:{port}", "") == "limited"  # nobody on the DNS port
        assert time.monotonic() - began_s < 3
        with nameserver(lambda query: [reply(query, 0)]) as (dns, queries):
            assert internet(tmp_path, f"http://localhost:{port}", "", dns_port=dns) == "works"
        assert b"\x09localhost\x00" in queries[0]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/",
        "a.example/check",
        "http:///check",
        "http://a.example:http/",
        "http://a.example:99999/",
        "http://a b.example/",
        "http://a.example/ x\r\nHost: b",
        "http://" + "a" * 64 + ".example/",
    ],
)
def test_an_address_that_can_t_be_asked_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_portal(url, "")


OWN = "wlan0\t00002A0A\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n"  # 10.42.0.0/24
WIRED = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0\n"


def test_our_own_access_point_is_no_way_out(tmp_path: Path) -> None:
    table = HEAD + route_line("wlan0", "10.42.0.7", metric=600) + OWN + WIRED
    root = lay(tmp_path, {"proc/net/route": table, "proc/net/arp": "", "etc/resolv.conf": ""})
    assert device_with(root, "10.42.0.1") == "wlan0"
    assert device_with(root, "192.168.9.9") == "eth0"
    assert device_with(root, "172.16.0.1") is None and device_with(root, "") is None
    assert [route.device for route in default_routes(root) or []] == ["wlan0"]
    with listening() as probe:
        passive = NetworkSensor(root=root, own_wifi="10.42.0.1", active=False, probes=[f"127.0.0.1:{probe}"])
        passive.read()
        assert passive.read() == {"router": "out", "internet": "out"}
    # nor does it count among the networks of this machine
    lay(root, {"sys/class/net/wlan0/operstate": "up", "sys/class/net/eth0/operstate": "up"})
    assert HostSensor(root=root).read()["interfaces_up"] == 2
    assert HostSensor(root=root, own_wifi="10.42.0.1").read()["interfaces_up"] == 1
