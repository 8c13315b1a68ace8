"""`naober inbox`: run the central inbox."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from relay import config
from relay.inbox import process
from relay.logs import configure

if TYPE_CHECKING:
    import argparse

EXAMPLES = ("naober inbox", "naober inbox --config ./inbox.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where its configuration is."""
    parser.add_argument("--config", type=Path, default=config.FOLDER / config.INBOX_FILE, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C."""
    return start(args.config)


def start(file: Path) -> int:
    """The same, for a configuration file."""
    settings = config.load_inbox(file)
    configure(settings.log.level, json=settings.log.json)
    asyncio.run(process.main(settings))
    return 0
