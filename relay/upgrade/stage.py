"""Everything that is looked at and put ready before anything changes: an upgrade begins whole or not.

The plan, both packages and the runner lie in folders of root's that the service can't write. The plan is
written last: from then on the upgrade is under way, whatever happens to this process.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from relay import config, files
from relay.errors import NaoberError, StorageError, Text
from relay.upgrade import bundle as bundles
from relay.upgrade import machine as machines
from relay.upgrade.bundle import Bundle, Package
from relay.upgrade.machine import Machine
from relay.upgrade.repack import repack

CACHE = Path("/var/cache/naober")
FOLDER = Path("/var/lib/naober-upgrade")
PLAN, RESULT, RUNNER = "plan.json", "result.json", "run"
ROOM_BYTES = 400 * 1024 * 1024  # the new version beside the old one, unpacked, and both packages


class Upgrade(NamedTuple):
    """What would be done."""

    machine: Machine
    bundle: Bundle
    package: Package
    prove: list[str]  # what works now, and must work again


def judge(path: Path, *, older: bool = False) -> Upgrade:
    """Whether the bundle at `path` may go onto this machine now. Changes nothing.

    Raises NaoberError: not signed by VRD, damaged, nothing for this machine, not newer, an emergency on its
    way, another upgrade under way, no room.
    """
    bundle = bundles.read(path)
    believed = machines.trust()
    bundles.must_be_signed(bundle, believed.authority_keys, believed.network_id)
    machine = machines.this_machine()
    package = bundle.package(machine.release, machine.arch)
    _must_be_newer(machine, package, older)
    if (FOLDER / PLAN).exists():
        raise NaoberError(
            Text("Er loopt al een upgrade", "Another upgrade is under way"),
            Text("Wacht tot die klaar is: naober upgrade --status", "Wait for it: naober upgrade --status"),
        )
    return Upgrade(machine, bundle, package, _works_now())


def prepare(upgrade: Upgrade) -> None:
    """Puts all in place, and last the plan. Raises NaoberError, StorageError; nothing was changed then."""
    for folder in (CACHE, FOLDER):
        files.make_folder(folder, 0o700)
    _must_have_room(upgrade.package)
    new = CACHE / upgrade.package.file
    bundles.take_out(upgrade.bundle, upgrade.package, new)
    old = CACHE / f"{machines.PACKAGE}_{upgrade.machine.installed}_{upgrade.machine.arch}.deb"
    if not old.exists():
        repack(upgrade.machine, old)
    _forget_others(new, old)
    (FOLDER / RESULT).unlink(missing_ok=True)
    files.replace(FOLDER / RUNNER, Path(__file__).with_name("runner.py").read_bytes(), 0o700)
    plan = {
        "from": machines.upstream(upgrade.machine.installed),
        "to": upgrade.bundle.manifest.version,
        "old": _file(old, upgrade.machine.installed),
        "new": _file(new, upgrade.package.version),
        "prove": upgrade.prove,
        "step": "install",
    }
    files.replace(FOLDER / PLAN, msgspec.json.encode(plan), files.PRIVATE)


def result() -> dict[str, Any] | None:
    """How the last upgrade ended; None when none did, or it is still under way."""
    return _read(FOLDER / RESULT)


def under_way() -> dict[str, Any] | None:
    """The plan of the upgrade that is under way."""
    return _read(FOLDER / PLAN)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(
            Text(f"Kan {path} niet lezen: {error}", f"Cannot read {path}: {error}"),
            Text("Herhaal dit met sudo", "Repeat this with sudo"),
        ) from error


def _must_be_newer(machine: Machine, package: Package, older: bool) -> None:
    if package.version == machine.installed:
        version = machines.upstream(package.version)
        raise NaoberError(
            Text(f"Versie {version} staat er al", f"Version {version} is here already"),
            Text("Niets te doen", "Nothing to do"),
        )
    if machines.is_older(package.version, machine.installed) and not older:
        have, given = machines.upstream(machine.installed), machines.upstream(package.version)
        raise NaoberError(
            Text(
                f"Versie {given} is ouder dan {have}, die er staat", f"Version {given} is older than {have}"
            ),
            Text("Als dat de bedoeling is: herhaal met --older", "If that is meant: repeat with --older"),
        )


def _works_now() -> list[str]:
    """The links that work at this moment; raises NaoberError while a real emergency waits for its receipt.

    A node that does not run holds nothing back: no upgrade can make it later, and one may help.
    """
    from relay.node import control
    from relay.node.proving import load

    works = []
    roles = machines.roles()
    if "node" in roles:
        state = config.load_node(config.FOLDER / config.NODE_FILE).node.state
        try:
            waiting = int(control.ask(state, {"verb": "emergencies"})["open"])
            facts = control.ask(state, {"verb": "status"})
        except control.NotRunning:
            return []
        if waiting:
            raise NaoberError(
                Text("Er is nog een Nood onderweg naar VRD", "An emergency is still on its way to VRD"),
                Text("Wacht tot VRD die heeft: naober status", "Wait until VRD has it: naober status"),
            )
        codes = {name: link["code"] for name, link in facts["links"].items()}
        radio = load(state).get("radio")
        if codes.get("mqtt") == "up":
            works.append("mqtt")
        if radio is not None and radio.proven and (facts.get("radio") or {}).get("connected"):
            works.append("radio")
    if "inbox" in roles and machines.output("systemctl", "is-active", "naober-inbox") == "active":
        works.append("inbox")
    return works


def _must_have_room(package: Package) -> None:
    for folder in (CACHE, Path("/usr/lib")):
        free = shutil.disk_usage(folder).free
        if free < ROOM_BYTES + package.size:
            need = (ROOM_BYTES + package.size) // 1_000_000
            raise StorageError(
                Text(
                    f"Te weinig ruimte bij {folder}: {free // 1_000_000} MB vrij, {need} MB nodig",
                    f"Not enough room at {folder}: {free // 1_000_000} MB free, {need} MB needed",
                ),
                Text(
                    "Niets is gewijzigd. Maak ruimte, en herhaal dit",
                    "Nothing has changed. Make room, and repeat",
                ),
                code="full",
            )


def _forget_others(*kept: Path) -> None:
    for file in CACHE.glob("*.deb"):
        if file not in kept:
            file.unlink()


def _file(path: Path, version: str) -> dict[str, str]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"file": str(path), "version": version, "sha256": digest}
