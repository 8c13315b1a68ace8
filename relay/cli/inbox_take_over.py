"""`naober inbox take-over`: an inbox that stands by speaks for VRD from now on."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay.cli.language import say
from relay.errors import Text

EXAMPLES = ("sudo naober inbox take-over",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which inbox."""
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """0: it speaks; 1: it will when it has its broker. Raises NaoberError, also when it does already."""
    from relay import config
    from relay.inbox.courier import SOCKET_NAME
    from relay.node import control

    state = config.load_inbox(args.config).inbox.state
    done = control.ask(state, {"verb": "take_over"}, name=SOCKET_NAME, unit="naober-inbox")
    say(
        Text(
            f"Dit postvak heeft nu de leiding (tijdvak {done['epoch']}). Punten sturen zelf wat het mist.",
            f"This inbox is in charge now (epoch {done['epoch']}). Sites send by themselves what it lacks.",
        )
    )
    say(
        Text(
            "Hoort het andere postvak dit, dan zwijgt het en wordt het reserve. Laat het nooit aan bij een "
            "eigen broker.",
            "If the other inbox hears this, it falls silent and stands by. Never run it beside a broker of "
            "its own.",
        )
    )
    if done["broker"] == "connected":
        return 0
    say(
        Text(
            f"LET OP: er is nu geen verbinding met de broker ({done['broker']}).\n"
            "Doe: kijk naar host onder [mqtt] in inbox.toml; daar moet een broker staan die draait",
            f"MIND: there is no connection to the broker now ({done['broker']}).\n"
            "Do: look at host under [mqtt] in inbox.toml; it must name a broker that runs",
        )
    )
    return 1
