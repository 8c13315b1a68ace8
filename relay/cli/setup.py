"""`naober setup`: makes this machine ready to be admitted; asks nothing. Source: experience, section 1."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.language import complain, pick, say
from relay.errors import NaoberError, Text

if TYPE_CHECKING:
    from relay.links.meshtastic.where import Where
    from relay.trust.papers import Request
    from relay.wifi.point import Point

EXAMPLES = (
    Text(
        "sudo naober setup                              (op een Pi)",
        "sudo naober setup                              (on a Pi)",
    ),
    Text(
        "sudo naober setup inbox --broker mqtt.vrd.lan  (op de machine van het postvak)",
        "sudo naober setup inbox --broker mqtt.vrd.lan  (on VRD's inbox host)",
    ),
)
GOOD, ATTENTION = 0, 1
TLS_PORT = 8883
FOLDER, STATE = "/etc/naober", "/var/lib/naober"  # as relay.config, which is too slow to import for help
MODEL_FILES = (Path("/proc/device-tree/model"), Path("/sys/class/dmi/id/product_name"))
STEPS = 5
_COLUMN = 11

_DIR = Text("map van instellingen", "folder of configuration")
_STATE = Text("map van sleutels en berichten", "folder of keys and messages")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A node needs nothing said; an inbox has to say how nodes reach its broker."""
    what = Text("`inbox`: dit is het postvak van VRD", "`inbox`: this is VRD's inbox")
    parser.add_argument("what", nargs="?", choices=["inbox"], metavar="inbox", help=pick(what))
    broker = Text("naam of adres van de broker, voor knooppunten", "how nodes reach the broker")
    parser.add_argument("--broker", metavar="HOST", help=pick(broker))
    port = pick(Text(f"poort van de broker ({TLS_PORT})", f"the broker's port ({TLS_PORT})"))
    parser.add_argument("--port", type=int, default=TLS_PORT, metavar="PORT", help=port)
    stick = Text("map van de stick (vanzelf gevonden als hij NAOBER heet)", "folder of the stick")
    parser.add_argument("--stick", type=Path, metavar="DIR", help=pick(stick))
    radio = Text("deze radio: /dev/..., adres[:poort], of none", "this radio: /dev/..., host[:port], or none")
    parser.add_argument("--radio", default="", metavar="RADIO", help=pick(radio))
    wifi = Text("de wifi voor de pagina: wlan0, of none", "the Wi-Fi of the page: wlan0, or none")
    parser.add_argument("--wifi", default="", metavar="WIFI", help=pick(wifi))
    again = Text("opnieuw een verzoek, ook als dit apparaat is ingeleerd", "ask again, even when enrolled")
    parser.add_argument("--again", action="store_true", help=pick(again))
    add_folders(parser)
    add_root(parser)


