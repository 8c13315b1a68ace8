"""`make deb-test`: what `naober setup` writes, read by a real NetworkManager, as telephones meet it.

Three network namespaces are a telephone, the node and somebody in the building. A cable stands in for Wi-Fi:
there is no radio here, so of the keyfile [wifi] and [wifi-security] are left out (what they say is checked by
tests/wifi). All else is real: NetworkManager, its dnsmasq, the kernel's routing, the node with its page.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from relay import config, toml_text
from relay.trust import inbox_setup
from relay.trust.local import LocalAuthority
from relay.wifi import point
from relay.wifi.point import Point
from tests.support.command import REPOSITORY, clean_environment
from tests.support.process import until

NEEDED = ("NetworkManager", "nmcli", "dnsmasq", "dbus-daemon", "ip", "unshare", "busybox")
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
LACKING = [each for each in NEEDED if shutil.which(each, path=PATH) is None]
NODE_IN_BUILDING, NEIGHBOUR = "192.168.77.1", "192.168.77.2"
BUS = """<busconfig>
<type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/>
</policy></busconfig>"""
MANAGER = "[main]\nplugins=keyfile\nauth-polkit=false\nno-auto-default=*\ndns=none\n"
START = """
mount --make-rprivate / && mount --bind "$1" /etc/NetworkManager && mount -o remount,ro,bind /sys
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib/NetworkManager && mkdir /run/NetworkManager
exec NetworkManager --no-daemon
"""  # /sys read-only is how it knows that there is no udev to wait for
GOT = """#!/bin/sh
[ "$1" != bound ] || { ip addr add $ip/24 dev $interface; ip route add default via $router; }
"""
GET = """
import http.client, sys
page = http.client.HTTPConnection(sys.argv[1], 80, timeout=3)
page.request("GET", sys.argv[3], headers={"Host": sys.argv[2]})
answer = page.getresponse()
print(answer.status, answer.headers.get("location"), b"Kazerne" in answer.read())
"""

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0 or bool(LACKING), reason=f"takes root and {LACKING}"),
]


class Net:
    """The three of them, each a namespace of its own."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self.folder, self._ends = folder, ends
        self.environment = {
            **clean_environment(),
            "PATH": PATH,
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder / 'bus'}",
        }
        for name in ("phone", "node", "building"):
            self._ip("netns", "add", self.name(name))
            ends.callback(self._ip, "netns", "del", self.name(name))
        self._cable("phone", "p0", "node", "wl0")
        self._cable("building", "b0", "node", "et0")
        for who, address, cable in (("node", NODE_IN_BUILDING, "et0"), ("building", NEIGHBOUR, "b0")):
            self._ip("-n", self.name(who), "addr", "add", f"{address}/24", "dev", cable)
        self._ip("-n", self.name("building"), "route", "add", "default", "via", NODE_IN_BUILDING)

    @staticmethod
    def name(who: str) -> str:
        return f"naober-{os.getpid()}-{who}"

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, env={"PATH": PATH}, timeout=20)

    def _cable(self, one: str, its: str, other: str, others: str) -> None:
        two = ("peer", "name", others, "netns", self.name(other))
        self._ip("link", "add", its, "netns", self.name(one), "type", "veth", *two)
        for who, end in ((one, its), (other, others), (other, "lo")):
            self._ip("-n", self.name(who), "link", "set", end, "up")

    def start(self, who: str, *command: str) -> subprocess.Popen[bytes]:
        """A process there, ended with the test."""
        process = subprocess.Popen(self._in(who, *command), env=self.environment, cwd=REPOSITORY)
        self._ends.callback(process.wait, 20)
        self._ends.callback(process.terminate)
        return process

    def said(self, who: str, *command: str) -> str:
        """What a command there says, whether it goes well or not."""
        done = subprocess.run(
            self._in(who, *command), env=self.environment, cwd=REPOSITORY, capture_output=True, timeout=60
        )
        return done.stdout.decode()

    def _in(self, who: str, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.name(who), *command]

    def gets(self, who: str, address: str, host: str = "", path: str = "/") -> str:
        """Status, where it leads, and whether it is the page; empty: no way there."""
        return self.said(who, sys.executable, "-c", GET, address, host or address, path).strip()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    with ExitStack() as ends:
        made = Net(tmp_path, ends)
        etc = tmp_path / "NetworkManager"
        for folder in ("system-connections", "dnsmasq-shared.d"):
            (etc / folder).mkdir(parents=True)
        text = point.keyfile(Point("naober-3f9a", point.new_password(), "wl0")).replace("=wifi", "=ethernet")
        keyfile = etc / "system-connections/naober.nmconnection"
        keyfile.write_text(re.sub(r"\[wifi\].*?(?=\[ipv4\])", "", text, flags=re.S))
        keyfile.chmod(0o600)
        (etc / "dnsmasq-shared.d/naober.conf").write_text(point.names())
        (etc / "NetworkManager.conf").write_text(MANAGER)
        (tmp_path / "bus.conf").write_text(BUS.format(path=tmp_path / "bus"))
        made.start("node", "dbus-daemon", f"--config-file={tmp_path / 'bus.conf'}", "--nofork", "--nopidfile")
        until((tmp_path / "bus").exists, 10)
        made.start("node", "unshare", "--mount", "sh", "-c", START, "sh", str(etc))
        up = ("nmcli", "-t", "-f", "NAME,STATE", "connection", "show", "--active")
        until(lambda: "naober:activated" in made.said("node", *up), 30)
        yield made


