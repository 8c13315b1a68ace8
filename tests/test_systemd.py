"""The systemd units: sound, closed to what the services do not need, and open to what they do."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relay import config
from relay.cli import VERBS
from relay.trust import inbox_setup
from relay.trust.local import LocalAuthority
from tests.support.command import REPOSITORY, clean_environment

ROLES = ("node", "inbox")
INSTALLED = "/usr/bin/naober"
UNITS = sorted(file for kind in ("service", "path") for file in (REPOSITORY / "systemd").glob(f"*.{kind}"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
EXPOSURE_MAX = 2.0
START_TIMEOUT_S = 30
# glibc asks netlink which families this machine has, and does without where it may not
DONE_WITHOUT = {"AF_NETLINK"}
ANYBODY_FROM = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
AS_ROOT = {"fchown"}  # what root makes in a folder is given to the folder's owner; the service is not root

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def unit_file(role: str) -> Path:
    return REPOSITORY / "systemd" / f"naober-{role}.service"


def values(role: str, key: str) -> list[str]:
    """What the service's section says of `key`, line by line."""
    lines = unit_file(role).read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def analyze(*arguments: str | Path) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path, tmp_path: Path) -> None:
    for each in UNITS:  # a path unit names its service
        here = tmp_path / each.name
        here.write_text(each.read_text(encoding="utf-8").replace(INSTALLED, "/bin/true"))
    assert analyze("verify", tmp_path / unit.name.replace("@.", "@sda1.")) == ""


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_what_a_broken_in_service_could_reach_is_little(unit: Path) -> None:
    found = re.search(r"exposure level.*: ([0-9.]+)", analyze("security", "--offline=true", unit))
    assert found and float(found[1]) <= EXPOSURE_MAX


@pytest.mark.parametrize("role", ROLES)
def test_the_unit_fits_the_command_and_its_folders(role: str) -> None:
    settings = config.FOLDER / f"{role}.toml"
    assert values(role, "ExecStart") == [f"{INSTALLED} {role} --config {settings}"]
    assert role in VERBS
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds capitals
    unit.read(unit_file(role))
    assert unit["Unit"]["ConditionPathExists"] == str(settings)
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", "it is never given up"
    service = unit["Service"]
    assert f"/var/lib/{service['StateDirectory']}" == str(config.STATE)
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert service["User"] != "root"
    assert f"u {service['User']} " in (REPOSITORY / "systemd" / "naober.sysusers").read_text()
    assert "WatchdogSec" in service


def allowed_calls(role: str) -> set[str]:
    """What SystemCallFilter lets through, line by line as systemd reads it."""
    allowed: set[str] = set()
    for line in values(role, "SystemCallFilter"):
        names = {name for word in line.removeprefix("~").split() for name in expanded(word)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed | expanded("@default")


def expanded(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    lines = [line.strip() for line in analyze("syscall-filter", word).splitlines()[1:]]
    return {name for each in lines if each and not each.startswith("#") for name in expanded(each)}


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_node_s_unit_lets_through_what_a_running_node_does(tmp_path: Path) -> None:
    """Traced from the moment that Python runs until after a clean stop."""
    trace = tmp_path / "trace"
    run_traced(["node", "--config", plain_node(tmp_path)], trace, "started")
    lines = trace.read_text(errors="replace").splitlines()
    used = {found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line))}
    assert {"clock_adjtime", "fdatasync", "connect"} <= used, "the trace is of a node at work"
    assert used - allowed_calls("node") - (AS_ROOT if os.geteuid() == 0 else set()) == set()
    families = {found[1] for line in lines if (found := re.search(r"socket\((AF_\w+)", line))}
    assert families - DONE_WITHOUT <= set(values("node", "RestrictAddressFamilies")[0].split())
    # MemoryDenyWriteExecute: no memory that can be written and run
    made = [line for line in lines if re.search(r" mmap\(.*PROT_WRITE\|PROT_EXEC", line)]
    turned = [line for line in lines if re.search(r" mprotect\(.*PROT_EXEC", line)]
    assert made == turned == []


def plain_node(folder: Path) -> Path:
    etc, state = folder / "etc", folder / "state"
    trust = LocalAuthority(plain=True)
    trust.lay_out_inbox(inbox_setup.Place(etc, folder / "inbox"))
    trust.lay_out_node(etc, state, "x")
    return etc / "node.toml"


