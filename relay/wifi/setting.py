"""Makes the access point of a node, or says why there is none. May be repeated: what is there is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec

from relay import files
from relay.errors import Text
from relay.wifi import country, manager, point
from relay.wifi.manager import Device, ManagerError
from relay.wifi.point import CONNECTION, Point

KEYFILE = Path("etc/NetworkManager/system-connections/naober.nmconnection")
NAMES = Path("etc/NetworkManager/dnsmasq-shared.d/naober.conf")
ROOT = Path("/")


class Made(msgspec.Struct, frozen=True):
    """What came of it."""

    point: Point | None  # None: there is no access point
    why: Text  # there is none, or is none yet
    do: Text = Text("", "")
    attention: bool = False  # somebody should look at it


DONE = Text("", "")


def make(name: str, *, wanted: str = "", root: Path = ROOT) -> Made:
    """An access point called `name` on a Wi-Fi device that is free, or on the device `wanted`.

    A device by which this machine reaches the outside is not taken, unless it is the one wanted.
    Raises StorageError when its files can't be written, PermissionError when they can't be read.
    """
    if not manager.is_there():
        return Made(None, Text("NetworkManager is hier niet", "NetworkManager is not on this machine"))
    try:
        found = manager.devices()
    except ManagerError as error:
        return Made(None, error.what, error.do, attention=True)
    chosen = _chosen(found, wanted)
    if isinstance(chosen, Made):
        return chosen
    if not manager.can_give_addresses():
        return Made(
            None,
            Text("dnsmasq is hier niet", "dnsmasq is not on this machine"),
            Text(
                "sudo apt install dnsmasq-base, dan sudo naober setup",
                "sudo apt install dnsmasq-base, then sudo naober setup",
            ),
            attention=True,
        )
    here = point.read(root / KEYFILE)
    kept = here if here is not None and here.name == name else None
    made = Point(name, kept.password if kept else point.new_password(), chosen.name)
    return _switched_on(made, root, anew=write(made, root) or chosen.connection != CONNECTION)


def _chosen(found: list[Device], wanted: str) -> Device | Made:
    if wanted:
        for each in found:
            if each.name == wanted and each.access_point:
                return each
        return Made(
            None,
            Text(f"{wanted} kan geen toegangspunt zijn", f"{wanted} can't be an access point"),
            Text("kijk met: nmcli device", "look with: nmcli device"),
            attention=True,
        )
    able = [each for each in found if each.access_point]
    if not able:
        return Made(
            None, Text("geen wifi die een toegangspunt kan zijn", "no Wi-Fi that can be an access point")
        )
    ours = [each for each in able if each.connection == CONNECTION]
    free = [each for each in able if not each.connection]
    if ours or free:
        return (ours or free)[0]
    used = able[0]
    return Made(
        None,
        Text(
            f"wifi {used.name} is in gebruik als weg naar buiten ({used.connection})",
            f"Wi-Fi {used.name} is in use as a way to the outside ({used.connection})",
        ),
        Text(
            f"sluit een netwerkkabel aan, dan sudo naober setup --wifi {used.name}",
            f"plug in a network cable, then sudo naober setup --wifi {used.name}",
        ),
        attention=True,
    )


def write(made: Point, root: Path = ROOT) -> bool:
    """Its files; True when they were not there, or said something else. Raises StorageError."""
    wanted = {KEYFILE: point.keyfile(made), NAMES: point.names()}
    changed = False
    for path, text in wanted.items():
        file = root / path
        files.make_folder(file.parent, 0o700 if path == KEYFILE else 0o755)
        if not (file.exists() and file.read_text(errors="replace") == text):
            files.replace(file, text.encode(), files.PRIVATE if path == KEYFILE else files.PUBLIC)
            changed = True
    return changed


def _switched_on(made: Point, root: Path, *, anew: bool) -> Made:
    country.set_for_good(root)
    try:
        if anew:
            switch_on(root)
    except ManagerError as error:
        return Made(
            made,
            Text(f"nog niet aan: {error.what.nl}", f"not on yet: {error.what.en}"),
            Text(
                "start dit apparaat opnieuw, dan sudo naober doctor",
                "restart this machine, then naober doctor",
            ),
            attention=True,
        )
    return Made(made, DONE)


def switch_on(root: Path = ROOT) -> None:
    """Have NetworkManager read its keyfile again, and switch it on. Raises ManagerError."""
    manager.load(str(root / KEYFILE))
    manager.up()


def current(root: Path = ROOT) -> Point | None:
    """The access point that was made here; None: none. Raises PermissionError: only root may see it."""
    return point.read(root / KEYFILE)
