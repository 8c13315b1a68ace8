"""`naober inbox user`: who may log in to the operators' pages."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.inbox_decide import settings_of
from relay.cli.language import pick, say
from relay.errors import NaoberError, Text

if TYPE_CHECKING:
    from relay.inbox.operators.store import Operators

DOINGS = ("add", "close", "list")
ROLES = ("operator", "coordinator", "administrator", "reader", "wall")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with whom."""
    what = Text("toevoegen of wijzigen, sluiten, of alle tonen", "add or change, close, or list all")
    parser.add_argument("do", choices=DOINGS, metavar="|".join(DOINGS), help=pick(what))
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help=pick(Text("gebruiker", "user")))
    role = Text("rol; een nieuwe gebruiker is operator", "role; a new user is an operator")
    parser.add_argument("--role", choices=ROLES, default=ROLES[0], help=pick(role))
    sealed = Text("verzegeld noodaccount: gebruik ervan komt in het logboek", "a sealed break-glass account")
    parser.add_argument("--sealed", action="store_true", help=pick(sealed))
    file = Text("bestand met het wachtwoord (0600)", "file with the password (0600)")
    parser.add_argument("--passphrase-file", type=Path, default=None, metavar="FILE", help=pick(file))
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Changes the accounts; works while the inbox runs. Raises NaoberError."""
    from relay.cli.send import as_owner
    from relay.inbox.operators.store import Operators

    settings = settings_of(args)
    if args.do != "list" and not args.name:
        raise NaoberError(Text("Welke gebruiker?", "Which user?"), f"naober inbox user {args.do} NAME")
    password = _password(args) if args.do == "add" else ""
    with as_owner(settings.inbox.state):
        operators = Operators(settings.inbox.state)
        try:
            return _do(args, operators, password)
        finally:
            operators.close()


def _do(args: argparse.Namespace, operators: Operators, password: str) -> int:
    from relay.inbox.operators.people import Account

    if args.do == "add":
        operators.save_account(Account(args.name, args.role, args.sealed), password, "naober inbox user")
        say(Text(f"{args.name} kan inloggen als {args.role}", f"{args.name} can log in as {args.role}"))
    elif args.do == "close":
        if not operators.close_account(args.name, "naober inbox user"):
            raise NaoberError(
                Text(f"Geen gebruiker {args.name}", f"There is no user {args.name}"), "naober inbox user list"
            )
        say(Text(f"{args.name} kan niet meer inloggen", f"{args.name} can't log in any more"))
    else:
        accounts = operators.accounts()
        if not accounts:
            say(Text("Nog niemand kan inloggen", "Nobody can log in yet"))
        for account in accounts:
            say(f"{account.name:<32} {account.role}{' (verzegeld)' if account.sealed else ''}")
    return 0


def _password(args: argparse.Namespace) -> str:
    from relay.cli.authority_ask import new_passphrase

    return new_passphrase(args)
