"""`naober inbox`: run the central inbox; with a step: decide about nodes, take in a stick, back up."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from relay import config
from relay.cli.language import pick
from relay.errors import Text

EXAMPLES = (
    Text(
        "naober inbox                                       (draaien, zoals de dienst het doet)",
        "naober inbox                                       (run it, as the service does)",
    ),
    'sudo naober inbox block 3f9a-21c4 --reason "gestolen"',
    "sudo naober inbox assign 3f9a-21c4 VRD-BEI-01",
    "sudo naober inbox import /media/NAOBER",
)

STEPS: dict[str, tuple[str, Text]] = {  # name, and the module with `add_arguments` and `run`
    "block": (
        "inbox_block",
        Text("berichten van een knooppunt apart houden", "keep a node's messages apart"),
    ),
    "unblock": ("inbox_unblock", Text("een blokkade opheffen", "believe a node again")),
    "assign": ("inbox_assign", Text("een kastje zijn plaats geven", "give a box its place")),
    "user": ("inbox_user", Text("wie mag inloggen op de pagina's", "who may log in to the pages")),
    "bell": ("inbox_bell", Text("alarmen op het geluid van deze machine", "alarms on this machine's sound")),
    "token": ("inbox_token", Text("welke systemen mogen lezen", "which systems may read")),
    "import": ("inbox_import", Text("een stick innemen", "take in a stick")),
    "photo": ("inbox_photo", Text("foto's van codes lezen", "read pictures of codes")),
    "backup": ("inbox_backup", Text("alles in een bestand", "all of it in one file")),
    "restore": ("inbox_restore", Text("een back-up terugzetten", "put a backup back")),
    "take-over": ("inbox_take_over", Text("de reserve neemt het over", "the standby takes over")),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where its configuration is, and what to do instead of running."""
    file = config.FOLDER / config.INBOX_FILE
    parser.add_argument("--config", type=Path, default=file, metavar="FILE")
    steps = parser.add_subparsers(dest="step", metavar=pick(Text("STAP", "STEP")))
    for name, (module, text) in STEPS.items():
        step = steps.add_parser(name, help=pick(text))
        step.set_defaults(module=module)
        importlib.import_module(f"relay.cli.{module}").add_arguments(step)


def run(args: argparse.Namespace) -> int:
    """Runs the chosen step; without one the inbox, until SIGTERM or Ctrl-C."""
    if args.step is None:
        return start(args.config)
    code: int = importlib.import_module(f"relay.cli.{args.module}").run(args)
    return code


def start(file: Path) -> int:
    """The inbox of a configuration file."""
    import asyncio

    from relay.inbox import process
    from relay.logs import configure

    settings = config.load_inbox(file)
    configure(settings.log.level, json=settings.log.json)
    asyncio.run(process.main(settings))
    return 0
