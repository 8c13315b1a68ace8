from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.core import fields
from relay.errors import ConfigError
from relay.sensors.base import SensorError
from relay.sensors.network import PROBES_MAX, NetworkSensor, Steady

from .wires import LOOPBACK_ROUTER, arp_line, closed, listening, nameserver, reply, route_line, silent, tree


def settled(sensor: NetworkSensor) -> dict[str, int | str]:
    """What it says once failures are confirmed."""
    sensor.read()
    return sensor.read()


def test_everything_works_when_router_nameserver_and_probe_answer(tmp_path: Path) -> None:
    with (
        listening() as probe,
        closed() as router,
        nameserver(lambda query: [reply(query, 0)]) as (dns, queries),
    ):
        sensor = NetworkSensor(
            probes=[f"127.0.0.1:{probe}"],
            dns_name="vrd.example",
            root=tree(tmp_path, route_line("lo", LOOPBACK_ROUTER), resolv="nameserver 127.0.0.1\n"),
            dns_port=dns,
            router_port=router,
        )
        # a router that refuses has answered
        assert sensor.read() == {"router": "works", "dns": "works", "internet": "works"}
    assert [query[12:] for query in queries] == [b"\x03vrd\x07example\x00\x00\x01\x00\x01"]


def test_internet_is_limited_when_only_the_router_answers(tmp_path: Path) -> None:
    root = tree(tmp_path, route_line("lo", LOOPBACK_ROUTER))
    with closed() as refusing, silent() as hushed, closed() as router:
        probes = [f"127.0.0.1:{refusing}", f"127.0.0.1:{hushed}"]
        sensor = NetworkSensor(probes=probes, root=root, router_port=router, wait_s=0.2)
        assert settled(sensor) == {"router": "works", "internet": "limited"}


def test_internet_is_out_when_the_router_is_silent(tmp_path: Path) -> None:
    root = tree(tmp_path, route_line("lo", LOOPBACK_ROUTER))
    with silent() as router, closed() as probe:
        sensor = NetworkSensor(probes=[f"127.0.0.1:{probe}"], root=root, router_port=router, wait_s=0.2)
        started = time.monotonic()
        assert settled(sensor) == {"router": "out", "internet": "out"}
        assert time.monotonic() - started < 2


def test_a_router_that_drops_knocks_is_there_while_the_kernel_has_its_address(tmp_path: Path) -> None:
    with silent() as router:
        line = route_line("eth0", LOOPBACK_ROUTER)
        known = tree(tmp_path / "known", line, arp=arp_line(LOOPBACK_ROUTER, "0x2"))
        gone = tree(tmp_path / "gone", line, arp=arp_line(LOOPBACK_ROUTER, "0x0"))
        assert settled(NetworkSensor(root=known, router_port=router, wait_s=0.1)) == {"router": "works"}
        assert settled(NetworkSensor(root=gone, router_port=router, wait_s=0.1)) == {"router": "out"}


def test_one_of_two_routers_and_one_of_two_probes_is_enough(tmp_path: Path) -> None:
    with silent() as hushed, listening() as heard:
        # nothing listens on 127.0.0.2 at this port, which is an answer; 127.0.0.1 drops it
        root = tree(tmp_path, route_line("a", "127.0.0.1"), route_line("b", "127.0.0.2", metric=600))
        probes = [f"127.0.0.1:{hushed}", f"127.0.0.1:{heard}"]
        sensor = NetworkSensor(probes=probes, root=root, router_port=hushed)
        started = time.monotonic()
        assert sensor.read() == {"router": "works", "internet": "works"}
        # the silent ones were not waited for
        assert time.monotonic() - started < 1


def test_without_a_default_route_router_and_internet_are_out(tmp_path: Path) -> None:
    with closed() as probe:
        sensor = NetworkSensor(probes=[f"127.0.0.1:{probe}"], root=tree(tmp_path))
        assert settled(sensor) == {"router": "out", "internet": "out"}


def test_a_link_without_a_router_is_judged_by_its_probes(tmp_path: Path) -> None:
    root = tree(tmp_path, route_line("wwan0", "0.0.0.0", flags="0001"))
    with listening() as probe:
        assert NetworkSensor(probes=[f"127.0.0.1:{probe}"], root=root).read() == {"internet": "works"}
    with closed() as probe:
        assert settled(NetworkSensor(probes=[f"127.0.0.1:{probe}"], root=root)) == {"internet": "out"}


def test_what_is_not_configured_is_not_known(tmp_path: Path) -> None:
    root = tree(tmp_path, route_line("lo", LOOPBACK_ROUTER), resolv="nameserver 127.0.0.1\n")
    with closed() as router:
        assert settled(NetworkSensor(root=root, router_port=router)) == {"router": "works"}


@pytest.mark.parametrize(
    ("answers", "grade"),
    [
        (lambda query: [reply(query, 0)], "works"),
        (lambda query: [reply(query, 3)], "works"),  # that the name doesn't exist is an answer
        (lambda query: [reply(query, 2)], "limited"),  # SERVFAIL: cut off from the rest
        (lambda query: [], "out"),
        (
            lambda query: [b"", b"\0", query, bytes([query[0] ^ 1]) + reply(query, 0)[1:]],
            "out",
        ),  # no reply to us
        (lambda query: [b"junk" * 300, reply(query, 0)], "works"),
    ],
)
def test_the_nameserver_s_answer_makes_the_grade(
    tmp_path: Path, answers: Callable[[bytes], list[bytes]], grade: str
) -> None:
    with nameserver(answers) as (port, queries):
        root = tree(tmp_path, route_line("ppp0", "0.0.0.0", flags="0001"), resolv="nameserver 127.0.0.1\n")
        sensor = NetworkSensor(dns_name="vrd.example", root=root, dns_port=port, wait_s=0.2)
        assert settled(sensor) == {"dns": grade}
        assert len(queries) == 2


