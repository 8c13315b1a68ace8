"""`naober inbox bell`: the alarms of the operators' pages on this machine's own sound, or a lamp."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay.cli.inbox_decide import settings_of
from relay.cli.language import pick
from relay.errors import Text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """To ring for ever, or once."""
    test = Text("laat alle tonen één keer horen", "let every tone be heard once")
    parser.add_argument("--test", action="store_true", help=pick(test))
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Rings until SIGTERM or Ctrl-C; raises NaoberError when there is nothing to ring with."""
    import signal
    import threading

    from relay.inbox.bell.work import Bell
    from relay.logs import configure

    settings = settings_of(args)
    configure(settings.log.level, json=settings.log.json)
    bell = Bell(settings.bell, settings.web.host, settings.web.port)
    if args.test:
        bell.test()
        return 0
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    bell.run(stop)
    return 0
