from __future__ import annotations

from pathlib import Path

from relay.sensors.routes import Route, default_routes, nameservers, neighbour_known

from .trees import lay
from .wires import HEAD, arp_line, route_line, tree


def test_default_routes_are_read_in_order_of_preference(tmp_path: Path) -> None:
    six = "{dest} {plen} {zero} 00 {hop} {metric} 00000001 00000000 {flags}     {device}\n"
    zero, router = "0" * 32, "fe80000000000000" + "0000000000000001"
    lay(
        tmp_path,
        {
            "proc/net/route": HEAD
            + route_line("wlan0", "192.0.2.254", metric=600)
            + route_line("eth0", "192.0.2.1", metric=100)
            + route_line("old", "192.0.2.3", flags="0002")  # not up
            + route_line("no", "192.0.2.4", flags="0203")  # reject
            + "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
            + "half a line\n"
            + "eth0\t00000000\tzz\t0003\t0\t0\tmany\t00000000\n",
            "proc/net/ipv6_route": six.format(
                dest=zero,
                plen="00",
                zero=zero,
                hop=router,
                metric="00000400",
                flags="00450003",
                device="eth0",
            )
            + six.format(
                dest=zero, plen="00", zero=zero, hop=zero, metric="ffffffff", flags="00200200", device="lo"
            )
            + "cut off",
        },
    )
    assert default_routes(tmp_path) == [
        Route("eth0", "192.0.2.1", 100),
        Route("wlan0", "192.0.2.254", 600),
        Route("eth0", "fe80::1%eth0", 1024),
    ]


def test_a_neighbour_is_looked_up_on_its_own_interface(tmp_path: Path) -> None:
    arp = arp_line("192.0.2.1", "0x2", "wlan0") + arp_line("192.0.2.1", "0x0", "eth0") + "garbage\n"
    root = tree(tmp_path, arp=arp)
    assert neighbour_known(root, Route("wlan0", "192.0.2.1", 0)) is True
    assert neighbour_known(root, Route("eth0", "192.0.2.1", 0)) is False
    assert neighbour_known(root, Route("eth0", "192.0.2.2", 0)) is None


def test_at_most_three_nameservers_are_asked(tmp_path: Path) -> None:
    root = tree(tmp_path, resolv="".join(f"nameserver 127.0.0.{n}\n" for n in range(1, 9)))
    assert [server.host for server in nameservers(root, 53)] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