def test_a_second_nameserver_makes_up_for_a_dead_one(tmp_path: Path) -> None:
    with nameserver(lambda query: [reply(query, 0)]) as (port, _):
        resolv = "# mine\nnameserver 127.0.0.2\nnameserver\nnameserver nonsense\nnameserver 127.0.0.1\n"
        root = tree(tmp_path, route_line("ppp0", "0.0.0.0", flags="0001"), resolv=resolv)
        sensor = NetworkSensor(dns_name="vrd.example", root=root, dns_port=port)
        assert sensor.read() == {"dns": "works"}


def test_without_nameservers_dns_is_out(tmp_path: Path) -> None:
    root = tree(tmp_path, route_line("ppp0", "0.0.0.0", flags="0001"))
    assert settled(NetworkSensor(dns_name="vrd.example", root=root)) == {"dns": "out"}


def test_a_flood_of_wrong_replies_does_not_extend_the_wait(tmp_path: Path) -> None:
    over = threading.Event()

    def flood(query: bytes) -> Iterator[bytes]:
        ends = time.monotonic() + 5
        while not over.is_set() and time.monotonic() < ends:
            yield query[:2] + b"junk" * 5

    with nameserver(flood) as (port, _):
        root = tree(tmp_path, route_line("ppp0", "0.0.0.0", flags="0001"), resolv="nameserver 127.0.0.1\n")
        sensor = NetworkSensor(dns_name="vrd.example", root=root, dns_port=port, wait_s=0.1)
        started = time.monotonic()
        sensor.read()
        took_s = time.monotonic() - started
        over.set()
        assert took_s < 1


def test_one_failure_changes_nothing_two_do_and_one_success_brings_it_back(tmp_path: Path) -> None:
    root = tree(tmp_path, route_line("ppp0", "0.0.0.0", flags="0001"))
    with listening() as port:
        sensor = NetworkSensor(probes=[f"127.0.0.1:{port}"], root=root, wait_s=0.2)
        assert (sensor.read(), sensor.interval_s) == ({"internet": "works"}, 30.0)
    # the server has stopped
    assert (sensor.read(), sensor.interval_s) == ({"internet": "works"}, 5.0)  # asked again soon
    assert (sensor.read(), sensor.interval_s) == ({"internet": "out"}, 30.0)
    with socket.create_server(("127.0.0.1", port)):
        assert sensor.read() == {"internet": "works"}
    assert sensor.read() == {"internet": "works"}


def test_its_values_last_three_of_its_own_intervals(tmp_path: Path) -> None:
    sensor = NetworkSensor(interval_s=120.0, root=tmp_path)
    assert (sensor.interval_s, sensor.max_age_s) == (120.0, 374.0)


def test_the_grade_gets_worse_slowly_and_better_at_once() -> None:
    steady = Steady()
    readings = ["out", "works", "out", "works", "limited", "out", "limited", "works", None, "out", "out"]
    believed = [steady.take(reading) for reading in readings]
    assert believed == [
        None,
        "works",
        "works",
        "works",
        "works",
        "out",
        "limited",
        "works",
        None,
        None,
        "out",
    ]


def test_a_passive_sensor_never_opens_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    root = tree(
        tmp_path, route_line("eth0", "192.0.2.1"), arp=arp_line("192.0.2.1", "0x2"), resolv="nameserver ::1"
    )

    def passive(root: Path) -> NetworkSensor:
        return NetworkSensor(probes=["192.0.2.9:443"], dns_name="vrd.example", active=False, root=root)

    assert settled(passive(root)) == {"router": "works"}
    assert settled(passive(tree(tmp_path / "cut"))) == {
        "router": "out",
        "dns": "out",
        "internet": "out",
    }
    # the real machine, as far as its kernel tells
    for name, value in passive(Path("/")).read().items():
        assert fields.check(fields.field_named(name), value) == value
    # the guard above does guard
    with pytest.raises(AssertionError, match="a socket was opened"):
        NetworkSensor(probes=["127.0.0.1:9"], root=root).read()


def test_a_kernel_that_shows_no_routes_is_a_failure_not_an_outage(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="route"):
        NetworkSensor(root=tmp_path).read()


def test_too_many_probes_are_refused() -> None:
    with pytest.raises(ConfigError, match="more than 8 probes"):
        NetworkSensor(probes=[f"192.0.2.1:{port + 1}" for port in range(PROBES_MAX + 1)])


def test_three_dead_layers_stay_within_the_sensor_s_own_limit(tmp_path: Path) -> None:
    with silent() as hushed, nameserver(lambda query: []) as (dns, _):
        sensor = NetworkSensor(
            probes=[f"127.0.0.1:{hushed}"],
            dns_name="vrd.example",
            root=tree(tmp_path, route_line("lo", LOOPBACK_ROUTER), resolv="nameserver 127.0.0.1\n"),
            dns_port=dns,
            router_port=hushed,
        )
        started = time.monotonic()
        sensor.read()
        assert time.monotonic() - started < sensor.timeout_s
