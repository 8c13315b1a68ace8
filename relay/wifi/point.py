"""An access point as NetworkManager keeps it: one keyfile, which is also where its password is kept.

What stands in it, and why (`naober setup` writes it, NetworkManager reads it):

    key-mgmt=wpa-psk, proto=rsn, ccmp   WPA2: phones of ten years take it; an open network is never made
    pmf=1 (off)                         with it a Pi can't be an access point (raspberrypi/linux #7247)
    band=bg                             2.4 GHz: every phone, and further through walls
    method=shared                       NetworkManager gives out addresses (by dnsmasq), and would route on:
    routing-rule1=... type prohibit     what comes in by this Wi-Fi is for this machine, and goes nowhere else
    autoconnect-retries=0               for ever

Source: experience, section 2; nm-settings-keyfile(5).
"""

from __future__ import annotations

import configparser
import secrets
import uuid
from pathlib import Path

import msgspec

ADDRESS = "10.42.0.1"
PREFIX = 24
CONNECTION = "naober"
COUNTRY = "NL"
PRIORITY = 100  # above what else this device could join
RULE_PRIORITY = 50  # before the main table, after what is for this machine itself

# without vowels (no words), digits (no other keyboard) and l: 20 letters, 4.3 bits each
LETTERS = "bcdfghjkmnpqrstvwxyz"
GROUPS, GROUP = 4, 4  # 69 bits

KEYFILE_BYTES_MAX = 8 * 1024
_SPACE = uuid.UUID("5f0b6d3e-6f0f-4a55-8f0e-6e616f626572")


class Point(msgspec.Struct, frozen=True):
    """One access point."""

    name: str  # as phones list it
    password: str
    device: str = ""  # wlan0


def name_for(address: bytes) -> str:
    """What the Wi-Fi of the node with this address is called."""
    return f"naober-{address.hex()[:4]}"


def new_password() -> str:
    """A password that is easy to read out and to type on a telephone."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def join_code(point: Point) -> str:
    """What a QR code says that has a telephone join. The password is in it."""
    from segno.helpers import make_wifi_data

    return str(make_wifi_data(ssid=point.name, password=point.password, security="WPA"))


def url(host: str, port: int) -> str:
    """The address of the page, as one types it."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}" if port == 80 else f"http://{shown}:{port}"


def keyfile(point: Point) -> str:
    """As NetworkManager reads it. Mode 0600: it has the password in it."""
    rule = f"priority {RULE_PRIORITY} from 0.0.0.0/0 iif {point.device} type prohibit"
    return f"""\
# Written by `naober setup`; `sudo naober page` shows it, `sudo naober page --new-password` changes it.
[connection]
id={CONNECTION}
uuid={uuid.uuid5(_SPACE, point.name)}
type=wifi
interface-name={point.device}
autoconnect=true
autoconnect-priority={PRIORITY}
autoconnect-retries=0

[wifi]
mode=ap
ssid={point.name}
band=bg

[wifi-security]
key-mgmt=wpa-psk
proto=rsn;
pairwise=ccmp;
group=ccmp;
pmf=1
psk={point.password}

[ipv4]
method=shared
address1={ADDRESS}/{PREFIX}
routing-rule1={rule}

[ipv6]
method=disabled
"""


def names() -> str:
    """For NetworkManager's dnsmasq: what is looked up on this Wi-Fi is here, so the page opens by itself.

    Other kinds of question (IPv6, HTTPS) are answered with "none" at once: `local` and `no-resolv` keep
    dnsmasq from asking the outside, and waiting for a network that may not be there (seen with 2.90).

    No DHCP option 114 (RFC 8910): it has to name an https address that every phone trusts, which a box
    without internet can't have, and phones that see it no longer look for the page by themselves.
    """
    return f"# Written by `naober setup`.\naddress=/#/{ADDRESS}\nlocal=/#/\nno-resolv\n"


def read(path: Path) -> Point | None:
    """What the keyfile at `path` says; None when there is none, or none of ours. Raises PermissionError."""
    try:
        with path.open("rb") as file:
            text = file.read(KEYFILE_BYTES_MAX).decode("utf-8", "replace")
    except PermissionError:
        raise
    except OSError:
        return None
    found = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    try:
        found.read_string(text)
        point = Point(
            found["wifi"]["ssid"], found["wifi-security"]["psk"], found["connection"]["interface-name"]
        )
    except (configparser.Error, KeyError):
        return None
    return point if found["connection"].get("id") == CONNECTION else None
