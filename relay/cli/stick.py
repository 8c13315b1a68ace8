"""`naober stick`: what VRD has not confirmed goes along on a USB stick; what a stick brings is taken in."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.language import pick, say
from relay.errors import NaoberError, Text

if TYPE_CHECKING:
    from relay.config import NodeConfig
    from relay.links.courier import CourierStick
    from relay.node.courier_handling import Ask

EXAMPLES = (
    "sudo naober stick",
    "sudo naober stick export /media/NAOBER",
    "sudo naober stick import /media/NAOBER",
    "sudo naober stick rescue /media/NAOBER --state /mnt/kaart/var/lib/naober",
    Text(
        "sudo naober stick qr                       (codes voor een telefoon; met een map: plaatjes)",
        "sudo naober stick qr                       (codes for a phone; with a folder: pictures)",
    ),
)
STEPS = ("export", "import", "rescue", "qr")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One step or both ways, and where the stick is."""
    what = Text(
        "export, import, rescue (redden van een kapotte kaart), qr (codes voor een telefoon); "
        "niets: heen en terug. En de map van de stick",
        "export, import, rescue (from a broken card), qr (codes for a phone); "
        "nothing: both ways. And the folder of the stick",
    )
    parser.add_argument("what", nargs="*", metavar="export|import|rescue|qr [DIR]", help=pick(what))
    state = Text("rescue: de map naober van een andere kaart", "rescue: the folder of another card")
    parser.add_argument("--state", type=Path, metavar="DIR", help=pick(state))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: done, but something was passed over, or is in memory only. Raises NaoberError (2)."""
    from relay import config
    from relay.cli import stick_words
    from relay.links.courier import CourierStick
    from relay.node.courier_handling import Handling
    from relay.trust.stick import Stick

    file = args.config or config.FOLDER / config.NODE_FILE
    step, named = chosen(args.what)
    if step == "qr":
        return _codes(file, named)
    root = place(named)
    stick = CourierStick(Stick(root))
    if step == "rescue":
        return _rescue(stick, file, args.state)
    code = 0
    inbox = config.FOLDER / config.INBOX_FILE
    if args.config is None and step != "export" and inbox.exists():
        from relay.cli import inbox_import

        code = inbox_import.take(root, config.load_inbox(inbox))  # first: it clears what it holds
        if not file.exists():
            return code
    settings = config.load_node(file) if file.exists() or args.config else config.NodeConfig()
    if not settings.network_id:
        return _not_enrolled()
    with asking(settings) as ask:
        handling = Handling(stick, ask)
        if step != "export":
            handling.read()
        if step != "import":
            handling.write()
    return max(code, stick_words.tell(handling.told, read=step != "export", wrote=step != "import"))


def _not_enrolled() -> int:
    """Nothing was ever said here; the request on the stick is `naober setup`'s."""
    say(
        Text(
            "Dit apparaat is nog niet ingeleerd: er zijn geen berichten",
            "This machine is not enrolled yet: there are no messages",
        )
    )
    say(Text("Doe: sudo naober setup", "Do: sudo naober setup"))
    return 1


def _codes(file: Path, folder: Path | None) -> int:
    from relay import config
    from relay.cli import stick_qr

    settings = config.load_node(file)
    if not settings.network_id:
        return _not_enrolled()
    with asking(settings) as ask:
        return stick_qr.show(ask, folder)


def chosen(words: list[str]) -> tuple[str, Path | None]:
    """The step (empty: both ways) and the folder that was named; raises NaoberError."""
    step = words[0] if words and words[0] in STEPS else ""
    rest = words[1:] if step else words
    if len(rest) > 1:
        from relay.cli.parser import UsageError, suggest

        raise UsageError(*suggest(rest[0], STEPS, "naober stick"))
    return step, Path(rest[0]) if rest else None


def place(given: Path | None) -> Path:
    """The folder that was given, or where the stick named NAOBER is; raises NaoberError."""
    from relay.trust.stick import find

    folder = given or find()
    if folder is None or not folder.is_dir():
        raise NaoberError(
            Text(f"Geen map: {folder}", f"Not a folder: {folder}")
            if folder
            else Text("Geen stick gevonden met de naam NAOBER", "There is no stick named NAOBER"),
            Text(
                "Doe hem erin, of noem de map waar hij staat: naober stick /media/NAOBER",
                "Put it in, or name the folder where it is: naober stick /media/NAOBER",
            ),
        )
    return folder


@contextmanager
def asking(settings: NodeConfig) -> Iterator[Ask]:
    """Questions to the running daemon; where none runs, to the outbox itself, as its owner."""
    from relay.cli.send import as_owner
    from relay.node import control, lock

    state = settings.node.state
    if _runs(state):
        yield partial(control.ask, state)
        return
    from relay.kernel_clock import clock_is_synchronised
    from relay.node.compose import identity_of, open_station
    from relay.node.courier_desk import Desk

    clock_is_synchronised()  # loads what it needs while root can still read it
    identity = identity_of(settings)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock.hold(state))
        except lock.AlreadyOwned:  # a daemon that was just starting, as at boot
            if not _runs(state):
                raise
            yield partial(control.ask, state)
            return
        with as_owner(state):
            station = open_station(settings, identity)
        try:
            if station.storage:
                raise NaoberError(station.storage.what, "naober stick rescue")
            with as_owner(state):
                desk = Desk(station, state, identity.address)

            def ask(request: dict[str, Any]) -> dict[str, Any]:
                with as_owner(state):  # the stick itself may be root's
                    return desk.answer(request)

            yield ask
        finally:
            with as_owner(state):
                station.close()


def _runs(state: Path) -> bool:
    from relay.node import control

    try:
        control.ask(state, {"verb": "stick_words"})
    except control.NotRunning:
        return False
    return True


def _rescue(stick: CourierStick, file: Path, state: Path | None) -> int:
    """What the daemon holds in memory, and what can still be read of the card."""
    from relay import config
    from relay.cli import stick_words
    from relay.cli.send import as_owner
    from relay.node import control
    from relay.node.courier_handling import Handling
    from relay.node.courier_rescue import readable, write_rescued

    settings = None
    try:
        settings = config.load_node(file)
    except NaoberError:
        if state is None:
            raise
    folder = state or (settings.node.state if settings else config.STATE)

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        return control.ask(folder, request)

    handling = Handling(stick, ask)
    running = True
    try:
        handling.write()
    except control.NotRunning:
        running = False
    if not running or handling.told.memory_only:
        with as_owner(folder):  # SQLite may make files of its own beside what it reads
            rows = readable(folder, settings if state is None else None)
        handling.told.rescued = write_rescued(handling, stick, rows)
    return stick_words.tell_rescue(handling.told, running=running)
