"""VRD's own decisions about nodes, in register.toml: blocked, and at which site a box stands now.

The verbs of `naober inbox` write it; a running inbox follows it within a second. A decision needs no
authority: it is about the inbox's own picture, can be taken back, and stands with its reason and time.

Source: design, "Trust" ("an operator may suspend a node: quarantined, reversible, logged").
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from relay import files, toml_text
from relay.config import InboxConfig
from relay.errors import ConfigError, Text
from relay.trust import sites
from relay.trust.keys import show
from relay.trust.roster import Decision, Node, Roster, RosterFile, decisions

REASON_LENGTH_MAX = 200
_HEAD = """\
# What VRD decided about nodes. Written by  naober inbox block, unblock and assign  (comments do not last).
"""


class Decided:
    """What a decision was about, for whoever tells it."""

    def __init__(self, node: Node, before: list[Node], site: str = "") -> None:
        self.node = node
        self.replaced = before  # nodes that had the place until now
        self.site = site


def block(config: InboxConfig, address: bytes, reason: str, unix_s: int) -> Decided:
    """Keep everything that this node says apart from now; raises ConfigError, StorageError."""
    if not 0 < len(reason.strip()) <= REASON_LENGTH_MAX:
        raise ConfigError(
            Text("Een blokkade heeft een reden nodig", "Blocking needs a reason"),
            Text(f"Geef --reason, hoogstens {REASON_LENGTH_MAX} tekens", "Give --reason"),
        )
    with _changing(config) as (roster, decided):
        node = _known(roster, address)
        _put(decided, replace(_of(decided, address), blocked=reason.strip(), blocked_since=unix_s))
    return Decided(node, [])


def unblock(config: InboxConfig, address: bytes) -> Decided:
    """Believe it again; what waited is judged again. Raises ConfigError, StorageError."""
    with _changing(config) as (roster, decided):
        node = _known(roster, address)
        if not node.blocked:
            raise ConfigError(
                Text(f"{show(address)} is niet geblokkeerd", f"{show(address)} is not blocked"),
                Text("Kijk met naober sites", "See naober sites"),
            )
        _put(decided, replace(_of(decided, address), blocked="", blocked_since=0))
    return Decided(node, [])


def assign(
    config: InboxConfig, address: bytes, site_id: str, unix_s: int, *, beside: bool = False
) -> Decided:
    """Give a box its place; who was there is replaced, unless it stands `beside` it.

    Raises ConfigError for a node that is not known or revoked, and for a site that nobody knows.
    """
    with _changing(config) as (roster, decided):
        node = _known(roster, address)
        if node.revoked:
            raise ConfigError(
                Text(f"De sleutel van {show(address)} is ingetrokken", f"{show(address)} was revoked"),
                Text("Neem een andere reserve", "Take another spare"),
            )
        site = _site_name(config, roster, site_id)
        there = [each for each in roster.at_site(site_id) if each.address != address and not each.gateway]
        fresh = replace(
            _of(decided, address),
            site_id=site_id,
            site=site,
            since=unix_s,
            version=roster.version,
            beside=beside,
        )
        _put(decided, fresh)
    return Decided(node, [] if beside else there, site)


def _known(roster: Roster, address: bytes) -> Node:
    node = roster.entry(address)
    if node is None:
        raise ConfigError(
            Text(f"Het postvak kent {show(address)} niet", f"The inbox does not know {show(address)}"),
            Text("Kijk met naober sites", "See naober sites"),
        )
    return node


def _site_name(config: InboxConfig, roster: Roster, site_id: str) -> str:
    names = {node.site_id: node.site for node in roster.nodes if node.site_id}
    names |= {site.id: site.name for site in sites.load(config.inbox.sites)}
    if site_id in names:
        return names[site_id]
    from difflib import get_close_matches

    near = get_close_matches(site_id, names, 1, 0.4)
    raise ConfigError(
        Text(f"Geen plaats met nummer {site_id}", f"There is no site with number {site_id}"),
        Text(f"Bedoelde u {near[0]} ({names[near[0]]})?", f"Did you mean {near[0]} ({names[near[0]]})?")
        if near
        else Text(f"Zet de plaats in {config.inbox.sites}", f"Add the site to {config.inbox.sites}"),
    )


def _of(decided: dict[str, Decision], address: bytes) -> Decision:
    return decided.get(address.hex()) or Decision(address.hex())


def _put(decided: dict[str, Decision], decision: Decision) -> None:
    decided[decision.address] = decision
    if decision == Decision(decision.address):
        del decided[decision.address]


@contextmanager
def _changing(config: InboxConfig) -> Iterator[tuple[Roster, dict[str, Decision]]]:
    """The roster, and the decisions to change; written when the block ends well. One at a time."""
    fd = os.open(config.inbox.state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        path = config.register_file
        decided = {each.address: each for each in decisions(path)}
        yield RosterFile(config).roster, decided
        files.replace(path, _text(decided).encode(), files.PRIVATE)
    finally:
        os.close(fd)


def _text(decided: dict[str, Decision]) -> str:
    return _HEAD + "".join(_block(decided[address]) for address in sorted(decided))


def _block(decision: Decision) -> str:
    lines = ["", "[[node]]"]
    for name in Decision.__struct_fields__:
        value = getattr(decision, name)
        if value or name == "address":
            lines.append(f"{name} = {toml_text.write(value)}")
    return "\n".join(lines) + "\n"
