"""An `nmcli` that writes down what it is asked and says what NetworkManager 1.42 says of one Wi-Fi device.

Its answers were taken from the real command against a NetworkManager of python-dbusmock.
"""

from __future__ import annotations

import os
from pathlib import Path

SCRIPT = """\
#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/asked"
case "$*" in
    *"device status") cat "$here/devices" ;;
    *"device show "*) cat "$here/device-$6" ;;
    *"connection show --active") cat "$here/active" ;;
    *"connection up id"*)
        left=$(cat "$here/refuses")
        echo $((left - 1)) > "$here/refuses"
        if [ "$left" -gt 0 ]; then echo "Error: Connection activation failed" >&2; exit 4; fi ;;
esac
"""


class FakeNmcli:
    """A folder for PATH with `nmcli` and `iw` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder / "bin", folder / "root"
        self.folder.mkdir()
        self.root.mkdir()
        for name, text in (("nmcli", SCRIPT), ("iw", IW), ("dnsmasq", "#!/bin/sh\n")):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        (self.folder / "active").write_text("")
        self.refuses(0)
        (self.folder / "country").write_text("00\n")
        self.has("eth0:ethernet")

    def has(self, *devices: str) -> None:
        """What the machine has: "wlan0:wifi" and the like."""
        (self.folder / "devices").write_text("".join(f"{each}\n" for each in devices))

    def wifi(self, name: str = "wlan0", *, able: bool = True, connection: str = "") -> None:
        """A Wi-Fi device of this name, beside the Ethernet."""
        self.has(*(self.folder / "devices").read_text().split(), f"{name}:wifi")
        said = connection.replace(":", "\\:")
        said = f"GENERAL.CONNECTION:{said}\nWIFI-PROPERTIES.AP:{'yes' if able else 'no'}\n"
        (self.folder / f"device-{name}").write_text(said)

    def active(self, *lines: str) -> None:
        """What is up: "naober:activated"."""
        (self.folder / "active").write_text("".join(f"{each}\n" for each in lines))

    def refuses(self, times: int = 1_000) -> None:
        """Nothing can be switched on for so many tries."""
        (self.folder / "refuses").write_text(f"{times}\n")

    def country(self, country: str) -> None:
        """What `iw reg get` says."""
        (self.folder / "country").write_text(f"{country}\n")

    def asked(self) -> list[str]:
        """Every call so far, its arguments in a line."""
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def path(self) -> str:
        """PATH with this folder in front."""
        return f"{self.folder}:{os.environ['PATH']}"

    @property
    def keyfile(self) -> Path:
        """Where the access point is kept."""
        return self.root / "etc/NetworkManager/system-connections/naober.nmconnection"


IW = """\
#!/bin/sh
here=$(dirname "$0")
echo "iw $*" >> "$here/asked"
case "$*" in
    "reg get") printf 'global\\ncountry %s: DFS-ETSI\\n\\t(2400 - 2483 @ 40)\\n' "$(cat "$here/country")" ;;
    "reg set "*) echo "$3" > "$here/country" ;;
esac
"""
