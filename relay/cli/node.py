"""`naober node`: run this site's daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relay.lean import briefly, postponed

with postponed():
    import asyncio

    from relay import config
    from relay.logs import configure
    from relay.node import daemon

if TYPE_CHECKING:
    import argparse

PARSER = ("relay.toml", "tomllib", "tomllib._parser", "tomllib._re", "tomllib._types")
EXAMPLES = ("naober node", "naober node --config ./node.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where its configuration is."""
    parser.add_argument("--config", type=Path, default=config.FOLDER / config.NODE_FILE, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C."""
    return start(args.config)


def start(file: Path) -> int:
    """The same, for a configuration file."""
    with briefly(*PARSER):
        settings = config.load_node(file)
    configure(settings.log.level, json=settings.log.json)
    while asyncio.run(daemon.main(settings)):
        pass  # it began with a grant that is not the newest any more
    return 0
