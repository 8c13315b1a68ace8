"""`naober inbox import`: what a stick brings is stored, and its receipts go back on the same stick."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.language import pick, say
from relay.errors import Text

if TYPE_CHECKING:
    from relay.cli.inbox_stick import Told
    from relay.config import InboxConfig

EXAMPLES = ("sudo naober inbox import", "sudo naober inbox import /media/NAOBER")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the stick is."""
    folder = Text("de map van de stick; niets: de stick NAOBER", "the stick's folder; nothing: stick NAOBER")
    parser.add_argument("stick", nargs="?", type=Path, metavar="DIR", help=pick(folder))
    file = argparse.SUPPRESS  # what stands before the step, or its default
    parser.add_argument("--config", type=Path, default=file, metavar="FILE", help="inbox.toml")


def run(args: argparse.Namespace) -> int:
    """0: all of it is stored; 1: something was passed over. Raises NaoberError (2)."""
    from relay import config
    from relay.cli.stick import place

    return take(place(args.stick), config.load_inbox(args.config))


def take(root: Path, settings: InboxConfig) -> int:
    """One handling of the stick at `root`."""
    from relay.cli.inbox_stick import Handling
    from relay.cli.send import as_owner
    from relay.cli.stick_words import counted
    from relay.inbox.courier import SOCKET_NAME
    from relay.inbox.courier_papers import take_papers
    from relay.links.courier import CourierStick
    from relay.node import control
    from relay.trust.stick import Stick

    handling = Handling(CourierStick(Stick(root)))
    told, found = handling.told, handling.papers()
    with as_owner(settings.inbox.state):  # not the reading: the stick may be root's
        told.papers = take_papers(settings, found)
    if told.papers.new:
        new = told.papers.new
        papers = counted(new, "papier", "papieren"), counted(new, "paper", "papers")
        say(Text(f"Roster: {papers[0]} overgenomen", f"Roster: {papers[1]} taken over"))
    ask = partial(control.ask, settings.inbox.state, name=SOCKET_NAME, unit="naober-inbox")
    handling.await_roster(ask)
    handling.read(ask)
    handling.answer(ask)
    return _tell(told)


def _tell(told: Told) -> int:
    from relay.cli.stick_words import counted, tell_skipped

    say(
        Text(
            f"Opgeslagen: {told.new} nieuw, {told.known} al bekend · "
            f"bevestigingen voor {counted(told.receipts, 'punt', 'punten')} op de stick",
            f"Stored: {told.new} new, {told.known} known · "
            f"receipts for {counted(told.receipts, 'site', 'sites')} on the stick",
        )
    )
    if told.apart:
        say(
            Text(
                f"{told.apart} apart gezet: van knooppunten die VRD niet kent, of die geblokkeerd of "
                "ingetrokken zijn. Ze blijven op de stick",
                f"{told.apart} set apart: of nodes that VRD does not know, or that are blocked or revoked. "
                "They stay on the stick",
            )
        )
    if told.muted:
        say(
            Text(
                "Dit postvak bewaart alleen: een ander postvak antwoordt. Er zijn geen bevestigingen",
                "This inbox stores only: another inbox answers. There are no receipts",
            )
        )
    passed_over = tell_skipped(told.skipped, told.junk + told.papers.refused)
    say(Text("De stick mag eruit", "The stick may go"))
    return int(passed_over or bool(told.apart) or told.muted)
