"""The access point as NetworkManager reads it, and as telephones join it."""

from __future__ import annotations

import math
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli.ports import free_port
from relay.wifi import point
from relay.wifi.point import Point
from tests.support.process import until

HERE = Point("naober-3f9a", "bcdf-ghjk-mnpq-rstv", "wlan0")
A, AAAA, HTTPS = 1, 28, 65
DNSMASQ = shutil.which("dnsmasq", path="/usr/sbin:/sbin:/usr/bin") or ""


def test_a_password_is_easy_to_type_and_hard_to_guess() -> None:
    made = {point.new_password() for _ in range(200)}
    assert len(made) == 200
    assert not set("".join(made)) - set(point.LETTERS) - {"-"}
    assert not set(point.LETTERS) & set("aeiou0123456789lO"), "no words, no look-alikes, no other keyboard"
    assert all(len(each) == point.GROUPS * (point.GROUP + 1) - 1 for each in made)
    assert math.log2(len(point.LETTERS)) * point.GROUPS * point.GROUP >= 60


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "naober.nmconnection"
    file.write_text(point.keyfile(HERE))
    assert point.read(file) == HERE
    assert point.read(tmp_path / "none") is None
    for broken in ("", "[wifi]\n", "\0\xff", point.keyfile(HERE).replace("id=naober", "id=mine")):
        file.write_text(broken)
        assert point.read(file) is None


def test_the_network_is_never_open() -> None:
    text = point.keyfile(HERE)
    assert "\nkey-mgmt=wpa-psk\n" in text and "\nproto=rsn;\n" in text, "WPA2 at least"
    assert "\nmode=ap\n" in text and f"\npsk={HERE.password}\n" in text


@pytest.mark.skipif(shutil.which("nmcli") is None, reason="NetworkManager is not installed")
def test_networkmanager_itself_understands_every_line() -> None:
    """`nmcli --offline` is its own reader and writer, without a daemon: what it gives back lacks nothing."""
    command = ["nmcli", "--offline", "connection", "modify", "connection.id", "naober"]
    done = subprocess.run(command, input=point.keyfile(HERE), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    given = set(done.stdout.splitlines())
    said = {line for line in point.keyfile(HERE).splitlines() if line and not line.startswith("#")}
    assert said - given == {"autoconnect=true"}, "which is what it takes for granted"


def test_a_telephone_joins_by_the_code() -> None:
    assert point.join_code(HERE) == "WIFI:T:WPA;S:naober-3f9a;P:bcdf-ghjk-mnpq-rstv;;"


def test_the_page_has_an_address_that_one_can_type() -> None:
    assert point.url("10.42.0.1", 80) == "http://10.42.0.1"
    assert point.url("10.42.0.1", 8080) == "http://10.42.0.1:8080"
    assert point.url("fd00::1", 80) == "http://[fd00::1]"


@pytest.fixture
def dns(tmp_path: Path) -> Iterator[int]:
    """NetworkManager's dnsmasq as it runs for a shared connection, on our port; behind it all is silent."""
    port, conf = free_port(), tmp_path / "naober.conf"
    conf.write_text(point.names())
    (tmp_path / "resolv").write_text("nameserver 127.0.0.77\n")
    command = [DNSMASQ, "--conf-file=/dev/null", "--no-hosts", "--keep-in-foreground", "--bind-interfaces"]
    command += ["--listen-address=127.0.0.1", f"--port={port}", f"--conf-file={conf}", "--user="]
    command += [f"--pid-file={tmp_path / 'pid'}", f"--resolv-file={tmp_path / 'resolv'}"]
    process = subprocess.Popen(command)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.skipif(not DNSMASQ, reason="dnsmasq is not installed")
def test_whatever_a_telephone_looks_up_is_here(dns: int) -> None:
    until(lambda: asked(dns, "connecttest", A) is not None, 10, "dnsmasq answers")
    for name in ("connecttest", "captive", "naober"):
        assert asked(dns, name, A) == (0, socket.inet_aton(point.ADDRESS))
        assert asked(dns, name, AAAA) == asked(dns, name, HTTPS) == (0, b""), "at once, and there is none"


def asked(port: int, name: str, kind: int) -> tuple[int, bytes] | None:
    """What DNS says of name.com: its code and the answer, if any; None when it says nothing."""
    labels = b"".join(bytes([len(each)]) + each.encode() for each in (name, "com"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", port))
        try:
            client.send(struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">xHH", kind, 1))
            reply = client.recv(512)
        except OSError:
            return None
    answers = struct.unpack(">H", reply[6:8])[0]
    return reply[3] & 15, reply[-4:] if answers else b""
