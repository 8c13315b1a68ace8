"""`naober page`: how one comes to the site's page: Wi-Fi, address, PIN; and what is the matter with it.

Source: experience, sections 1 and 2.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.language import complain, pick, say
from relay.cli.setup import add_root
from relay.cli.setup_page import no_access
from relay.errors import ConfigError, NaoberError, Text

if TYPE_CHECKING:
    from relay.config import NodeConfig
    from relay.wifi.point import Point

EXAMPLES = ("sudo naober page", "sudo naober page --new-pin", "sudo naober page --new-password")
GOOD, ATTENTION = 0, 1
_COLUMN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Look, or have another PIN or password made."""
    pin = Text(
        "een andere pincode; wie binnen is, moet hem opnieuw geven", "another PIN; all are asked again"
    )
    parser.add_argument("--new-pin", action="store_true", help=pick(pin))
    password = Text(
        "een ander wifi-wachtwoord; de kaart in de kast geldt dan niet meer",
        "another Wi-Fi password; the card in the box is void then",
    )
    parser.add_argument("--new-password", action="store_true", help=pick(password))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")
    add_root(parser)


def run(args: argparse.Namespace) -> int:
    """0: the page is there for people; 1: it is not, or nobody can tell."""
    from relay import config
    from relay.wifi import setting

    file = args.config or config.FOLDER / config.NODE_FILE
    settings = config.load_node(file)
    if not settings.page.is_configured:
        raise ConfigError(
            Text("Dit knooppunt heeft geen pagina", "This node has no page"),
            Text("sudo naober setup, of schrijf host in [page] van node.toml", "sudo naober setup"),
        )
    try:
        here = setting.current(args.root)
        if args.new_password:
            here = _new_password(here, args.root)
        _tell(settings, here, _pin(settings, new=args.new_pin))
    except PermissionError as error:
        raise no_access(error) from error
    return _state(settings, file)


def _new_password(here: Point | None, root: Path) -> Point:
    """On disk first: whatever NetworkManager says of it, the next start has it."""
    from relay.wifi import point, setting

    if here is None:
        raise ConfigError(
            Text("Dit knooppunt heeft geen eigen wifi", "This node has no Wi-Fi of its own"),
            Text("sudo naober setup", "sudo naober setup"),
        )
    changed = point.Point(here.name, point.new_password(), here.device)
    setting.write(changed, root)
    try:
        setting.switch_on(root)
    except NaoberError as error:
        complain(error)
    say(
        Text(
            "Nieuw wachtwoord. Schrijf het op de kaart in de kast; telefoons moeten het opnieuw geven.",
            "A new password. Write it on the card in the box; phones have to give it again.",
        )
    )
    return changed


def _pin(settings: NodeConfig, *, new: bool) -> str:
    """Of the building's side; empty where there is none."""
    from relay.node.desk import pin

    if not settings.page.lan_host and not new:
        return ""
    path = settings.node.state / pin.NAME
    return pin.renew(path) if new else pin.load_or_create(path)


def _tell(settings: NodeConfig, here: Point | None, pin: str) -> None:
    from relay.wifi import point

    page = settings.page
    if here is not None:
        from relay.cli import qr

        _line(Text("Wifi", "Wi-Fi"), here.name)
        _line(Text("Wachtwoord", "Password"), here.password)
        code = point.join_code(here)
        if qr.fits_terminal(code):
            say(qr.for_terminal(code))
    if page.host:
        _line(Text("Pagina", "Page"), point.url(page.host, page.port))
    if page.lan_host:
        _line(Text("In gebouw", "In building"), point.url(page.lan_host, page.port))
    if pin:
        _line(Text("Pincode", "PIN"), pin)


def _line(name: Text, said: str) -> None:
    say(f"{pick(name):<{_COLUMN}}{said}")


def _state(settings: NodeConfig, file: Path) -> int:
    """The doctor's word on it: P01 with the program that has the port, Wi-Fi off, not served."""
    from relay.doctor.case import open_case
    from relay.doctor.page import page

    finding = page(open_case(settings, file))
    _line(Text("Toestand", "State"), pick(finding.short))
    if finding.grade > GOOD:
        code = f"{finding.code} " if finding.code.isupper() else ""
        complain(NaoberError(Text(f"{code}{finding.what.nl}", f"{code}{finding.what.en}"), finding.do))
    return GOOD if finding.grade == GOOD else ATTENTION
