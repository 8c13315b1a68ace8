"""What the steps of `naober inbox` that decide about a node have in common."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relay import config
from relay.cli.language import pick
from relay.errors import NaoberError, Text

if TYPE_CHECKING:
    from relay.config import InboxConfig


def add_node(parser: argparse.ArgumentParser) -> None:
    """Which node, of which inbox."""
    who = Text("adres van het label, zoals 3f9a-21c4", "address on the label, such as 3f9a-21c4")
    parser.add_argument("address", metavar="ADDRESS", help=pick(who))
    # not a default of its own: it would take the place of a --config before the step
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")


def settings_of(args: argparse.Namespace) -> InboxConfig:
    """The inbox's configuration; raises ConfigError."""
    return config.load_inbox(args.config)


def address_of(text: str) -> bytes:
    """An address as people write it; raises NaoberError."""
    plain = text.replace("-", "").lower()
    if len(plain) == 8 and set(plain) <= set("0123456789abcdef"):
        return bytes.fromhex(plain)
    raise NaoberError(
        Text(f"{text} is geen adres", f"{text} is no address"),
        Text("Schrijf het als op het label: 3f9a-21c4", "Write it as on the label: 3f9a-21c4"),
    )
