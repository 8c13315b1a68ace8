"""`naober upgrade`: another version from a bundle, without internet; turned back when it proves worse."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.language import chosen, pick, say
from relay.errors import NaoberError, Text

if TYPE_CHECKING:
    from relay.upgrade.stage import Upgrade

EXAMPLES = (
    "sudo naober upgrade naober-1.2.0.bundle",
    "sudo naober upgrade --stick",
    "naober upgrade naober-1.2.0.bundle --show",
    "sudo naober upgrade --status",
)
POLL_S = 1.0
UNIT = "naober-upgrade.service"
_VERSION = re.compile(r"\d+")
_WORDS = {
    "mqtt": Text("MQTT", "MQTT"),
    "radio": Text("radio", "radio"),
    "inbox": Text("postvak", "inbox"),
}
_STEPS = {
    "install": Text("Installeren", "Installing"),
    "prove": Text(
        "Bewijzen, ten hoogste 30 minuten. Stoppen met kijken mag met Ctrl-C; het gaat door",
        "Proving, 30 minutes at most. Ctrl-C only stops the watching",
    ),
    "return": Text("Terugzetten", "Going back"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bundle, and whether only to look."""
    parser.add_argument("file", nargs="?", type=Path, metavar="BUNDLE", help="naober-1.2.0.bundle")
    stick = Text("de nieuwste bundel op de stick", "the newest bundle on the stick")
    parser.add_argument("--stick", nargs="?", const="", default=None, metavar="DIR", help=pick(stick))
    if_any = Text("niets te doen is ook goed; niet wachten", "nothing to do is good too; do not wait")
    parser.add_argument("--if-any", action="store_true", help=pick(if_any))
    older = Text("ook als dit een oudere versie is", "even if it is an older version")
    parser.add_argument("--older", action="store_true", help=pick(older))
    show = Text("toon wat er in zit; verander niets", "show what is in it; change nothing")
    parser.add_argument("--show", action="store_true", help=pick(show))
    status = Text("hoe de laatste upgrade afliep", "how the last upgrade ended")
    parser.add_argument("--status", action="store_true", help=pick(status))


def run(args: argparse.Namespace) -> int:
    """0: the new version is in use; 1: turned back, or still busy. Raises NaoberError (2)."""
    from relay.upgrade import stage

    if args.status:
        return _tell_status()
    if args.if_any:
        return _if_any(args)
    path = _bundle(args)
    if args.show:
        return _show(path)
    if os.geteuid() != 0:
        raise NaoberError(
            Text("Een nieuwe versie installeren vraagt beheerdersrechten", "Installing takes root"),
            Text(f"sudo naober upgrade {path}", f"sudo naober upgrade {path}"),
        )
    upgrade = stage.judge(path, older=args.older)
    _announce(upgrade)
    stage.prepare(upgrade)
    _start()
    return _follow()


def _if_any(args: argparse.Namespace) -> int:
    """For a stick that was put in: a newer version that VRD signed is begun, anything else is no fault."""
    from relay.upgrade import stage

    try:
        upgrade = stage.judge(_bundle(args))
    except NaoberError as error:
        say(error.what)
        return 0
    _announce(upgrade)
    stage.prepare(upgrade)
    _start()
    return 0


def _bundle(args: argparse.Namespace) -> Path:
    if args.file is not None:
        return Path(args.file)
    if args.stick is None:
        from relay.cli.parser import UsageError

        raise UsageError(
            Text("Er ontbreekt: BUNDLE", "Missing: BUNDLE"),
            Text("naober upgrade naober-1.2.0.bundle, of --stick", "naober upgrade FILE, or --stick"),
        )
    from relay.cli.stick import place

    root = place(Path(args.stick) if args.stick else None)
    found = [file for folder in (root, root / "naober") for file in folder.glob("naober-*.bundle")]
    if not found:
        raise NaoberError(
            Text(f"Geen bundel op {root}", f"No bundle on {root}"),
            Text("Zet naober-....bundle op de stick", "Put naober-....bundle on the stick"),
        )
    return max(found, key=lambda file: [int(number) for number in _VERSION.findall(file.name)])


def _show(path: Path) -> int:
    from relay.upgrade import bundle, machine

    found = bundle.read(path)
    bundle.check_all(found)
    say(f"Naober {found.manifest.version}")
    for package in found.manifest.packages:
        say(f"  {package.release:<10}{package.arch:<7}{package.size / 1e6:6.1f} MB  {package.version}")
    say(found.manifest.notes.rstrip())
    believed = machine.trust()
    bundle.must_be_signed(found, believed.authority_keys, believed.network_id)
    say(Text("Getekend door VRD", "Signed by VRD"))
    return 0


def _announce(upgrade: Upgrade) -> None:
    from relay.upgrade.machine import upstream

    have, given = upstream(upgrade.machine.installed), upgrade.bundle.manifest.version
    say(Text(f"Getekend door VRD: Naober {given} (nu {have})", f"Signed by VRD: Naober {given} (now {have})"))
    works = _names(upgrade.prove)
    say(
        Text(f"Moet straks weer werken: {works.nl}", f"Must work again afterwards: {works.en}")
        if upgrade.prove
        else Text(
            "Nu werkt er geen verbinding: daarna wordt er niets bewezen",
            "No link works now: nothing will be proven afterwards",
        )
    )


def _names(what: list[str]) -> Text:
    return Text(*(", ".join(_WORDS[each][at] for each in what) for at in (0, 1)))


def _start() -> None:
    """By systemd, so that it goes on without this terminal; where there is none, in this process's child."""
    from relay.upgrade import stage

    if Path("/run/systemd/system").is_dir():
        start = ["systemctl", "start", "--no-block", UNIT]
        if subprocess.run(start, capture_output=True).returncode == 0:
            return
    runner = ["/usr/bin/python3", "-I", str(stage.FOLDER / stage.RUNNER), "prove"]
    subprocess.Popen(
        runner, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _follow() -> int:
    from relay.upgrade import stage

    said = ""
    while (plan := stage.under_way()) is not None:
        if plan["step"] != said:
            said = str(plan["step"])
            say(_STEPS[said])
        time.sleep(POLL_S)
    return _tell(stage.result())


def _tell_status() -> int:
    from relay import __version__
    from relay.upgrade import stage

    plan = stage.under_way()
    if plan is not None:
        say(Text(f"Bezig: van {plan['from']} naar {plan['to']}", f"Busy: {plan['from']} to {plan['to']}"))
        say(_STEPS[str(plan["step"])])
        return 1
    found = stage.result()
    if found is None:
        say(Text(f"Versie {__version__}; nog geen upgrade gedaan", f"Version {__version__}; no upgrade yet"))
        return 0
    return _tell(found)


def _tell(found: dict[str, Any] | None) -> int:
    if found is None:
        say(Text("Niet bekend hoe het afliep", "It is not known how it ended"))
        return 1
    say(str(found[chosen()]))
    if not found["ok"]:
        say(Text("Doe: journalctl -u naober-upgrade", "Do: journalctl -u naober-upgrade"))
    return 0 if found["ok"] else 1
