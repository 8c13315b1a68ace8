"""The broker's access list, made from the roster: revocation is a line in it, not a list that can expire.

It is written beside the inbox's keys; `naober-broker.path` copies it to where Mosquitto reads it, and has it
read again. Who is revoked or blocked may only read the roster: a node must be able to learn why it is
refused, and what it could read there goes over the air anyway.

Source: design, rule 7 ("revocation is the broker's ACL, generated from the roster").
"""

from __future__ import annotations

from pathlib import Path

from relay import files, mqtt
from relay.trust.roster import Roster

NAME = "broker.acl"
REFUSED_MAX = 10_000
SHIPPED = "mosquitto/naober.acl"
MODE = 0o640
RESTART = "# restart: somebody on it has a session that can't be cut otherwise"

_DENIED = ("up/#", "down/#", "air/#", "inbox")  # a "deny" counts before anything that allows


def refused_of(roster: Roster) -> frozenset[str]:
    """The users (addresses) whom the broker must refuse."""
    refused = [node.address.hex() for node in roster.nodes if node.revoked or node.blocked]
    return frozenset(refused[:REFUSED_MAX])


def acl_text(refused: frozenset[str], *, restart: bool = False) -> str:
    """The whole list: what is shipped, then who is refused, in one order whatever the roster's.

    With `restart` it asks naober-broker.service to start the broker anew: that ends every session.
    """
    shipped = files.shipped(SHIPPED).read_text("utf-8")
    parts = [f"\n# Revoked or blocked.\nuser {user}\n{_denials()}" for user in sorted(refused)]
    return shipped + "".join(parts) + (f"\n{RESTART}\n" if restart else "")


def _denials() -> str:
    return "".join(f"topic deny {mqtt.ROOT}/{each}\n" for each in _DENIED)


def write(folder: Path, refused: frozenset[str], *, restart: bool = False, anew: bool = False) -> bool:
    """Make the file in `folder` say so; False when it refuses the same already. Raises StorageError.

    `anew`: write it in any case, so that what was missed while nobody watched is applied.
    """
    path, text = folder / NAME, acl_text(refused, restart=restart).encode()
    try:
        if not anew and path.read_text("utf-8") in (acl_text(refused), acl_text(refused, restart=True)):
            return False
    except (OSError, ValueError):
        pass  # there is none, or it must be made anew
    files.replace(path, text, MODE)
    return True
