#!/usr/bin/python3 -I
"""Carries out the upgrade that `naober upgrade` has put ready, also across power cuts.

This file stands alone. A copy of it, beside the plan, is what systemd starts, so that it works while the
program is half replaced, and a new version that can't even start is still turned back. Theory: `plan.json`
is there exactly as long as an upgrade is under way, and is written, synced, before each step that it names.

    install   finish what dpkg has begun; unpack and configure the new package
    prove     each link that worked before must be proven again, within 30 minutes of running time
    return    put the old package back

    upgrade-run settle    install or return: until dpkg has nothing half done. Before the services, at boot
    upgrade-run prove     and then wait for the proof; return without it

Exit code: 0 the new version is in use; 1 the old one is; 2 neither could be brought about.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("NAOBER_UPGRADE_FOLDER", "/var/lib/naober-upgrade"))
PLAN, RESULT, LOCK = "plan.json", "result.json", "lock"
PACKAGE = "naober"
PROVE_S = 1800.0
PAUSE_S = 15.0  # between two tries to prove a link
TEST_TIMEOUT_S = 400.0  # `naober test` gives up by itself after 5 minutes
DPKG_TIMEOUT_S = 1500.0
INSTALL_TRIES, DPKG_PAUSE_S = 3, 20.0
UNPROVEN_NL = {"mqtt": "MQTT", "radio": "radio", "inbox": "postvak", "start": "start"}
GOOD, RETURNED, STUCK = 0, 1, 2


def load() -> dict[str, Any] | None:
    """The plan; None when no upgrade is under way."""
    try:
        plan: dict[str, Any] = json.loads((FOLDER / PLAN).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return plan


def save(name: str, content: dict[str, Any]) -> None:
    """Writes a file that a power cut leaves whole: the old or the new one."""
    part = FOLDER / f".{name}.part"
    with part.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.rename(FOLDER / name)
    _sync_folder()


def _sync_folder() -> None:
    fd = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def log(text: str) -> None:
    """One line, to the journal or the terminal."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run(*command: str, timeout_s: float = 60.0) -> tuple[int, str]:
    """Exit code and output of a command; 127 when it is not there, 124 when it took too long."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            env=environment,
        )
    except OSError as error:
        return 127, str(error)
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} took more than {timeout_s:.0f} s"
    return done.returncode, done.stdout.decode(errors="replace").strip()


# --- packages


def installed() -> str:
    """The version whose package is whole and configured; "" when none is."""
    code, said = run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Version}", PACKAGE)
    state, _, version = said.partition("|")
    return version if code == 0 and state.strip() in ("ii", "hi") else ""


def bring_in(package: dict[str, str]) -> str:
    """Installs it, or finishes doing so; "" when it is in use, else what was in the way."""
    said = ""
    for attempt in range(INSTALL_TRIES):
        if attempt:
            time.sleep(DPKG_PAUSE_S)  # another dpkg is at work
        run("dpkg", "--force-confdef", "--force-confold", "--configure", PACKAGE, timeout_s=DPKG_TIMEOUT_S)
        if installed() == package["version"]:
            return ""
        if not _is_whole(package):
            return f"{package['file']} is damaged"
        options = ("--force-confdef", "--force-confold", "--force-downgrade")
        code, said = run("dpkg", *options, "-i", package["file"], timeout_s=DPKG_TIMEOUT_S)
        if code == 0 and installed() == package["version"]:
            os.sync()
            return ""
    return said[-500:] or "dpkg did not install it"


def _is_whole(package: dict[str, str]) -> bool:
    """Whether the card still holds what was checked."""
    try:
        return hashlib.sha256(Path(package["file"]).read_bytes()).hexdigest() == package["sha256"]
    except OSError:
        return False


# --- steps


def settle(plan: dict[str, Any]) -> None:
    """Leaves dpkg with one whole version: the one that the plan's step wants, if it can be had."""
    if plan["step"] == "install":
        plan["installs"] = plan.get("installs", 0) + 1
        save(PLAN, plan)
        trouble = "more power cuts than tries" if plan["installs"] > INSTALL_TRIES else bring_in(plan["new"])
        plan["step"] = "return" if trouble else "prove"
        if trouble:
            log(f"not installed: {trouble}")
            plan["why"] = "install"
        save(PLAN, plan)
    elif plan["step"] == "prove" and installed() != plan["new"]["version"]:
        plan |= {"step": "return", "why": "install"}  # somebody else put another one in, or broke it
        save(PLAN, plan)
    if plan["step"] == "return":
        trouble = bring_in(plan["old"])
        if trouble:
            log(f"could not return to {plan['old']['version']}: {trouble}")


def prove(plan: dict[str, Any]) -> list[str]:
    """Waits until all that worked before works again; what does not in the end."""
    missing = ["start", *plan["prove"]]
    while True:
        began = time.monotonic()
        missing = [what for what in missing if not proven(what, plan.get("test_s", TEST_TIMEOUT_S))]
        if not missing:
            return []
        time.sleep(plan.get("pause_s", PAUSE_S))
        plan["waited_s"] = plan.get("waited_s", 0.0) + time.monotonic() - began
        if plan["waited_s"] >= plan.get("prove_s", PROVE_S):
            return missing
        save(PLAN, plan)  # a power cut must not begin the time anew


def proven(what: str, test_s: float) -> bool:
    """Whether one thing works, asked of the new version itself: it must be able to answer."""
    if what == "start":
        return run("naober", "--version")[0] == 0
    if what == "inbox":
        return run("systemctl", "is-active", "--quiet", "naober-inbox")[0] == 0
    code, said = run("naober", "test", what, timeout_s=test_s)
    log(f"{what}: {said.splitlines()[-1] if said else code}")
    return code in (0, 1)  # 1: proven, with a signal that deserves attention


def finish(plan: dict[str, Any], ok: bool, nl: str, en: str) -> int:
    """Tells the end, and then takes the plan away."""
    save(RESULT, {"ok": ok, "nl": nl, "en": en, "from": plan["from"], "to": plan["to"]})
    log(nl)
    (FOLDER / PLAN).unlink(missing_ok=True)
    _sync_folder()
    return GOOD if ok else RETURNED


def carry_on(plan: dict[str, Any]) -> int:
    """From the step that the plan names to the end."""
    settle(plan)
    if plan["step"] == "prove":
        missing = prove(plan)
        if not missing:
            how = ", ".join(UNPROVEN_NL[what] for what in plan["prove"])
            nl = f"Naober {plan['to']} is in gebruik" + (
                f"; bewezen: {how}" if how else "; niets te bewijzen"
            )
            en = f"Naober {plan['to']} is in use" + (f"; proven: {how}" if how else "; nothing to prove")
            return finish(plan, True, nl, en)
        plan |= {"step": "return", "why": missing[0]}
        save(PLAN, plan)
        settle(plan)
    why = plan.get("why", "install")
    if installed() != plan["old"]["version"]:
        log("neither version could be installed whole; trying again at the next start")
        return STUCK
    nl_why = "installeren mislukte" if why == "install" else f"{UNPROVEN_NL[why]} niet bewezen"
    en_why = "installing failed" if why == "install" else f"{why} not proven"
    return finish(
        plan, False, f"Teruggezet naar {plan['from']}: {nl_why}", f"Back to {plan['from']}: {en_why}"
    )


def main(arguments: list[str]) -> int:
    """`settle` or `prove`; waits for another run of this to end first."""
    with (FOLDER / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        plan = load()
        if plan is None:
            return GOOD
        if arguments == ["settle"]:
            settle(plan)
            return GOOD  # the service must start in any case: `prove` tells the end
        return carry_on(plan)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
