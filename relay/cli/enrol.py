"""`naober enrol`: takes a grant into use, on a Pi and on the inbox host. Source: experience, section 1."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from relay.cli.language import complain, pick, say
from relay.cli.setup import add_folders
from relay.errors import NaoberError, Text, TrustError, WireError

if TYPE_CHECKING:
    from relay.trust.papers import Grant

EXAMPLES = (
    Text(
        "sudo naober enrol                       (de stick die erin zit)",
        "sudo naober enrol                       (the stick that is in)",
    ),
    "sudo naober enrol --stick /media/NAOBER",
    "sudo naober enrol --photo antwoord.jpg",
)
GOOD, ATTENTION = 0, 1
FILE_BYTES_MAX = 8192  # a grant, or one as text

_DO = Text("Kies een van: --stick, --file, --text, --photo", "Give one of: --stick, --file, --text, --photo")


class Brought(NamedTuple):
    """What came along."""

    grants: tuple[bytes, ...]
    roster: frozenset[bytes] = frozenset()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the grant comes from: one of four, the stick that is in by default."""
    where = parser.add_mutually_exclusive_group()
    stick = Text("map van de stick (vanzelf gevonden als hij NAOBER heet)", "folder of the stick")
    where.add_argument("--stick", type=Path, metavar="DIR", help=pick(stick))
    file = Text("een toelating als bestand", "a grant as a file")
    where.add_argument("--file", type=Path, metavar="FILE", help=pick(file))
    text = Text(
        "een toelating als tekst, zoals een QR-lezer hem toont", "a grant as text, as a reader shows it"
    )
    where.add_argument("--text", metavar="TEXT", help=pick(text))
    photo = Text("een foto van de QR-code van de toelating", "a picture of the grant's QR code")
    where.add_argument("--photo", type=Path, metavar="FILE", help=pick(photo))
    replace = Text("van een ander netwerk: vergeet het oude", "of another network: forget the old one")
    parser.add_argument("--replace", action="store_true", help=pick(replace))
    no_radio = Text("stel de radio niet in", "leave the radio alone")
    parser.add_argument("--no-radio", action="store_true", help=pick(no_radio))
    no_start = Text("start de dienst niet", "do not start the service")
    parser.add_argument("--no-start", action="store_true", help=pick(no_start))
    add_folders(parser)


def run(args: argparse.Namespace) -> int:
    """0: applied; 1: applied, but the radio needs a hand."""
    from relay.trust import inbox_setup

    own = _own_keys(args.state)
    brought = _brought(args, own)
    code = GOOD
    for envelope in brought.grants:
        if _is_for(envelope, own.get(inbox_setup.KEY_FILE)):
            _inbox(args, envelope, brought.roster)
        else:
            code = max(code, _node(args, envelope, brought.roster))
    return code


# --- where it comes from ---


def _own_keys(state: Path) -> dict[str, bytes]:
    """The public keys that this machine may be known by: of a node, of an inbox, or of both."""
    from relay.trust import inbox_setup, keys, node_setup

    names = (node_setup.KEY_FILE, inbox_setup.KEY_FILE)
    found = {name: keys.public_bytes(keys.load(state / name)) for name in names if (state / name).exists()}
    if not found:
        raise NaoberError(
            Text("Dit apparaat heeft nog geen sleutels", "This machine has no keys yet"),
            Text("sudo naober setup", "sudo naober setup"),
        )
    return found


def _brought(args: argparse.Namespace, own: dict[str, bytes]) -> Brought:
    if args.text is not None:
        return Brought((_from_text(args.text),))
    if args.file is not None:
        return Brought((_from_file(args.file),))
    if args.photo is not None:
        from relay.cli.qr import from_photo

        return Brought(tuple(from_photo(args.photo))[:1])
    return _from_stick(args.stick, own)


def _from_text(text: str) -> bytes:
    from relay.cli.qr import from_text

    try:
        return from_text(text)
    except WireError as error:
        raise TrustError(error.what, error.do) from error


def _from_file(path: Path) -> bytes:
    """As bytes, or as the text that a QR reader made of it."""
    from relay.core.wire import VERSION
    from relay.trust.stick import read_file

    data = read_file(path, FILE_BYTES_MAX)
    if data[:1] and data[0] >> 5 == VERSION and not data[:1].isalnum():
        return data
    return _from_text(data.decode("ascii", "replace"))


