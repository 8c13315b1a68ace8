"""`naober inbox`: run the central inbox."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from relay import config
from relay.inbox import process
from relay.logs import configure

EXAMPLES = ("naober inbox", "naober inbox --config ./inbox.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where its configuration is."""
    parser.add_argument("--config", type=Path, default=config.FOLDER / config.INBOX_FILE, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C."""
    settings = config.load_inbox(args.config)
    configure(settings.log.level, json=settings.log.json)
    asyncio.run(process.main(settings))
    return 0
