"""`naober test`: proof that VRD hears this node by each link, and this node VRD; five minutes at most.

The daemon binds test messages to one link; only the inbox's signed receipt, heard by that same link, proves
it. What is proven is kept and told to VRD.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.language import pick, say
from relay.errors import Text

if TYPE_CHECKING:
    from relay.config import NodeConfig

EXAMPLES = ("naober test", "naober test radio", "naober test mqtt --json")

LINKS = ("mqtt", "radio")
GRACE_S = 10.0  # after the daemon's own five minutes
POLL_S = 0.5
TOLD_EVERY_S = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which links; all of this node when none is named."""
    parser.add_argument("link", nargs="?", choices=LINKS, metavar="mqtt|radio")
    parser.add_argument("--json", action="store_true", help=pick(Text("voor programma's", "for programs")))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """0: each link that there is, is proven; 1: one has a weak signal; 2: not proven."""
    from relay import config
    from relay.cli import test_words
    from relay.node import control

    settings = config.load_node(args.config or config.FOLDER / config.NODE_FILE)
    has_radio = settings.radio.is_configured
    links = [args.link] if args.link else ["mqtt", *(["radio"] if has_radio else [])]
    state = control.ask(settings.node.state, {"verb": "test", "links": links})
    if not args.json:
        say(
            Text(
                "Proef loopt, ten hoogste 5 minuten; stoppen mag met Ctrl-C",
                "The test runs, 5 minutes at most; Ctrl-C stops it",
            )
        )
    state, facts = _follow(settings, links, state, quiet=args.json)
    margin_limit = test_words.snr_limit_db(settings.radio.preset)
    verdicts = [test_words.judge(link, state["links"][link], facts, margin_limit) for link in links]
    if args.json:
        from relay.cli.inbox_page import dump

        say(dump({"proven": all(each.grade < 2 for each in verdicts), "links": state["links"]}, indent=1))
    else:
        for line in test_words.lines(verdicts, no_radio=not has_radio and not args.link):
            say(line)
    return max(each.grade for each in verdicts)


def _follow(
    settings: NodeConfig, links: list[str], state: dict[str, Any], *, quiet: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Until each link is decided, or can't be: how the tests stand, and the node's status."""
    from relay.cli import test_words
    from relay.node import control

    began_s = told_s = time.monotonic()
    longest_s = max((each["left_s"] for each in state["links"].values()), default=0.0) + GRACE_S
    while True:
        facts = control.ask(settings.node.state, {"verb": "status"})
        now_s = time.monotonic()
        waiting = [link for link in links if not state["links"][link]["done"]]
        waiting = [link for link in waiting if not test_words.is_hopeless(link, facts, now_s - began_s)]
        if not waiting or now_s > began_s + longest_s:
            return state, facts
        if not quiet and now_s >= told_s + TOLD_EVERY_S:
            told_s = now_s
            say(test_words.progress(waiting, state["links"], now_s - began_s))
        time.sleep(POLL_S)
        state = control.ask(settings.node.state, {"verb": "test_state"})
