"""Whom we know: the nodes of a network, as the inbox asks for them.

A roster is made of three things: papers (what authorities granted and revoked), `register.toml` (what VRD
decided since: assigned, blocked) and `sites.toml` (VRD's register of sites). Everything about a node is
looked up by address, but an address is never a proof: what is compared is the whole key.

Source: trust design, "Files on the inbox host".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import stat_result
from pathlib import Path
from typing import Annotated

import msgspec

from relay import toml
from relay.config import InboxConfig
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.errors import ConfigError, Text
from relay.trust import sites
from relay.trust.judging import Judge, Judged
from relay.trust.keys import address_of, show
from relay.trust.papers import Grant, Role
from relay.trust.roster_file import Papers
from relay.trust.sites import Site

DECISIONS_MAX = 10_000
VERSION_S = 60  # a version is at least the minutes since 2025

AddressText = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}$")]
Stamp = tuple[int, int, int] | None


class Node(msgspec.Struct, frozen=True):
    """A machine that an authority admitted, and what became of it. Revoked and replaced ones stay known."""

    public_key: bytes  # 32 bytes, to verify with
    site: str  # the place, as VRD calls it now
    site_id: str = ""  # the place's number in VRD's own register
    municipality: str = ""
    name: str = ""  # of the box, when a site has more than one
    role: Role = "node"
    version: int = 0  # of its newest grant
    revoked: bool = False  # what it signs is kept and shown apart, never acted on
    reason: str = ""  # why it was revoked
    blocked: str = ""  # why an operator put it into quarantine; empty: nobody did
    replaced_s: int = 0  # Unix time since when another node has its place; 0: none has
    place: Site | None = None  # where that is, when VRD's register of sites knows it

    @property
    def address(self) -> bytes:
        """Where the node's envelopes come from."""
        return address_of(self.public_key)

    @property
    def gateway(self) -> bool:
        """A node without site sensors, beside the broker."""
        return self.role == "gateway"


class Decision(msgspec.Struct, frozen=True):
    """One `[[node]]` of register.toml: what VRD decided about a node, without an authority's signature."""

    address: AddressText
    site_id: Annotated[str, msgspec.Meta(max_length=24)] = ""  # assigned to this place; empty: as granted
    site: Annotated[str, msgspec.Meta(max_length=64)] = ""  # its name, when sites.toml does not know it
    since: Annotated[int, msgspec.Meta(ge=0)] = 0  # Unix time of the assignment
    version: Annotated[int, msgspec.Meta(ge=0)] = 0  # of the roster then: later grants are not replaced by it
    beside: bool = False  # a second node there; false: it takes the place of those that were there
    blocked: Annotated[str, msgspec.Meta(max_length=200)] = ""  # the reason; empty: not blocked
    blocked_since: Annotated[int, msgspec.Meta(ge=0)] = 0  # Unix time


class Register(msgspec.Struct, frozen=True):
    """register.toml."""

    node: Annotated[tuple[Decision, ...], msgspec.Meta(max_length=DECISIONS_MAX)] = ()


class Roster:
    """Nodes by address. Of two keys with one address the one granted first counts; the other is left out."""

    def __init__(
        self,
        judged: Judged,
        network_id: bytes,
        decisions: Iterable[Decision] = (),
        places: Sequence[Site] = (),
    ) -> None:
        self.network_id = network_id
        self.inbox_keys = judged.inbox_keys
        self.authority_keys = judged.authority_keys
        self.version = judged.version
        self.changes = judged.changes  # envelopes that count, newest first
        self.envelopes = judged.envelopes  # every paper on disk
        self._by_address = _nodes(judged, list(decisions), {site.id: site for site in places})
        self.nodes = tuple(self._by_address.values())

    def entry(self, address: bytes) -> Node | None:
        """The node at `address`, revoked or not; None when nobody here knows it."""
        return self._by_address.get(address)

    def at_site(self, site_id: str) -> list[Node]:
        """The nodes that speak for the place with this number: neither revoked nor replaced."""
        return [
            node
            for node in self.nodes
            if node.site_id == site_id and not node.revoked and not node.replaced_s
        ]