def test_telephones_get_to_the_page_and_nowhere_else(net: Net, tmp_path: Path) -> None:
    file = node_with_page(tmp_path)
    net.start("node", sys.executable, "-m", "relay.cli", "node", "--config", str(file))
    net.start("building", sys.executable, "-m", "http.server", "80", "--directory", str(tmp_path / "stick"))
    script = tmp_path / "got"
    script.write_text(GOT)
    script.chmod(0o755)
    lease = ("busybox", "udhcpc", "-i", "p0", "-n", "-q", "-s", str(script), "-t", "10")
    net.said("phone", *lease)
    until(lambda: net.gets("phone", point.ADDRESS) == "200 None True", 20, "no login on the Wi-Fi")
    # whatever it looks up is here, and the page opens by itself
    assert point.ADDRESS in net.said("phone", "busybox", "nslookup", "captive.apple.com", point.ADDRESS)
    for host, path in (("connectivitycheck.gstatic.com", "/generate_204"), ("captive.apple.com", "/")):
        assert net.gets("phone", point.ADDRESS, host, path) == f"302 http://{point.ADDRESS}/ False"
    # behind the node there is somebody, whom the node can reach and a telephone can not
    assert net.gets("node", NEIGHBOUR).startswith("200")
    assert net.gets("phone", NEIGHBOUR) == ""
    # the building is asked for the PIN, by whichever address and name it comes
    for address in (NODE_IN_BUILDING, point.ADDRESS):
        assert net.gets("building", address) == "303 /pin False"
    assert net.gets("building", NODE_IN_BUILDING, point.ADDRESS).endswith("False")
    assert net.gets("phone", NODE_IN_BUILDING) == "303 /pin False"
    doctor = net.said("node", sys.executable, "-m", "relay.cli", "doctor", "--config", str(file))
    both = f"{point.ADDRESS}:80, {NODE_IN_BUILDING}:80, wifi aan"
    assert re.search(rf"^ ok  D07 Pagina +{both}", doctor, re.M), doctor


def node_with_page(folder: Path) -> Path:
    """Settings of a node that is enrolled, with a page on both sides."""
    etc = folder / "etc"
    (folder / "stick").mkdir()
    trust = LocalAuthority(plain=True)
    trust.lay_out_inbox(inbox_setup.Place(folder / "inbox", folder / "inbox-state"))
    trust.lay_out_node(etc, folder / "state", "Kazerne Beilen")
    file = etc / config.NODE_FILE
    page = {("page", "host"): point.ADDRESS, ("page", "lan_host"): NODE_IN_BUILDING}
    file.write_text(toml_text.fill(file.read_text(), page))  # type: ignore[arg-type]
    return file
