"""`naober setup`: keys, configuration, and a node's way into the roster."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.language import pick, say
from relay.errors import Text

if TYPE_CHECKING:
    from relay.trust.plan import Done

EXAMPLES = (
    "naober setup inbox --broker mqtt.vrd.lan       (1, on the inbox host)",
    'naober setup node --site "Kazerne Beilen"      (2, on the Pi)',
    "naober setup admit request-3f9a21c4.toml       (3, on the inbox host)",
    "naober setup apply admission-3f9a21c4.toml     (4, on the Pi)",
)

TLS_PORT = 8883
PLAIN_PORT = 1884  # Debian starts a broker of its own on 1883
FOLDER, STATE = "/etc/naober", "/var/lib/naober"  # as relay.config, which is too slow to import for help

_HELP = {
    "inbox": Text("het postvak en zijn broker voorbereiden", "prepare the inbox and its broker"),
    "node": Text("sleutels van dit knooppunt en een verzoek maken", "make this node's keys and a request"),
    "admit": Text(
        "een verzoek inwilligen: in het roster, met een toelating", "grant a request: into the roster"
    ),
    "apply": Text("een toelating op dit knooppunt toepassen", "apply an admission to this node"),
}
_DIR = Text("map van instellingen", "folder of configuration")
_STATE = Text("map van sleutels en berichten", "folder of keys and messages")
_REPLACE = Text("vervang wat er anders is", "replace what is different")
_OUT = Text("map voor het bestand", "folder for the file")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The four steps, each with its own options."""
    steps = parser.add_subparsers(dest="step", required=True, metavar=pick(Text("STAP", "STEP")))
    inbox = _step(steps, "inbox", run_inbox, state=True)
    broker = Text("naam of adres van de broker, voor knooppunten", "how nodes reach the broker")
    inbox.add_argument("--broker", required=True, metavar="HOST", help=pick(broker))
    port = Text(
        f"poort ({TLS_PORT}, met --plain {PLAIN_PORT})", f"port ({TLS_PORT}, with --plain {PLAIN_PORT})"
    )
    inbox.add_argument("--port", type=int, metavar="PORT", help=pick(port))
    _plain(inbox)
    node = _step(steps, "node", run_node, state=True, folder=False)
    site = Text("naam van het noodsteunpunt", "name of the site")
    node.add_argument("--site", required=True, metavar="NAME", help=pick(site))
    node.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=pick(_OUT))
    _plain(node)
    admit = _step(steps, "admit", run_admit)
    admit.add_argument("request", type=Path, metavar="REQUEST.toml")
    admit.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=pick(_OUT))
    control = Text("controlegetal dat het knooppunt toont", "control number that the node shows")
    admit.add_argument("--control", metavar="NUMBER", help=pick(control))
    admit.add_argument(
        "--municipality", default="", metavar="NAME", help=pick(Text("gemeente", "municipality"))
    )
    site_id = Text("nummer van de plaats bij VRD", "the site's number at VRD")
    admit.add_argument("--site-id", default="", metavar="ID", help=pick(site_id))
    gateway = Text("het knooppunt naast de broker", "the node beside the broker")
    admit.add_argument("--gateway", action="store_true", help=pick(gateway))
    apply = _step(steps, "apply", run_apply, state=True)
    apply.add_argument("admission", type=Path, metavar="ADMISSION.toml")


def run(args: argparse.Namespace) -> int:
    """Runs the chosen step."""
    code: int = args.run_step(args)
    return code


def run_inbox(args: argparse.Namespace) -> int:
    """Step 1, on the inbox host."""
    from relay.trust.inbox_setup import Place, establish

    port = args.port or (PLAIN_PORT if args.plain else TLS_PORT)
    place = Place(args.dir, args.state, args.broker, port, args.plain)
    _tell(establish(place, replace=args.replace))
    conf = place.broker / "naober.conf"
    start = f"mosquitto -p {port}" if args.plain else f"mosquitto -c {conf}"
    say(Text("Nu:", "Next:"))
    say(f"  1  {start}")
    if not args.plain:
        lasting = f"sudo install -b -m 644 {conf} /etc/mosquitto/mosquitto.conf"
        say(Text(f"     blijvend: {lasting}", f"     for good: {lasting}"))
        say("               sudo systemctl restart mosquitto")
    say(f"  2  naober inbox --config {args.dir / 'inbox.toml'}")
    say(
        Text(
            "  3  op elk knooppunt: naober setup node --site NAAM",
            "  3  on each node: naober setup node --site NAME",
        )
    )
    return 0


