"""`naober authority channel-rotate`: after a node was stolen, so that the thief hears and jams no longer."""

from __future__ import annotations

import argparse
import time

from relay.cli.authority_ask import unlocked
from relay.cli.authority_revoke import tell_missing
from relay.cli.language import say
from relay.errors import ConfigError, Text
from relay.trust.authority_laptop import Laptop
from relay.trust.authority_revoke import rotate_channel
from relay.trust.stick import Stick, find

ATTENTION = 1


def run(args: argparse.Namespace) -> int:
    """Makes the key, signs a grant for each node anew, and puts them onto a stick when there is one."""
    laptop, where = Laptop(args.dir), args.stick or find()
    if where is None:
        raise ConfigError(
            Text("Geen stick NAOBER gevonden", "No stick NAOBER found"),
            Text("Doe hem erin, of noem zijn map met --stick", "Put it in, or name its folder: --stick"),
        )
    with laptop.alone():
        passphrase, secrets = unlocked(args, laptop)
        _, renewed = rotate_channel(laptop, passphrase, secrets, time.time())
        laptop.write_stick(Stick(where), renewed.grants.items())
        count, version = len(renewed.grants), renewed.version
        say(
            Text(
                f"Nieuwe kanaalsleutel; {count} toelatingen opnieuw getekend, roster {version}.",
                f"A new channel key; {count} grants signed anew, roster {version}.",
            )
        )
        tell_missing(renewed)
        say(
            Text(
                "Nu: de stick langs elk knooppunt (naober enrol --stick), gateways het laatst. "
                "Tot dan hoort een oude radio de nieuwe niet; MQTT gaat door.",
                "Next: the stick to each node (naober enrol --stick), gateways last. "
                "Until then old and new radios do not hear each other; MQTT goes on.",
            )
        )
    return ATTENTION if renewed.missing else 0
