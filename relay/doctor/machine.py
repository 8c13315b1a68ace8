"""The machine: storage, queue, clock, power, rights, service, version."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relay import __version__
from relay.codes import fault
from relay.doctor.case import Case
from relay.doctor.finding import (
    ATTENTION,
    ERROR,
    Finding,
    good,
    ill,
    not_looked,
    of_error,
)
from relay.errors import Text

FREE_MIN_PCT = 10
FREE_MIN_BYTES = 200_000_000
FSYNC_SLOW_MS = 1000.0
WAITS_LONG_S = 300
CLOCK_OFF_MAX_S = 120
SYSTEMCTL_TIMEOUT_S = 3.0
UNIT = "naober-node"
PRIVATE_FILES = ("node.key", "node-tls.key", "node-seal.key", "grant", "exercise.json", "page-pin")
_SUDO = Text("herhaal dit met sudo", "repeat this with sudo")


def storage(case: Case) -> Finding:
    """D01. A file without a name is written and synced: nothing of it remains."""
    place, facts = "D01", case.facts
    if facts and facts["storage"]:
        trouble = Text(**facts["storage"])
        return of_error(place, fault("S01", trouble=trouble), Text("alleen geheugen", "memory only"))
    try:
        disk = os.statvfs(case.state)
    except PermissionError:
        raise
    except OSError as error:
        what = Text(f"{case.state}: {error.strerror}", f"{case.state}: {error.strerror}")
        return ill(place, ERROR, what, Text("sudo naober setup", "sudo naober setup"))
    if disk.f_flag & os.ST_RDONLY:
        read_only = Text("is alleen-lezen", "is read-only")
        return of_error(place, fault("S01", trouble=read_only), read_only)
    free = disk.f_bavail * disk.f_frsize
    pct = 100 * disk.f_bavail // max(1, disk.f_blocks)
    gb = f"{free / 1e9:.1f}"
    told_nl, told_en = f"{gb.replace('.', ',')} GB vrij", f"{gb} GB free"
    try:
        took_ms = _sync_ms(case.state)
    except PermissionError:
        return not_looked(place, f"{told_nl}; schrijven alleen met sudo te zien", f"{told_en}; needs sudo")
    except OSError as error:
        trouble = Text(f"doet het niet ({error.strerror})", f"does not work ({error.strerror})")
        return of_error(place, fault("S01", trouble=trouble), trouble)
    if took_ms is not None:
        told_nl, told_en = f"{told_nl}, fsync {took_ms:.0f} ms", f"{told_en}, fsync {took_ms:.0f} ms"
    short = Text(f"schrijfbaar, {told_nl}", f"writable, {told_en}")
    if free < FREE_MIN_BYTES or pct < FREE_MIN_PCT:
        return ill(place, ATTENTION, short, Text("maak ruimte op de kaart", "make room on the card"))
    if took_ms is not None and took_ms > FSYNC_SLOW_MS:
        do = Text("vervang de kaart binnenkort", "replace the card soon")
        return ill(place, ATTENTION, short, do)
    return good(place, *short)


def _sync_ms(folder: Path) -> float | None:
    """Milliseconds to bring 4 KiB to the card; None where files without a name are not known."""
    try:
        fd = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except IsADirectoryError:
        return None
    try:
        began = time.monotonic()
        os.write(fd, bytes(4096))
        os.fsync(fd)
        return 1000 * (time.monotonic() - began)
    except OSError as error:
        if error.errno == 95:  # EOPNOTSUPP
            return None
        raise
    finally:
        os.close(fd)


def queue(case: Case) -> Finding:
    """D02."""
    place = "D02"
    if case.facts is None:
        case.must_be_open()
        left = case.left()
        if left is None:
            return not_looked(place, "niet te lezen: dienst draait niet", "can't be read: no service")
        told = Text(f"{left.open_reports} wachtend op schijf", f"{left.open_reports} waiting on disk")
        if left.open_reports:
            do = Text("sudo systemctl start naober-node, of naober stick", "sudo systemctl start naober-node")
            return ill(place, ATTENTION, told, do)
        return good(place, *told)
    facts = case.facts["queue"]
    waiting = facts["reports"]["waiting"] + facts["reports"]["sent"]
    age_s = facts["age_s"]
    if age_s is not None and age_s > WAITS_LONG_S:
        minutes = age_s // 60
        told = Text(
            f"{waiting} wachtend, oudste {minutes} min", f"{waiting} waiting, the oldest {minutes} min"
        )
        do = Text(
            "niets: alles blijft bewaard; haast? naober stick", "nothing: all is kept; urgent? naober stick"
        )
        return ill(place, ATTENTION, told, do)
    return good(place, f"{waiting} wachtend", f"{waiting} waiting")


def clock(case: Case) -> Finding:
    """D03."""
    from relay.kernel_clock import clock_is_synchronised

    place = "D03"
    source = case.facts["clock"] if case.facts else "ntp" if clock_is_synchronised() else "none"
    off_s = case.facts["clock_off_s"] if case.facts else None
    if off_s is not None and abs(off_s) > CLOCK_OFF_MAX_S and source in ("ntp", "gps"):
        off = _duration(abs(off_s))
        return of_error(place, fault("C01", "off", off=off), Text(*off), ATTENTION)
    if source == "none":
        today = datetime.now(UTC).strftime("%d-%m-%Y")
        now = Text(f" (denkt {today})", f" (thinks {today})")
        return of_error(place, fault("C01", now=now), Text("geen bron", "no source"), ATTENTION)
    if source == "inbox":
        return good(place, "van VRD (goed genoeg)", "from VRD (good enough)")
    if off_s is None:
        return good(place, source, source)
    return good(place, f"{source}, {abs(off_s)} s van VRD", f"{source}, {abs(off_s)} s from VRD's")


def _duration(seconds: int) -> Text:
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if hours >= 48:
        return Text(f"{hours // 24} d", f"{hours // 24} d")
    return Text(f"{hours} u {minutes:02}", f"{hours} h {minutes:02}")


def power(case: Case) -> Finding:
    """D04."""
    from relay.sensors.host import FirmwareSensor

    values: dict[str, Any] = {}
    for sensor in case.facts["sensors"] if case.facts else []:
        values |= sensor["values"]
    values = values or dict(FirmwareSensor().read())
    under = values.get("undervoltage")
    if under is None:
        return not_looked("D04", "niet te meten op dit apparaat", "can't be measured on this machine")
    if under == "no":
        return good("D04", "geen onderspanning", "no undervoltage")
    short = Text(
        "onderspanning nu" if under == "now" else "onderspanning geweest",
        "undervoltage now" if under == "now" else "undervoltage earlier",
    )
    do = Text("andere voeding of kabel", "another power supply or cable")
    return ill("D04", ERROR if under == "now" else ATTENTION, short, do)


def rights(case: Case) -> Finding:
    """D08: nobody but the service may read its keys."""
    place = "D08"
    case.must_be_open()
    try:
        folder = case.state.stat()
        files = [name for name in PRIVATE_FILES if (case.state / name).exists()]
    except OSError as error:
        return ill(place, ERROR, Text(f"{error.strerror}", f"{error.strerror}"), _SUDO)
    wrong = []
    for name in files:
        found = (case.state / name).lstat()
        if found.st_mode & 0o077 or found.st_uid != folder.st_uid or not stat.S_ISREG(found.st_mode):
            wrong.append(f"{name} {stat.S_IMODE(found.st_mode):04o}")
    if folder.st_mode & 0o007:
        wrong.insert(0, f"{case.state} {stat.S_IMODE(folder.st_mode):04o}")
    if wrong:
        short = Text(f"te open: {wrong[0]}", f"too open: {wrong[0]}")
        what = Text(f"Te open: {', '.join(wrong)}", f"Too open: {', '.join(wrong)}")
        do = Text("sudo naober doctor --fix", "sudo naober doctor --fix")
        return ill(place, ERROR, short, do, what, fix="rights")
    if "node.key" not in files:
        return ill(
            place, ERROR, Text("geen sleutel", "no key"), Text("sudo naober setup", "sudo naober setup")
        )
    return good(
        place, f"sleutels 0600, eigenaar {_user(folder.st_uid)}", f"keys 0600, {_user(folder.st_uid)}'s"
    )


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def service(case: Case) -> Finding:
    """D15: as systemd sees it, or as the daemon itself does."""
    place = "D15"
    unit = _unit()
    if case.facts:
        up = _duration_of(case.facts["started_age_s"])
        restarts = unit.get("NRestarts")
        told_nl, told_en = f"draait {up.nl}", f"runs for {up.en}"
        if restarts is not None:
            told_nl, told_en = f"{told_nl}, {restarts} herstarts", f"{told_en}, {restarts} restarts"
        return good(place, told_nl, told_en)
    journal = Text("journalctl -u naober-node", "journalctl -u naober-node")
    if case.pid:
        short = Text(f"antwoordt niet (pid {case.pid})", f"does not answer (pid {case.pid})")
        return ill(
            place,
            ERROR,
            short,
            Text("sudo systemctl restart naober-node", "sudo systemctl restart naober-node"),
        )
    if case.trouble and "sudo" in case.trouble.do.nl and "systemctl" not in case.trouble.do.nl:
        return ill(place, ATTENTION, case.trouble.what, case.trouble.do)
    if unit.get("ActiveState") in ("activating", "failed"):
        restarts = unit.get("NRestarts", "?")
        short = Text(f"start niet ({restarts} herstarts)", f"does not start ({restarts} restarts)")
        return ill(place, ERROR, short, journal)
    short = Text("draait niet", "does not run")
    start = Text("sudo systemctl enable --now naober-node", "sudo systemctl enable --now naober-node")
    return ill(place, ERROR, short, start, fix="start" if unit.get("LoadState") == "loaded" else "")


def _duration_of(seconds: float) -> Text:
    from relay.cli.text import age

    return age(seconds)


def _unit() -> dict[str, str]:
    """What systemd knows of the service; empty without systemd."""
    wanted = "LoadState,ActiveState,NRestarts"
    try:
        done = subprocess.run(
            ["systemctl", "show", UNIT, "-p", wanted],
            capture_output=True,
            text=True,
            timeout=SYSTEMCTL_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return found if found.get("LoadState") == "loaded" else {}


def version(case: Case) -> Finding:
    """D16."""
    if case.facts is None:
        return good("D16", __version__, __version__)
    running = case.facts["version"]
    if running != __version__:
        short = Text(f"{__version__}, maar er draait {running}", f"{__version__}, but {running} runs")
        restart = "sudo systemctl restart naober-node"
        return ill("D16", ATTENTION, short, Text(restart, restart))
    return good("D16", f"{__version__}, dienst ook", f"{__version__}, the service too")


def sensors(case: Case) -> Finding:
    """D14."""
    if case.facts is None:
        return not_looked("D14", *case.unseen)
    found = case.facts["sensors"]
    wrong = [each for each in found if each["state"] not in ("ok", "waiting")]
    names = ", ".join(each["name"] for each in found)
    told = Text(
        f"{len(found) - len(wrong)} van {len(found)} ({names})",
        f"{len(found) - len(wrong)} of {len(found)} ({names})",
    )
    if wrong:
        ill_ones = ", ".join(each["name"] for each in wrong)
        short = Text(f"{ill_ones}: geen meting", f"{ill_ones}: no reading")
        reason = Text(**wrong[0]["reason"])
        what = Text(f"{short.nl}. {reason.nl}".rstrip(". "), f"{short.en}. {reason.en}".rstrip(". "))
        do = Text(
            "kijk naar de stekker; uitzetten kan in [sensors]",
            "look at its plug; or switch it off in [sensors]",
        )
        return ill("D14", ATTENTION, short, do, what)
    if against := ", ".join(case.facts.get("mains", {}).get("against", ())):  # an older service tells none
        return ill(
            "D14",
            ATTENTION,
            Text(f"{against}: tegendeel over netspanning", f"{against}: contradicts about the mains"),
            Text("kijk naar stekker en bedrading: naober sensors", "look at plug and wires: naober sensors"),
        )
    return good("D14", *told)