def run_node(args: argparse.Namespace) -> int:
    """Step 2, on the node."""
    from relay.trust import keys
    from relay.trust.admission import request_name, request_text
    from relay.trust.node_setup import prepare
    from relay.trust.plan import Wanted, carry_out

    request = prepare(args.state, args.site, plain=args.plain)
    file = args.out / request_name(request)
    text = request_text(request)
    done = carry_out([Wanted(file, text.encode())], replace=args.replace)
    say(text.rstrip())
    say()
    _tell(done)
    shown = keys.show(request.address)
    say(
        Text(
            f"Adres {shown} · controlegetal {request.control}", f"Address {shown} · control {request.control}"
        )
    )
    say(
        Text(
            f"Nu: breng {file.name} naar het postvak, en daar:",
            f"Next: take {file.name} to the inbox host, there:",
        )
    )
    say(f"  naober setup admit {file.name}")
    return 0


def run_admit(args: argparse.Namespace) -> int:
    """Step 3, on the inbox host."""
    from relay.config import INBOX_FILE
    from relay.trust.admission import admission_name, check_control, load_request
    from relay.trust.admit import Register, admit, write_admission

    request = load_request(args.request)
    if args.control is not None:
        check_control(request, args.control)
    register = Register(args.municipality, args.site_id, args.gateway)
    admission = admit(request, args.dir / INBOX_FILE, register, replace=args.replace)
    file = args.out / admission_name(admission)
    _tell([write_admission(admission, file, replace=args.replace)])
    if args.control is None:
        say(
            Text(
                "Vergelijk eerst dit controlegetal met wat het knooppunt toont:",
                "First compare with the node:",
            )
        )
        say(f"  {request.control}")
    say(
        Text(
            f"Nu: breng {file.name} naar {request.site}, en daar:",
            f"Next: take {file.name} to {request.site}:",
        )
    )
    say(f"  naober setup apply {file.name}")
    return 0


def run_apply(args: argparse.Namespace) -> int:
    """Step 4, on the node."""
    from relay.config import NODE_FILE
    from relay.trust.admission import load_admission
    from relay.trust.node_setup import apply

    _tell(apply(load_admission(args.admission), args.dir, args.state, replace=args.replace))
    file = args.dir / NODE_FILE
    say(Text("Nu:", "Next:"))
    say(f"  naober config check {file}")
    say(f"  naober node --config {file}")
    return 0


def _step(
    steps: Any,
    name: str,
    run_step: Callable[[argparse.Namespace], int],
    *,
    folder: bool = True,
    state: bool = False,
) -> argparse.ArgumentParser:
    text = pick(_HELP[name])
    parser: argparse.ArgumentParser = steps.add_parser(name, help=text, description=text)
    parser.set_defaults(run_step=run_step)
    if folder:
        parser.add_argument(
            "--dir", type=Path, default=Path(FOLDER), metavar="DIR", help=f"{pick(_DIR)} ({FOLDER})"
        )
    if state:
        parser.add_argument("--state", type=Path, default=Path(STATE), metavar="DIR", help=pick(_STATE))
    parser.add_argument("--replace", action="store_true", help=pick(_REPLACE))
    return parser


def _plain(parser: argparse.ArgumentParser) -> None:
    text = Text("zonder TLS, alleen binnen dit apparaat (demo)", "without TLS, on this machine only (demo)")
    parser.add_argument("--plain", action="store_true", help=pick(text))


def _tell(done: Iterable[Done]) -> None:
    for file in done:
        say(f"{pick(file.what):<10} {file.path}")
