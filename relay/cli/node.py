"""`naober node`: run this site's daemon."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from relay import config
from relay.logs import configure
from relay.node import daemon

EXAMPLES = ("naober node", "naober node --config ./node.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where its configuration is."""
    parser.add_argument("--config", type=Path, default=config.FOLDER / config.NODE_FILE, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C."""
    settings = config.load_node(args.config)
    configure(settings.log.level, json=settings.log.json)
    asyncio.run(daemon.main(settings))
    return 0
