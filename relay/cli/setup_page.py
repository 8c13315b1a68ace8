"""The step of `naober setup` that gives the site's page a Wi-Fi. Source: experience, section 1."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.language import complain
from relay.errors import NaoberError, Text

if TYPE_CHECKING:
    from relay.wifi.point import Point

GOOD, ATTENTION = 0, 1


def page(args: argparse.Namespace, address: bytes) -> tuple[Point | None, Text, int]:
    """The Wi-Fi that was made, what to say of it, and an exit code: without one the rest goes on.

    Wi-Fi is the machine's: a set-up into another folder leaves it alone, unless --wifi names a device.
    """
    from relay import config
    from relay.trust import node_setup
    from relay.wifi import point, setting

    if args.wifi == "none":
        return None, Text("geen wifi (--wifi none)", "no Wi-Fi (--wifi none)"), GOOD
    if not args.wifi and args.dir != config.FOLDER:
        return None, Text("overgeslagen: andere map (--dir)", "passed over: another folder (--dir)"), GOOD
    try:
        made = setting.make(point.name_for(address), wanted=args.wifi, root=args.root)
        if made.point is not None:
            node_setup.remember_page(args.dir, args.state, point.ADDRESS)
    except NaoberError as error:
        complain(error)
        return None, Text("geen wifi", "no Wi-Fi"), ATTENTION
    except PermissionError as error:
        complain(no_access(error))
        return None, Text("geen wifi", "no Wi-Fi"), ATTENTION
    if made.do.nl:
        complain(NaoberError(made.why, made.do))
    code = ATTENTION if made.attention else GOOD
    if made.point is None:
        return None, Text(f"geen pagina: {made.why.nl}", f"no page: {made.why.en}"), code
    shown = f"wifi {made.point.name} · {point.url(point.ADDRESS, _port(args.dir))}"
    return made.point, Text(shown, shown), code


def no_access(error: PermissionError) -> NaoberError:
    """Only root may read the keyfile: the password is in it."""
    return NaoberError(
        Text(f"Geen toegang tot {error.filename}", f"No access to {error.filename}"),
        Text("herhaal dit met sudo", "repeat this with sudo"),
    )


def _port(folder: Path) -> int:
    from relay import config

    return config.load_node(folder / config.NODE_FILE).page.port
