"""Which radio boards are plugged in, and what else is on USB. Read from sysfs: no device is opened.

A board with a USB plug of its own says its name. Most have a serial chip in between, which many boards
share: then only the radio itself can tell more (`RadioFacts.model`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

SYS = Path("/sys")
DEV = Path("/dev")
NAME_CHARS_MAX = 48
SHOWN_MAX = 16  # of each list; a Pi has four ports
HUB = "09"  # USB class
PARENTS_MAX = 4  # from a tty up to its USB device

# By vendor and product, lower case; from Meshtastic's list of supported devices.
_KNOWN = {
    "10c4:ea60": "CP2102 (Heltec V2/V3, T-Lora)",
    "1a86:55d4": "CH9102 (T-Beam, T-Lora, Nano G1)",
    "1a86:7523": "CH340 (RAK11200)",
    "1a86:55d3": "CH343 (Heltec)",
    "303a:1001": "ESP32-S3 (Heltec V4, T-Deck, XIAO)",
    "2e8a:000a": "RP2040 (Pico, RAK11310)",
    "239a:8029": "RAK4631",
    "239a:0029": "RAK4631, T-Echo",
}
# Their own USB plug: whatever the product, it is a board.
_VENDORS = {"239a": "nRF52840", "303a": "ESP32-S3", "2886": "Seeed"}
_CHIP_VENDORS = ("10c4", "1a86")  # what these call themselves is the chip's name, not the board's
_CHIP_WORDS = ("jtag", "uart", "serial", "usb2.0", "bootloader")


class Board(msgspec.Struct, frozen=True):
    """A radio board by its USB id, or a serial chip that such boards have."""

    path: str  # to open; the one that stays the same, where there is one
    name: str


class UsbDevice(msgspec.Struct, frozen=True):
    """Anything on USB that is no radio board."""

    id: str  # as in 046d:c31c
    name: str


def boards(dev: Path = DEV, sys: Path = SYS) -> list[Board]:
    """The radio boards on USB, ordered by path; empty when there is none, or no USB."""
    links = _links(dev)
    found = []
    for tty in sorted((sys / "class" / "tty").glob("tty[UA]*")):
        usb = _usb_of(tty)
        name = _board_name(usb) if usb else ""
        if name:
            found.append(Board(str(links.get(tty.name, dev / tty.name)), name))
    return sorted(found, key=lambda board: board.path)[:SHOWN_MAX]


def others(sys: Path = SYS) -> list[UsbDevice]:
    """What else is plugged in, hubs left out: it tells a technician whether the cable carries data."""
    found = []
    for device in sorted((sys / "bus" / "usb" / "devices").glob("*")):
        usb_id = _usb_id(device)
        if usb_id and _read(device, "bDeviceClass") != HUB and not _board_name(device):
            found.append(UsbDevice(usb_id, _product(device)))
    return found[:SHOWN_MAX]


def _links(dev: Path) -> dict[str, Path]:
    """The steady path of each tty, by its name."""
    return {link.resolve().name: link for link in _listed(dev / "serial" / "by-id")}


def _listed(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except OSError:
        return


def _usb_of(tty: Path) -> Path | None:
    """The USB device that a tty belongs to."""
    device = (tty / "device").resolve()
    for folder in [device, *device.parents][:PARENTS_MAX]:
        if (folder / "idVendor").exists():
            return folder
    return None


def _board_name(usb: Path) -> str:
    """Empty for what is no radio board."""
    usb_id = _usb_id(usb)
    vendor = usb_id.partition(":")[0]
    if usb_id not in _KNOWN and vendor not in _VENDORS:
        return ""
    product = _product(usb)
    says_nothing = vendor in _CHIP_VENDORS or any(word in product.lower() for word in _CHIP_WORDS)
    if product and not says_nothing:
        return product
    return _KNOWN.get(usb_id) or _VENDORS[vendor]


def _usb_id(usb: Path) -> str:
    vendor, product = _read(usb, "idVendor"), _read(usb, "idProduct")
    return f"{vendor}:{product}".lower() if vendor and product else ""


def _product(usb: Path) -> str:
    return _read(usb, "product") or _read(usb, "manufacturer")


def _read(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(errors="replace").strip()[:NAME_CHARS_MAX]
    except OSError:
        return ""