def run_traced(arguments: list[str | Path], trace: Path, ready: str) -> None:
    """Runs `naober` under strace until two seconds after it has said `ready`; it must end well."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", trace, sys.executable, "-m", "relay.cli", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        start_new_session=True,
    )
    assert tracer.stderr is not None
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while ready not in tracer.stderr.readline():
            assert tracer.poll() is None and time.monotonic() < deadline
        time.sleep(2)  # sensors read, a status is kept, the broker is tried
        traced = Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text()
        os.kill(int(traced), signal.SIGTERM)
        assert tracer.wait(START_TIMEOUT_S) == 0
    finally:
        tracer.stderr.close()
        if tracer.poll() is None:
            os.killpg(tracer.pid, signal.SIGKILL)
            tracer.wait()


@pytest.mark.parametrize("role", ROLES)
def test_asking_whether_the_clock_is_right_is_let_through_and_setting_it_is_not(role: str) -> None:
    # ProtectClock= forbids the asking as well (seen on systemd 252)
    assert values(role, "ProtectClock") == []
    assert {"adjtimex", "clock_adjtime"} <= allowed_calls(role)
    assert not {"clock_settime", "settimeofday"} & allowed_calls(role)
    assert values(role, "CapabilityBoundingSet") in ([""], ["CAP_NET_BIND_SERVICE"]), (
        "so these two set nothing"
    )


def test_of_root_s_rights_the_node_has_that_to_port_80_and_no_other_service_has_any() -> None:
    for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert values("node", key) == ["CAP_NET_BIND_SERVICE"]
        assert values("inbox", key) == [""]
    assert values("node", "NoNewPrivileges") == ["yes"]
    # within a user namespace the right would be one to ports of that namespace, of which there are none
    assert "yes" not in values("node", "PrivateUsers")


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv") or int(ANYBODY_FROM.read_text()) <= 80,
    reason="takes root to give rights up, and a machine where not anybody may have port 80",
)
@pytest.mark.parametrize("has_it", [True, False])
def test_that_right_is_enough_for_port_80_without_root(has_it: bool) -> None:
    """As systemd does it: another user, a bounding set, an ambient capability. Bound, never listened on."""
    right = "+net_bind_service" if has_it else "-net_bind_service"
    caps = [f"--inh-caps=-all,{right}", f"--ambient-caps={right}", f"--bounding-set=-all,{right}"]
    who = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    bind = "import socket; socket.socket().bind(('127.0.0.9', 80))"
    done = subprocess.run(
        ["setpriv", *who, *caps, "/usr/bin/python3", "-c", bind], capture_output=True, text=True, timeout=60
    )
    # the right is asked before whether the port is free, so it does not matter who has it here
    assert done.returncode == 0 or "OSError: [Errno 98]" in done.stderr or "PermissionError" in done.stderr
    assert ("PermissionError" in done.stderr) != has_it


def test_the_node_may_touch_a_radio_on_usb_and_its_own_pins_and_no_other_device() -> None:
    assert values("node", "DevicePolicy") == ["closed"]
    assert values("node", "DeviceAllow") == ["char-ttyACM rw", "char-ttyUSB rw", "char-gpiochip rw"]
    groups = re.findall(r"^m naober (\w+)$", (REPOSITORY / "systemd" / "naober.sysusers").read_text(), re.M)
    assert groups == ["dialout", "gpio"]
    # PrivateDevices= would hide the radio; the rest of what it does must not be lost with it
    assert values("node", "PrivateDevices") == []
    assert not expanded("@raw-io") & allowed_calls("node")
    assert values("inbox", "PrivateDevices") == ["yes"], "the inbox has no radio"
    assert values("inbox", "DeviceAllow") == []


def test_only_those_that_need_it_run_as_root() -> None:
    """Replacing packages and having the broker reload take root; what talks to the outside never has it."""
    users = {unit.name: re.findall(r"^(?:Dynamic)?User=(.*)", unit.read_text(), re.M) for unit in SERVICES}
    as_root = {name for name, found in users.items() if found not in (["naober"], ["yes"])}
    assert as_root <= {"naober-upgrade.service", "naober-broker.service"}
    for name in as_root:
        assert "PrivateNetwork=yes" in (REPOSITORY / "systemd" / name).read_text()


def test_an_upgrade_is_settled_before_the_services_start() -> None:
    text = (REPOSITORY / "systemd/naober-upgrade.service").read_text()
    assert re.search(r"^Before=naober-node.service naober-inbox.service$", text, re.M)
    assert re.search(r"^ExecStartPre=\S+ -I /var/lib/naober-upgrade/run settle$", text, re.M)
    assert re.search(r"^ConditionPathExists=/var/lib/naober-upgrade/plan.json$", text, re.M)
    runner = (REPOSITORY / "relay/upgrade/runner.py").read_text()
    assert not re.search(r"^\s*(from|import) relay", runner, re.M), "it stands alone"


def test_the_bell_owns_nothing_and_reaches_the_sound_card_and_this_machine_only() -> None:
    assert values("bell", "ExecStart") == [f"{INSTALLED} inbox --config {config.FOLDER / 'inbox.toml'} bell"]
    assert (values("bell", "DynamicUser"), values("bell", "User")) == (["yes"], [])
    assert values("bell", "DeviceAllow") == ["char-alsa rw"]
    assert (values("bell", "IPAddressDeny"), values("bell", "IPAddressAllow")) == (["any"], ["localhost"])
    assert "-/var/lib/naober" in values("bell", "InaccessiblePaths")
    unit = unit_file("bell").read_text()
    assert "BindsTo" not in unit and "Requires" not in unit, "it rings when the inbox is gone"
