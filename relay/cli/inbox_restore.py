"""`naober inbox restore`: a backup takes the place of what is here, or of nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay import config
from relay.cli.inbox_backup import PASSPHRASE_FILE, holds
from relay.cli.language import pick, say
from relay.errors import Text

EXAMPLES = (
    "sudo naober inbox restore /media/BACKUP/naober-inbox-20261124-1430.backup",
    "sudo naober inbox restore --standby --replace /media/BACKUP/naober-inbox-20261124-1430.backup",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which, and where to."""
    parser.add_argument("backup", type=Path, metavar="FILE")
    replace = Text("ook als hier al een postvak is", "even if there is an inbox here already")
    parser.add_argument("--replace", action="store_true", help=pick(replace))
    standby = Text("als reserve: luistert mee en bevestigt niets", "as a standby: listens and signs nothing")
    parser.add_argument("--standby", action="store_true", help=pick(standby))
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help=pick(PASSPHRASE_FILE))
    folder = Text("map van instellingen", "folder of configuration")
    parser.add_argument("--dir", type=Path, default=config.FOLDER, metavar="DIR", help=pick(folder))
    state = Text("map van sleutels en berichten", "folder of keys and messages")
    parser.add_argument("--state", type=Path, default=config.STATE, metavar="DIR", help=pick(state))


def run(args: argparse.Namespace) -> int:
    """Put it back, and say what must follow."""
    from relay.inbox.restoring import is_closed, restore

    def put(passphrase: str | None) -> int:
        back = restore(
            args.backup, args.dir, args.state, passphrase, replace=args.replace, standby=args.standby
        )
        nl, en = holds(back.manifest)
        say(Text(f"Teruggezet: {nl}", f"Restored: {en}"))
        for folder in back.aside:
            say(Text(f"Wat er was staat in {folder}", f"What was there is in {folder}"))
        return 0

    if is_closed(args.backup):
        from relay.cli import authority_ask as ask

        prompt = Text("wachtwoord van de back-up: ", "passphrase of the backup: ")
        ask.passphrase_for(args, prompt, put)
    else:
        put(None)
    say(_next_as_standby(args.dir) if args.standby else _next(args.dir))
    return 0


def _next(folder: Path) -> Text:
    install = f"sudo install -b -m 644 {folder / 'broker' / 'naober.conf'} /etc/mosquitto/mosquitto.conf"
    return Text(
        f"Nu:\n  {install}\n  sudo systemctl restart mosquitto naober-inbox\n"
        "  naober inbox import STICK        (stick met het nieuwste roster: wat er is ingetrokken)\n"
        "Knooppunten sturen zelf wat dit postvak niet meer heeft. Laat het oude postvak nooit meer aan.",
        f"Next:\n  {install}\n  sudo systemctl restart mosquitto naober-inbox\n"
        "  naober inbox import STICK        (a stick with the newest roster: what was revoked since)\n"
        "Nodes send by themselves what this inbox no longer has. Never switch the old inbox on again.",
    )


def _next_as_standby(folder: Path) -> Text:
    return Text(
        f"Dit is een reserve: het bewaart wat het hoort en bevestigt niets.\nNu:\n"
        f"  host onder [mqtt] in {folder / config.INBOX_FILE}: de broker waarop het andere postvak werkt\n"
        "  sudo systemctl restart naober-inbox\n"
        "Als het andere uitvalt:\n  sudo naober inbox take-over",
        f"This is a standby: it keeps what it hears and receipts nothing.\nNext:\n"
        f"  host under [mqtt] in {folder / config.INBOX_FILE}: the broker that the other inbox works on\n"
        "  sudo systemctl restart naober-inbox\n"
        "When the other one fails:\n  sudo naober inbox take-over",
    )