class RosterFile:
    """A roster that follows its files. A broken new version never takes the place of a good old one."""

    def __init__(self, config: InboxConfig) -> None:
        """Reads the files at once; raises ConfigError or StorageError when there is no usable roster."""
        if not config.network_id or not config.authority_keys:
            raise ConfigError(
                Text("Dit postvak heeft nog geen toelating", "This inbox has not been admitted yet"),
                Text("naober setup inbox, daarna naober enrol", "naober setup inbox, then naober enrol"),
            )
        self._paths = (config.roster_file, config.register_file, config.inbox.sites)
        self._network_id = config.network_id
        self._judge = Judge(config.authority_keys, config.network_id)
        self._stamps = self._stamps_now()
        self.roster = self._read()

    def reload_if_changed(self) -> bool:
        """Takes over what changed in the files; True when `roster` is a new one.

        Raises ConfigError or StorageError once for each broken version; `roster` stays what it was.
        """
        stamps = self._stamps_now()
        if stamps == self._stamps:
            return False
        self._stamps = stamps  # whatever goes wrong from here is told once
        self.roster = self._read()
        return True

    def _read(self) -> Roster:
        roster_file, register_file, sites_file = self._paths
        judged = self._judge.judge(Papers(roster_file).envelopes)
        return Roster(judged, self._network_id, decisions(register_file), sites.load(sites_file))

    def _stamps_now(self) -> tuple[Stamp, ...]:
        return tuple(_stamp_of(path) for path in self._paths)


def decisions(path: Path) -> tuple[Decision, ...]:
    """What register.toml says; nothing when there is none. Raises ConfigError."""
    if not path.exists():
        return ()
    found = toml.load(path, Register).node
    twice = {each.address for each in found if sum(other.address == each.address for other in found) > 1}
    if twice:
        address = show(bytes.fromhex(min(twice)))
        raise ConfigError(
            Text(f"{path}: {address} staat er twee keer in", f"{path}: {address} is there twice"),
            Text("Haal een van beide weg", "Remove one of them"),
        )
    return found


def granted_s(version: int) -> int:
    """The Unix time that a roster's version stands for: it counts minutes, and may run ahead of them."""
    return EPOCH_2025_UNIX_S + version * VERSION_S


def _nodes(judged: Judged, decided: list[Decision], places: Mapping[str, Site]) -> dict[bytes, Node]:
    by_address = {bytes.fromhex(each.address): each for each in decided}
    nodes: dict[bytes, Node] = {}
    for key in sorted(judged.grants, key=lambda key: (judged.first_versions[key], key)):
        grant = judged.grants[key]
        if grant.role != "inbox" and grant.address not in nodes:
            nodes[grant.address] = _node(grant, judged, by_address.get(grant.address), places)
    for address, since_s in _replaced(judged, nodes, by_address).items():
        nodes[address] = msgspec.structs.replace(nodes[address], replaced_s=since_s)
    return nodes


def _node(grant: Grant, judged: Judged, decision: Decision | None, places: Mapping[str, Site]) -> Node:
    revocation = judged.revocation(grant.sign_key)
    assigned = decision is not None and bool(decision.site_id)
    site_id = decision.site_id if decision is not None and assigned else grant.site_id
    place = places.get(site_id)
    granted_name = grant.site or grant.name or show(grant.address)
    name = decision.site if decision is not None and assigned else granted_name
    return Node(
        public_key=grant.sign_key,
        site=place.name if place else name or site_id,
        site_id=site_id,
        municipality=place.municipality if place else ("" if assigned else grant.municipality),
        name=grant.name,
        role=grant.role,
        version=grant.version,
        revoked=revocation is not None,
        reason=revocation.reason if revocation else "",
        blocked=decision.blocked if decision else "",
        place=place,
    )


def _replaced(
    judged: Judged, nodes: Mapping[bytes, Node], decided: Mapping[bytes, Decision]
) -> dict[bytes, int]:
    """Since when another node has the place of each; a revoked node takes nobody's."""
    since: dict[bytes, int] = {}
    for node in nodes.values():
        if node.revoked:
            continue
        grant, decision = judged.grants[node.public_key], decided.get(node.address)
        old = nodes.get(grant.replaces)
        if old is not None and old.version < grant.version and old.site_id == grant.site_id:
            since.setdefault(old.address, granted_s(grant.version))
        if decision is not None and decision.site_id and not decision.beside:
            for other in nodes.values():
                if _gives_way(other, node, decision, decided.get(other.address)):
                    since[other.address] = decision.since or 1
    return since


def _gives_way(other: Node, node: Node, decision: Decision, its_own: Decision | None) -> bool:
    """Whether `other` was at the place that was assigned to `node`, and came there before it."""
    if other is node or other.site_id != node.site_id or other.gateway:
        return False
    if its_own is not None and its_own.site_id:
        return its_own.since < decision.since
    return not decision.version or other.version <= decision.version


def _stamp_of(path: Path) -> Stamp:
    try:
        return _stamp(path.stat())
    except OSError:
        return None


def _stamp(found: stat_result) -> Stamp:
    return found.st_mtime_ns, found.st_size, found.st_ino
