"""`naober authority`: the laptop that admits machines and takes keys back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from relay.cli.language import pick
from relay.errors import Text

EXAMPLES = (
    Text(
        "naober authority init                              (eenmaal; tweede: --name VRD-B --other STICK)",
        "naober authority init                              (once; second: --name VRD-B --other STICK)",
    ),
    "naober authority approve /media/NAOBER",
    Text(
        "naober authority approve --photo verzoek.jpg       (zonder stick: het antwoord komt als QR-code)",
        "naober authority approve --photo verzoek.jpg       (no stick: the answer is shown as a QR code)",
    ),
    'naober authority revoke 3f9a-21c4 --reason "gestolen"',
    Text(
        "naober authority sync /media/NAOBER                (daar, en dan op de andere laptop)",
        "naober authority sync /media/NAOBER                (there, then on the other laptop)",
    ),
)
FOLDER = "~/naober-authority"

_HELP = {
    "init": Text("een gezag inrichten op deze laptop", "make an authority on this laptop"),
    "approve": Text("verzoeken inwilligen: toelatingen tekenen", "grant requests"),
    "revoke": Text("een sleutel voorgoed intrekken", "revoke a key for ever"),
    "sync": Text("roster gelijk maken met de andere laptop", "merge rosters with the other laptop"),
    "label": Text("installatiebladen en labels afdrukken", "install sheets and labels as PDF"),
    "channel-rotate": Text("een nieuwe sleutel voor het radiokanaal", "a new key for the radio channel"),
    "sign-bundle": Text("een nieuwe versie toelaten op de apparaten", "let a new version onto the machines"),
    "paper": Text("papieren kopie van de sleutel (versleuteld)", "paper copy of the key (encrypted)"),
}
_STICK = Text("map van de stick, zoals /media/NAOBER", "folder of the stick, such as /media/NAOBER")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Each step with its own options."""
    steps = parser.add_subparsers(dest="step", required=True, metavar=pick(Text("STAP", "STEP")))
    _init(_step(steps, "init", "authority_init"))
    _approve(_step(steps, "approve", "authority_approve"))
    revoke = _step(steps, "revoke", "authority_revoke")
    who = Text("adres van het label, of VRD-B", "address on the label, or VRD-B")
    revoke.add_argument("address", metavar="ADDRESS", help=pick(who))
    why = Text("waarom, hoogstens 60 tekens", "why, at most 60 characters")
    revoke.add_argument("--reason", required=True, metavar="TEXT", help=pick(why))
    _stick(revoke)
    sync = _step(steps, "sync", "authority_sync")
    where = Text("stick, of de map van de andere laptop", "stick, or the other laptop's folder")
    sync.add_argument("where", type=Path, metavar="STICK|DIR", help=pick(where))
    yes = Text("controlegetal van de andere laptop is vergeleken", "its control number was compared")
    sync.add_argument("--yes", action="store_true", help=pick(yes))
    label = _step(steps, "label", "authority_label", passphrase=False)
    label.add_argument(
        "--site", default="", metavar="ID", help=pick(Text("alleen deze plaats", "only this site"))
    )
    out = Text("map voor de PDF's (deze map)", "folder for the PDFs (this one)")
    label.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=pick(out))
    _stick(_step(steps, "channel-rotate", "authority_rotate"))
    signed = _step(steps, "sign-bundle", "authority_bundle")
    bundle = Text("de bundel, zoals naober-1.2.0.bundle", "the bundle, such as naober-1.2.0.bundle")
    signed.add_argument("file", type=Path, metavar="BUNDLE", help=pick(bundle))
    paper = _step(steps, "paper", "authority_paper", passphrase=False)
    to = Text("de PDF (sleutel-NAAM.pdf)", "the PDF (sleutel-NAME.pdf)")
    paper.add_argument("--out", type=Path, metavar="FILE", help=pick(to))


def run(args: argparse.Namespace) -> int:
    """Runs the chosen step."""
    import importlib

    args.dir = args.dir.expanduser()
    code: int = importlib.import_module(f"relay.cli.{args.module}").run(args)
    return code


def _init(init: argparse.ArgumentParser) -> None:
    name = Text("naam van dit gezag (VRD-A)", "name of this authority (VRD-A)")
    init.add_argument("--name", default="VRD-A", metavar="NAME", help=pick(name))
    other = Text("tweede laptop: stick of bestand van de eerste", "second laptop: stick or file of the first")
    init.add_argument("--other", type=Path, metavar="STICK|FILE", help=pick(other))
    restore = Text(
        "uit een kopie: authority.key, of een foto van het papier", "from a copy, or a photo of the paper"
    )
    init.add_argument("--restore", type=Path, metavar="FILE", help=pick(restore))
    phone = Text("telefoonnummer voor installatiebladen", "telephone number for install sheets")
    init.add_argument("--phone", default="", metavar="NUMBER", help=pick(phone))
    preset = Text("instelling van alle radio's (LONG_FAST)", "setting of all radios (LONG_FAST)")
    init.add_argument("--preset", default="LONG_FAST", metavar="NAME", help=pick(preset))
    yes = Text(
        "controlegetal van de eerste laptop is vergeleken", "the first one's control number was compared"
    )
    init.add_argument("--yes", action="store_true", help=pick(yes))


def _approve(approve: argparse.ArgumentParser) -> None:
    what = Text("stick, of bestanden met een verzoek", "stick, or files with a request")
    approve.add_argument("source", nargs="*", type=Path, metavar="STICK|FILE", help=pick(what))
    photo = Text("foto van de QR-code van een verzoek", "picture of a request's QR code")
    approve.add_argument("--photo", action="append", default=[], type=Path, metavar="FILE", help=pick(photo))
    site = Text("nummer van de plaats (één verzoek)", "number of the site (one request)")
    approve.add_argument("--site", default="", metavar="ID", help=pick(site))
    role = Text("node, gateway of spare (reserve)", "node, gateway or spare")
    approve.add_argument("--role", choices=("node", "gateway", "spare"), default="node", help=pick(role))
    box = Text(
        "welke kast, of hoe een reserve of gateway heet", "which box; what a spare or gateway is called"
    )
    approve.add_argument("--name", default="", metavar="NAME", help=pick(box))
    taken = approve.add_mutually_exclusive_group()
    replace = Text("E03: het knooppunt daar wordt vervangen", "E03: take the place of the node there")
    taken.add_argument("--replace", action="store_true", help=pick(replace))
    second = Text("E03: een tweede knooppunt daar", "E03: a second node there")
    taken.add_argument("--second", action="store_true", help=pick(second))
    again = Text("teken ook wat al toegelaten is", "sign also what is admitted already")
    approve.add_argument("--again", action="store_true", help=pick(again))
    yes = Text("vraag niets: controlegetallen zijn vergeleken", "ask nothing: control numbers were compared")
    approve.add_argument("--yes", action="store_true", help=pick(yes))


def _stick(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stick", type=Path, metavar="DIR", help=pick(_STICK))


def _step(steps: Any, name: str, module: str, *, passphrase: bool = True) -> argparse.ArgumentParser:
    text = pick(_HELP[name])
    parser: argparse.ArgumentParser = steps.add_parser(name, help=text, description=text)
    parser.set_defaults(module=module)
    folder = Text("map van het gezag", "folder of the authority")
    parser.add_argument(
        "--dir", type=Path, default=Path(FOLDER), metavar="DIR", help=f"{pick(folder)} ({FOLDER})"
    )
    if passphrase:
        file = Text("bestand (0600) met het wachtwoord", "file (0600) with the passphrase")
        parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help=pick(file))
    return parser