def _from_stick(given: Path | None, own: dict[str, bytes]) -> Brought:
    from relay.errors import StorageError
    from relay.trust.keys import address_of, address_text, show
    from relay.trust.papers import GRANT_BYTES_MAX
    from relay.trust.roster_file import PAPERS_BYTES_MAX, decode
    from relay.trust.stick import GRANTS, ROSTER, Stick, find

    where = given or find()
    if where is None:
        raise NaoberError(Text("Geen stick NAOBER gevonden", "There is no stick called NAOBER"), _DO)
    stick = Stick(where)
    grants = []
    for key in own.values():
        try:
            grants.append(stick.read(f"{GRANTS}/{address_text(address_of(key))}", GRANT_BYTES_MAX))
        except StorageError as error:
            if error.code != "missing":
                raise
    if not grants:
        address = " / ".join(show(address_of(key)) for key in own.values())
        raise TrustError(
            Text(
                f"Op deze stick staat geen toelating voor {address}", f"No grant for {address} on this stick"
            ),
            Text("naober authority approve op de laptop", "naober authority approve on the laptop"),
        )
    try:
        roster = decode(stick.read(ROSTER, PAPERS_BYTES_MAX))
    except (StorageError, WireError):
        roster = frozenset()  # what it says comes later by MQTT; the grant counts without it
    return Brought(tuple(grants), roster)


def _is_for(envelope: bytes, public_key: bytes | None) -> bool:
    from relay.trust import papers

    try:
        return papers.read_first_grant(envelope).sign_key == public_key
    except (WireError, TrustError):
        return False


# --- taking it into use ---


def _node(args: argparse.Namespace, envelope: bytes, roster: frozenset[bytes]) -> int:
    from relay.node.proving import want
    from relay.trust import node_setup
    from relay.trust.plan import KEPT

    applied = node_setup.apply(envelope, args.dir, args.state, roster=roster, replace=args.replace)
    grant = applied.grant
    place = grant.site or grant.name or pick(Text("reserve", "spare"))
    _line(Text("Toelating", "Grant"), f"{place} · roster {grant.version} · {_authority(grant)}")
    code = GOOD if args.no_radio else _radio(args)
    anew = any(each.what is not KEPT for each in applied.done)
    if anew:
        want(args.state)  # the service proves each link by itself
    _service(args, "naober-node", f"naober node --config {args.dir / 'node.toml'}", anew=anew)
    say(Text("Nu: naober test (de proef begint vanzelf)", "Next: naober test (it begins by itself)"))
    return code


def _radio(args: argparse.Namespace) -> int:
    from relay import config

    name = Text("Radio", "Radio")
    if not config.load_node(args.dir / config.NODE_FILE).radio.is_configured:
        _line(name, Text("geen ingesteld · later: naober radio set", "none set · later: naober radio set"))
        return GOOD
    from relay.cli.enrol_radio import set_and_tell

    line, error = set_and_tell(args.dir, args.state)
    _line(name, line)
    if error is not None:
        complain(error)
    return ATTENTION if error is not None else GOOD


def _inbox(args: argparse.Namespace, envelope: bytes, roster: frozenset[bytes]) -> None:
    from relay.trust import inbox_setup
    from relay.trust.plan import KEPT

    grant, done = inbox_setup.apply(envelope, args.dir, args.state, roster=roster, replace=args.replace)
    _line(Text("Toelating", "Grant"), f"VRD · roster {grant.version} · {_authority(grant)}")
    conf = args.dir / inbox_setup.BROKER_FOLDER / "naober.conf"
    _line("Broker", f"{grant.brokers[0][0]}:{grant.brokers[0][1]} · {conf}")
    say(Text("Nu:", "Next:"))
    say(f"  sudo install -b -m 644 {conf} /etc/mosquitto/mosquitto.conf && sudo systemctl restart mosquitto")
    anew = any(each.what is not KEPT for each in done)
    _service(args, "naober-inbox", f"naober inbox --config {args.dir / 'inbox.toml'}", anew=anew)


def _authority(grant: Grant) -> str:
    """The first authority, by the address that its laptop shows."""
    from relay.trust.keys import address_of, show

    first = show(address_of(grant.authority_keys[0]))
    return pick(Text(f"gezag {first}", f"authority {first}"))


def _line(name: Text | str, text: Text | str) -> None:
    say(f"{pick(name):<11}{pick(text)}")


def _service(args: argparse.Namespace, unit: str, otherwise: str, *, anew: bool) -> None:
    """Starts the service where systemd keeps it; says how to start it anywhere else."""
    from relay.cli.service import start

    name = Text("Dienst", "Service")
    if not args.no_start and start(unit, args.dir, anew=anew):
        _line(name, Text(f"{unit} gestart", f"{unit} started"))
    elif anew and _runs(args.state):
        _line(name, Text("draait nog met de oude: herstart hem", "runs with the old one: restart it"))
    else:
        _line(name, Text(f"start met: {otherwise}", f"start with: {otherwise}"))


def _runs(state: Path) -> bool:
    """Whether a node's service answers; the one of an inbox follows its files by itself."""
    from relay.node import control

    try:
        control.ask(state, {"verb": "status"})
    except NaoberError:
        return False
    return True
