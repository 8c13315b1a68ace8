"""`naober authority revoke`."""

from __future__ import annotations

import argparse
import re
import time

from relay.cli.authority_ask import unlocked
from relay.cli.language import say
from relay.errors import ConfigError, Text
from relay.trust import keys
from relay.trust.authority_laptop import Laptop
from relay.trust.authority_revoke import Renewed, find_key, revoke
from relay.trust.stick import Stick, find

_ADDRESS = re.compile(r"([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})")


def run(args: argparse.Namespace) -> int:
    """Signs the revocation, keeps it, and puts the roster onto a stick when there is one."""
    laptop = Laptop(args.dir)
    with laptop.alone():
        key = _key(laptop, args.address)
        laptop.must_be_newest()
        _, secrets = unlocked(args, laptop)
        renewed = revoke(laptop, key, args.reason, secrets, time.time())
        where = args.stick or find()
        version = renewed.version
        say(Text(f"Ingetrokken, roster {version}.", f"Revoked, roster {version}."))
        tell_missing(renewed)
        if where is None:
            say(
                Text(
                    "Nu: stick erin, naober authority sync STICK; bij het postvak: naober inbox import STICK",
                    "Next: with a stick naober authority sync STICK; at the inbox naober inbox import STICK",
                )
            )
            return 0
        laptop.write_stick(Stick(where), renewed.grants.items())
        say(
            Text(
                f"Nu: stick naar het postvak, daar: naober inbox import {where}."
                " De knooppunten horen het via MQTT of radio.",
                f"Next: the stick to the inbox, there: naober inbox import {where}."
                " The nodes hear it by MQTT or radio.",
            )
        )
    return 0


def tell_missing(renewed: Renewed) -> None:
    """Which machines could not be granted anew, because their request is not on this laptop."""
    for grant in renewed.missing:
        name = f"{keys.show(grant.address)} {grant.site or grant.name}"
        say(
            Text(
                f"Geen verzoek hier van {name}: daar sudo naober setup",
                f"No request of {name}: set it up anew",
            )
        )


def _key(laptop: Laptop, wanted: str) -> bytes:
    """The key that a person means: by address, or by the other authority's name."""
    other = laptop.settings.other
    if other and wanted == other.name:
        return other.public.sign_key
    found = _ADDRESS.fullmatch(wanted.strip())
    if found is None:
        raise ConfigError(
            Text(f"Dit is geen adres: {wanted}", f"This is no address: {wanted}"),
            Text("Geef het zoals op het label, 3f9a-21c4", "Give it as on the label, 3f9a-21c4"),
        )
    return find_key(laptop, bytes.fromhex("".join(found.groups())))
