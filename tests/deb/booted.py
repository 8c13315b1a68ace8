"""`make deb-test`: the package on a Debian that has booted, with its own systemd, in a container of nspawn.

What only a running systemd shows: that the units start in all their confinement, and that the upgrade's unit
may do what dpkg needs. Its network is that of this machine. Bookworm only: the systemd of Trixie needs
control groups of version 2, which not every container has.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay import config, toml_text
from tests.deb import sources
from tests.deb.root import Root, as_root, new_root
from tests.deb.services import set_up_node
from tests.deb.story import HOUR_S, Machine
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(900)

BOOT_TIMEOUT_S = 300
CAP_NET_BIND_SERVICE = 10  # linux/capability.h
STOP_TIMEOUT_S = 20
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/sh -c 'sh /root/try >/root/said 2>&1; systemctl poweroff'
[Install]
WantedBy=multi-user.target
"""
TRY = """
for try in $(seq 60); do naober status | grep -q '^MQTT *up' && break; sleep 1; done
echo "1 $(systemctl show naober-node -p ActiveState -p NRestarts -p User --value | tr '\\n' ' ')"
echo "2 $(stat -c %U /proc/$(systemctl show naober-node -p MainPID --value))"
echo "3 $(systemctl is-active naober-inbox naober-upgrade naober-broker.path | tr '\\n' ' ')"
page="import urllib.request as u; print(u.urlopen('http://127.0.0.9', timeout=20).read().decode())"
echo "9 $(python3 -c "$page" | grep -c 'Kazerne Beilen')"
pid=$(systemctl show naober-node -p MainPID --value)
echo "10 $(grep -E '^Cap(Eff|Bnd)|^Groups' /proc/$pid/status | tr -s '\t\n' '  ')"
echo "11 $(getent group dialout | cut -d: -f3)"
timeout 200 naober upgrade /root/naober-1.2.0.bundle | tail -n 1 | sed 's/^/4 /'
echo "5 $(systemctl is-active naober-node) $(naober --version)"
echo "6 $(systemctl --failed --plain --no-legend | grep -c naober)"
sleep 1
echo "7 $(systemctl show naober-upgrade -p Result --value) $(ls /var/lib/naober-upgrade)"
bad='traceback|not permitted|denied'
echo "8 $(journalctl -q -u naober-node -u naober-upgrade | grep -v loopback | grep -ciE "$bad")"
journalctl --no-pager -n 80
"""


@contextmanager
def group() -> Iterator[None]:
    """Where control groups are of both versions, nspawn 252 wants this one and does not make it."""
    payload = Path("/sys/fs/cgroup/systemd/payload")
    made = payload.parent.is_dir() and not payload.exists()
    if made:
        subprocess.run([*as_root(), "mkdir", payload], check=True)
    try:
        yield
    finally:
        if made:
            remove = ["find", payload, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]
            subprocess.run([*as_root(), *remove], check=True)


def boot(root: Root) -> str:
    """Boots it, waits until it has switched itself off, and gives what /root/try said."""
    root.put("/etc/systemd/system/try.service", UNIT)
    root.run("systemctl", "enable", "try.service")
    nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=read-only", "-b", "-D"]
    console = root.folder.with_name(f"{root.folder.name}.console")
    with group(), console.open("wb") as out:
        container = subprocess.Popen(
            [*as_root(), *nspawn, str(root.folder)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        for patience_s in (BOOT_TIMEOUT_S, STOP_TIMEOUT_S, STOP_TIMEOUT_S):
            try:
                container.wait(patience_s)
                break
            except subprocess.TimeoutExpired:
                container.terminate()  # first it shuts down; the second time all in it are killed
    told = console.read_text(errors="replace")
    console.unlink()
    said = root / "/root/said"
    assert said.exists(), told[-3000:]
    return said.read_text()


def test_the_units_run_and_an_upgrade_is_carried_out_in_its_confinement(tmp_path: Path) -> None:
    with new_root("bookworm") as root, Stack(tmp_path / "network") as stack:
        first = sources.build(sources.source(tmp_path, "1.1.0"), tmp_path)
        root.run("dpkg", "-i", root.copy(first, "/root"))
        set_up_node(root, stack.trust, "Kazerne Beilen")
        settings = root / str(config.FOLDER / config.NODE_FILE)
        settings.write_text(
            toml_text.fill(settings.read_text(), {("page", "host"): "127.0.0.9"})
        )  # at port 80
        stack.broker.start()
        stack.inbox.start()
        Machine(root, stack, tmp_path, "bookworm").bundle("1.2.0", sources.FIRST_S + HOUR_S)
        root.put("/root/try", TRY)
        said = boot(root)
        lines = dict(line.split(" ", 1) for line in said.splitlines() if line[:2].strip().isdigit())
        assert int(lines["9"]) > 0, said
        found = dict(re.findall(r"(\w+): ((?:\w+ ?)+?)(?= \w+:| *$)", lines["10"]))
        assert {int(found[each], 16) for each in ("CapEff", "CapBnd")} == {1 << CAP_NET_BIND_SERVICE}, said
        assert lines["11"] in found["Groups"].split(), said
        assert set(lines["1"].split()) == {"0", "active", "naober"}, said  # restarts, state, user
        assert lines["2"] == "naober", said
        assert lines["3"].split() == ["inactive", "inactive", "inactive"], said
        assert lines["4"] == "Naober 1.2.0 is in gebruik; bewezen: MQTT", said
        assert lines["5"] == "active naober 1.2.0", said
        assert lines["6"] == "0", said
        assert lines["7"].startswith("success ") and "plan.json" not in lines["7"], said
        assert lines["8"] == "0", said
        assert root.version() == "1.2.0+deb12"
