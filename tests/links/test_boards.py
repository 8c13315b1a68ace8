"""Which boards are plugged in, from a copy of what the kernel tells: sysfs and /dev/serial/by-id."""

from __future__ import annotations

from pathlib import Path

from relay.links.meshtastic.boards import Board, UsbDevice, boards, others


class Machine:
    """A /sys and a /dev with USB devices on it, laid out as Linux does."""

    def __init__(self, folder: Path) -> None:
        self.sys, self.dev = folder / "sys", folder / "dev"
        (self.sys / "class" / "tty").mkdir(parents=True)
        (self.sys / "bus" / "usb" / "devices").mkdir(parents=True)
        self.dev.mkdir()
        self.count = 0

    def plug(self, usb_id: str, product: str, tty: str = "", by_id: str = "", usb_class: str = "00") -> None:
        self.count += 1
        usb = self.sys / "devices" / "usb1" / f"1-{self.count}"
        interface = usb / f"1-{self.count}:1.0"
        interface.mkdir(parents=True)
        vendor, product_id = usb_id.split(":")
        for name, text in (
            ("idVendor", vendor),
            ("idProduct", product_id),
            ("product", product),
            ("bDeviceClass", usb_class),
        ):
            (usb / name).write_text(text + "\n")
        (self.sys / "bus" / "usb" / "devices" / usb.name).symlink_to(usb)
        if tty:
            node = interface / ("tty" if tty.startswith("ttyACM") else tty) / tty
            node.mkdir(parents=True)
            # an ACM tty hangs on its interface, a serial chip's on a port below that
            (node / "device").symlink_to(interface if tty.startswith("ttyACM") else interface / tty)
            (self.sys / "class" / "tty" / tty).symlink_to(node)
            (self.dev / tty).touch()
        if by_id:
            (self.dev / "serial" / "by-id").mkdir(parents=True, exist_ok=True)
            (self.dev / "serial" / "by-id" / by_id).symlink_to(f"../../{tty}")

    def boards(self) -> list[Board]:
        return boards(self.dev, self.sys)


def test_a_board_goes_by_its_steady_path_and_what_it_calls_itself(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.plug("239a:8029", "WisCore RAK4631 Board", "ttyACM0", "usb-RAK_WisCore_RAK4631_Board_ABC-if00")
    path = tmp_path / "dev/serial/by-id/usb-RAK_WisCore_RAK4631_Board_ABC-if00"
    assert machine.boards() == [Board(str(path), "WisCore RAK4631 Board")]
    assert others(machine.sys) == []


def test_a_serial_chip_is_named_with_the_boards_that_have_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.plug("10C4:EA60", "CP2102 USB to UART Bridge Controller", "ttyUSB0")
    assert machine.boards() == [Board(str(tmp_path / "dev" / "ttyUSB0"), "CP2102 (Heltec V2/V3, T-Lora)")]


def test_two_boards_are_in_the_order_of_their_paths(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.plug("303a:1001", "USB JTAG/serial debug unit", "ttyACM1", "usb-Espressif_1")
    machine.plug("10c4:ea60", "CP2102", "ttyUSB0", "usb-Silicon_Labs_1")
    assert [board.name.split()[0] for board in machine.boards()] == ["ESP32-S3", "CP2102"]


def test_what_else_is_plugged_in_is_told_apart_and_hubs_are_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.plug("046d:c31c", "toetsenbord")
    machine.plug("1546:01a7", "u-blox 7 - GPS/GNSS Receiver", "ttyACM0", "usb-u-blox")
    machine.plug("1d6b:0002", "xHCI Host Controller", usb_class="09")
    assert machine.boards() == []
    assert others(machine.sys) == [
        UsbDevice("046d:c31c", "toetsenbord"),
        UsbDevice("1546:01a7", "u-blox 7 - GPS/GNSS Receiver"),
    ]


def test_a_machine_without_usb_has_none(tmp_path: Path) -> None:
    assert boards(tmp_path / "dev", tmp_path / "sys") == [] and others(tmp_path / "sys") == []
