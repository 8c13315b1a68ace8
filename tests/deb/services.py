"""A root folder in which services run, though no systemd does: a systemctl of ours starts and stops them.

It does what the units say that matters here: the node as user naober, the upgrade in two steps as root.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay import config, toml_text
from relay.trust.local import LocalAuthority
from tests.deb.root import Root
from tests.support.process import until

SYSTEMCTL = """#!/bin/sh
# systemctl [--no-block] VERB UNIT...: the verbs that Naober's package uses
[ "$1" != --no-block ] || shift
verb=$1; shift
[ "$1" != --no-block ] || shift
node=/run/node.pid
stop() {
    [ -e $node ] || return 0
    pid=$(cat $node)
    while kill "$pid" 2>/dev/null; do sleep 0.2; done
    rm $node
}
start() {
    setsid setpriv --reuid naober --regid naober --init-groups \\
        naober node --config /etc/naober/node.toml >>/var/log/node.log 2>&1 </dev/null &
    echo $! >$node
}
case "$verb $*" in
    "start naober-upgrade.service")
        setsid sh -c 'for step in settle prove; do python3 -I /var/lib/naober-upgrade/run $step; done' \\
            >>/var/log/upgrade.log 2>&1 </dev/null & ;;
    "start naober-node") start ;;
    "stop naober-node"*) stop ;;
    "try-restart naober-node"*) [ ! -e $node ] || { stop; start; } ;;
    "is-active"*) exit 3 ;;
esac
exit 0
"""


def add_services(root: Root) -> None:
    """Puts our systemctl into it; dpkg need not sync each file."""
    root.put("/usr/local/bin/systemctl", SYSTEMCTL, 0o755)
    (root / "/run/systemd/system").mkdir(parents=True, exist_ok=True)
    root.put("/etc/dpkg/dpkg.cfg.d/quick", "force-unsafe-io\n")


def set_up_node(root: Root, trust: LocalAuthority, site: str) -> None:
    """Keys, grant and settings in it, as `naober setup` and `naober enrol` leave them."""
    etc, state = root / str(config.FOLDER), root / str(config.STATE)
    trust.lay_out_node(etc, state, site)
    file = etc / config.NODE_FILE
    quick = {("sensors.network", "active"): False, ("mqtt", "backfill_spread_s"): 0}
    text = toml_text.fill(file.read_text(), quick)  # type: ignore[arg-type]
    file.write_text(text.replace(str(root.folder), ""))
    root.run("chown", "-R", "naober:naober", str(config.STATE))


@contextmanager
def services_end(root: Root) -> Iterator[None]:
    """Whatever runs in it is ended at the end of the block."""
    try:
        yield
    finally:
        for process in running_in(root):
            os.kill(process, signal.SIGKILL)


def running_in(root: Root) -> list[int]:
    """The processes whose root folder it is."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "root").readlink() == root.folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def commands_in(root: Root) -> list[str]:
    """The command lines of what runs in it."""
    found = []
    for process in running_in(root):
        try:
            found.append(Path(f"/proc/{process}/cmdline").read_text(errors="replace").replace("\0", " "))
        except OSError:
            continue
    return found


def cut_power(root: Root) -> None:
    """Everything in it ends at once, in the middle of whatever it does."""
    deadline = time.monotonic() + 10
    while (left := running_in(root)) and time.monotonic() < deadline:
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)
    assert not left
    (root / "/run/node.pid").unlink(missing_ok=True)


def power_on(root: Root) -> None:
    """What the units do at boot, in their order: the upgrade's first step, then the node, then its second."""
    if (root / "/var/lib/naober-upgrade/plan.json").exists():
        root.run("python3", "-I", "/var/lib/naober-upgrade/run", "settle")
    root.run("systemctl", "start", "naober-node")
    if (root / "/var/lib/naober-upgrade/plan.json").exists():
        root.run("systemctl", "start", "naober-upgrade.service")


def wait_for_end(root: Root, timeout_s: float = 90) -> str:
    """The last line of an upgrade, when it has ended."""
    plan = root / "/var/lib/naober-upgrade/plan.json"
    until(lambda: not plan.exists(), timeout_s, f"the upgrade ends\n{upgrade_log(root)}")
    return upgrade_log(root).splitlines()[-1]


def upgrade_log(root: Root) -> str:
    """What the upgrade said so far."""
    file = root / "/var/log/upgrade.log"
    return file.read_text() if file.exists() else ""
