"""The unit and the udev rules that handle a stick by itself, and keep ModemManager off the radios."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relay.cli import VERBS
from relay.cli.stick import STEPS
from relay.links.meshtastic import boards
from tests.support.command import REPOSITORY

UNIT = REPOSITORY / "systemd" / "naober-stick@.service"
RULES = REPOSITORY / "systemd" / "90-naober.rules"
EXPOSURE_MAX = 2.0
MATCH = re.compile(r'([A-Z_]+(?:\{[^}]+\})?)(==|!=|\+=|=)"([^"]*)"')

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def values(key: str) -> list[str]:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def rules() -> list[dict[str, str]]:
    """Each line of the rules as what it matches and sets."""
    found = []
    for line in RULES.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            parts = [part for part in MATCH.split(line)[::4] if part.strip(", ")]
            assert parts == [], f"not understood: {line}"
            found.append({key: value for key, _, value in MATCH.findall(line)})
    return found


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit_of_a_stick(tmp_path: Path) -> None:
    here = tmp_path / "naober-stick@sda1.service"
    here.write_text(UNIT.read_text(encoding="utf-8").replace("/usr/bin/naober", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_what_a_hostile_stick_could_reach_is_little() -> None:
    command = ["systemd-analyze", "security", "--offline=true", UNIT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = re.search(r"exposure level.*: ([0-9.]+)", done.stdout + done.stderr)
    assert found and float(found[1]) <= EXPOSURE_MAX


def test_only_mounting_and_the_lamp_are_done_as_root() -> None:
    [start] = values("ExecStart")
    assert start == "/usr/bin/naober stick /media/NAOBER"
    assert "stick" in VERBS and not set(STEPS) & set(start.split())
    as_root = values("ExecStartPre") + values("ExecStartPost") + values("ExecStopPost")
    # enrolment and upgrade write /etc and install: theirs to judge what is on the stick
    known = r"-?\+(/bin/(mount|umount) |/bin/sh -c '|/usr/bin/naober upgrade --stick )"
    assert all(re.match(known, each) for each in as_root)
    [mount] = [each for each in as_root if "/bin/mount" in each]
    options = mount.split(" -o ")[1].split()[0].split(",")
    assert {"nosuid", "nodev", "noexec", "uid=naober", "gid=naober"} <= set(options)
    assert values("User") == ["naober"] and values("CapabilityBoundingSet") == [""]
    assert values("RestrictAddressFamilies") == ["AF_UNIX"] and values("PrivateNetwork") == ["yes"]


def test_what_goes_wrong_with_a_stick_is_a_lamp_and_no_failed_boot() -> None:
    assert values("SuccessExitStatus") == ["1"]
    assert values("BindsTo") == ["dev-%i.device"], "pulled out is ended"
    assert any("SERVICE_RESULT" in each for each in values("ExecStopPost"))


def test_a_stick_named_naober_starts_the_unit_and_no_other_does() -> None:
    [rule] = [each for each in rules() if "ENV{SYSTEMD_WANTS}" in each]
    assert rule["ENV{ID_FS_LABEL}"] == "NAOBER"
    assert rule["SUBSYSTEM"] == "block" and rule["ACTION"] == "add"
    assert rule["ENV{SYSTEMD_WANTS}"] == UNIT.name.replace("@", "@%k")
    assert rule["ENV{ID_FS_TYPE}"].split("|") == ["vfat", "exfat"]
    [mount] = [each for each in values("ExecStartPre") if "/bin/mount" in each]
    assert f"-t {rule['ENV{ID_FS_TYPE}'].replace('|', ',')} " in mount


def test_modemmanager_is_kept_off_every_radio_that_is_known() -> None:
    kept_off = [each for each in rules() if each.get("ENV{ID_MM_DEVICE_IGNORE}") == "1"]

    def covered(vendor: str, product: str) -> bool:
        return any(
            vendor in each["ATTRS{idVendor}"].split("|")
            and product in each.get("ATTRS{idProduct}", product).split("|")
            for each in kept_off
        )

    known = [tuple(usb_id.split(":")) for usb_id in boards._KNOWN]
    known += [(vendor, "0000") for vendor in boards._VENDORS]
    assert [each for each in known if not covered(*each)] == []
    assert not covered("1a86", "7584"), "a printer cable with a chip of the same maker is not ours"