def add_root(parser: argparse.ArgumentParser) -> None:
    """Below which the machine's own settings lie, NetworkManager's among them: elsewhere in tests."""
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Where configuration and keys are; the same for setup and enrol."""
    text = f"{pick(_DIR)} ({FOLDER})"
    parser.add_argument("--dir", type=Path, default=Path(FOLDER), metavar="DIR", help=text)
    parser.add_argument("--state", type=Path, default=Path(STATE), metavar="DIR", help=pick(_STATE))


def run(args: argparse.Namespace) -> int:
    """0: done; 1: done, but for the radio or the page."""
    return _inbox(args) if args.what == "inbox" else _node(args)


def _node(args: argparse.Namespace) -> int:
    from relay.cli.setup_page import page
    from relay.trust import enrolment, node_setup, papers

    had_keys = (args.state / node_setup.KEY_FILE).exists()
    request = papers.read_request(node_setup.prepare(args.state))
    _step(1, Text("Sleutels", "Keys"), _keys(request, had_keys))
    where, radio, code = _radio(args)
    if where is not None:
        named = {"device": where.device} if where.device else {"host": where.host, "port": where.port}
        node_setup.remember_radio(args.dir, args.state, **named)
    code = max(code, _set_radio(args, where))
    point, shown, page_code = page(args, request.address)
    code = max(code, page_code)
    _step(4, Text("Pagina", "Page"), shown)
    grant = enrolment.applied(args.state / enrolment.GRANT_FILE)
    if grant is not None and not args.again:
        place = grant.site or grant.name or pick(Text("reserve", "spare"))
        known = f"{place} · roster {grant.version}"
        _step(5, Text("Inleren", "Enrol"), Text(f"was al gedaan: {known}", f"done before: {known}"))
        return code
    envelope = node_setup.prepare(args.state, model=_model(), radio=radio)
    _ask(5, envelope, args.stick, point)
    return code


def _inbox(args: argparse.Namespace) -> int:
    from relay.cli.parser import UsageError
    from relay.trust import inbox_setup, papers

    if not args.broker:
        raise UsageError(
            Text("Er ontbreekt: --broker", "Missing: --broker"),
            "naober setup inbox --broker mqtt.vrd.lan",
        )
    had_keys = (args.state / inbox_setup.KEY_FILE).exists()
    place = inbox_setup.Place(args.dir, args.state, args.broker, args.port)
    envelope = inbox_setup.prepare(place, model=_model())
    _step(1, Text("Sleutels", "Keys"), _keys(papers.read_request(envelope), had_keys), of=2)
    _ask(2, envelope, args.stick, None, of=2)
    return GOOD


# --- the lines ---


def _step(number: int, name: Text, text: Text | str, *, of: int = STEPS) -> None:
    say(f"[{number}/{of}] {pick(name):<{_COLUMN}}{pick(text)}")


def _keys(request: Request, had_keys: bool) -> Text:
    from relay.trust.keys import show

    address, control = show(request.address), request.control
    made = Text("waren er al", "were there") if had_keys else Text("gemaakt op dit apparaat", "made here")
    return Text(
        f"{made.nl} · adres {address} · controlegetal {control}",
        f"{made.en} · address {address} · control number {control}",
    )


def _model() -> str:
    """What this machine calls itself; empty when it does not say."""
    for file in MODEL_FILES:
        try:
            return file.read_text(errors="replace").strip("\0\n ")
        except OSError:
            continue
    return ""


def _radio(args: argparse.Namespace) -> tuple[Where | None, str, int]:
    """The radio of this node, what it calls itself, and an exit code: without one the rest goes on."""
    from relay import config
    from relay.cli.radio_choice import spoken
    from relay.errors import LinkError
    from relay.node.radio_setting import look

    name, shown, where = Text("Radio", "Radio"), "", None
    if args.radio == "none":
        _step(2, name, Text("geen (--radio none)", "none (--radio none)"))
        return None, "", GOOD
    try:
        where, shown = _where(args)
        facts = look(config.NodeConfig(), where)
    except NaoberError as error:
        lacking = Text("niet gevonden", "not found")
        _step(2, name, f"{shown} · {where.name}" if where else lacking)
        complain(spoken(error) if isinstance(error, LinkError) else error)
        return where, shown, ATTENTION
    shown = facts.model or shown
    _step(2, name, f"{shown} · {where.name} · firmware {facts.firmware}")
    return where, shown, GOOD


def _where(args: argparse.Namespace) -> tuple[Where, str]:
    """The radio that was named, or the one on USB; asks only when there are two. Raises NaoberError."""
    from relay.cli.radio_choice import found_board
    from relay.links.meshtastic.where import Where

    if args.radio.startswith("/"):
        return Where(args.radio), "radio"
    if args.radio:
        host, _, port = args.radio.rpartition(":") if ":" in args.radio else (args.radio, "", "4403")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise NaoberError(
                Text(f"--radio {args.radio} past niet", f"--radio {args.radio} does not fit"),
                Text("Schrijf /dev/..., adres:poort of none", "Write /dev/..., host:port or none"),
            )
        return Where("", host, int(port)), "radio"
    board = found_board()
    return Where(board.path), board.name


def _set_radio(args: argparse.Namespace, where: Where | None) -> int:
    name = Text("Instellen", "Set")
    if where is None:
        _step(3, name, Text("geen radio", "no radio"))
        return GOOD
    from relay.cli.enrol_radio import set_and_tell

    line, error = set_and_tell(args.dir, args.state, where)
    _step(3, name, line)
    if error is not None:
        complain(error)
    return ATTENTION if error is not None else GOOD


def _ask(number: int, envelope: bytes, given: Path | None, point: Point | None, *, of: int = STEPS) -> None:
    """The request: on the stick if there is one, otherwise as text and QR code.

    The card with the Wi-Fi's password goes along on the stick, and is shown nowhere: `naober page` does.
    """
    from relay.trust import papers
    from relay.trust.keys import address_text
    from relay.trust.stick import FOLDER as ON_STICK
    from relay.trust.stick import REQUESTS, Stick, find

    name = Text("Inleren", "Enrol")
    where = given or find()
    file = f"{REQUESTS}/{address_text(papers.read_request(envelope).address)}"
    if where is not None:
        Stick(where).write(file, envelope)
        if point is not None:
            from relay.wifi import card

            card.put(Stick(where), papers.read_request(envelope).address, point)
        shown = f"{ON_STICK}/{file}"
        _step(
            number,
            name,
            Text(
                f"verzoek op stick: {shown} · Nu: stick naar de laptop, dan  naober authority approve",
                f"request on stick: {shown} · Next: stick to the laptop, then  naober authority approve",
            ),
            of=of,
        )
        return
    from relay.cli.qr import for_terminal, to_text

    text = to_text(envelope)
    _step(
        number,
        name,
        Text(
            "geen stick. Nu: foto van deze code naar de laptop, dan  naober authority approve --photo F",
            "no stick. Next: a picture of this code to the laptop, then  naober authority approve --photo F",
        ),
        of=of,
    )
    say(for_terminal(text))
    say(text)
