"""Whom we know: the public keys of nodes and inboxes, from a file that a technician can read.

Everything about an entry is looked up by address, but an address is never a proof: what is compared is
the whole key. Signed rosters take the place of this file later; `Roster` stays what the inbox asks.
"""

from __future__ import annotations

from os import fstat, stat_result
from pathlib import Path

import msgspec

from relay import toml
from relay.config import Name, PublicKey
from relay.errors import ConfigError, NaoberError, Text
from relay.trust.keys import address_of, show

NODES_MAX = 10_000  # the whole country is 4,500 sites

Stamp = tuple[int, int, int] | None


class Node(msgspec.Struct, frozen=True):
    """One `[[node]]` of the roster."""

    key: PublicKey  # the node's Ed25519 public key, 64 hex digits
    site: Name  # the place, as VRD calls it
    site_id: Name = ""  # the place's number in VRD's own register
    municipality: Name = ""  # GM0106, or its name
    name: Name = ""  # of the box, when a site has more than one
    revoked: bool = False  # what it signs is kept and shown apart, never acted on
    gateway: bool = False  # a node without site sensors, beside the broker

    @property
    def public_key(self) -> bytes:
        """The 32 bytes to verify with."""
        return bytes.fromhex(self.key)

    @property
    def address(self) -> bytes:
        """Where the node's envelopes come from."""
        return address_of(self.public_key)


class RosterText(msgspec.Struct, frozen=True):
    """roster.toml as it is written."""

    network_id: str = ""
    inbox_keys: tuple[PublicKey, ...] = ()
    node: tuple[Node, ...] = ()


class Roster:
    """Nodes by address. Two entries with one address, or one key twice, make a roster unusable."""

    def __init__(self, written: RosterText, path: Path) -> None:
        self.network_id = _network_id(written.network_id, path)
        self.inbox_keys = tuple(bytes.fromhex(key) for key in written.inbox_keys)
        self.nodes = written.node
        if len(self.nodes) > NODES_MAX:
            raise ConfigError(
                Text(f"{path}: meer dan {NODES_MAX} knooppunten", f"{path}: more than {NODES_MAX} nodes")
            )
        self._by_address: dict[bytes, Node] = {}
        self._add_all(path)

    @classmethod
    def parse(cls, text: str, path: Path) -> Roster:
        """A roster from a text that is (or will be) at `path`; raises ConfigError."""
        return cls(toml.parse(text, RosterText, path), path)

    @classmethod
    def load(cls, path: Path) -> Roster:
        """The roster at `path`; raises ConfigError, saying file and entry."""
        return cls.parse(toml.read_text(path), path)

    def entry(self, address: bytes) -> Node | None:
        """The node at `address`, revoked or not; None when nobody here knows it."""
        return self._by_address.get(address)

    def at_site(self, site: str) -> list[Node]:
        """The nodes at `site` that are not revoked."""
        return [node for node in self.nodes if node.site == site and not node.revoked]

    def _add_all(self, path: Path) -> None:
        seen = {address_of(key): f"inbox_keys {number}" for number, key in enumerate(self.inbox_keys, 1)}
        if len(seen) < len(self.inbox_keys):
            raise ConfigError(
                Text(f"{path}: inbox_keys noemt een sleutel twee keer", f"{path}: inbox_keys repeats a key")
            )
        for number, node in enumerate(self.nodes, 1):
            here = f"[[node]] {number}"
            if not node.site.strip():
                raise ConfigError(
                    Text(f"{path}: {here} heeft geen site", f"{path}: {here} has no site"),
                    Text("Geef de naam van de plaats", "Give the name of the place"),
                )
            address = node.address
            if address in seen:
                raise _taken(path, here, node, seen[address], self._by_address.get(address))
            seen[address] = f"{here} ({node.site})"
            self._by_address[address] = node


class RosterFile:
    """A roster that follows its file. A broken new version never takes the place of a good old one."""

    def __init__(self, path: Path) -> None:
        """Reads `path` at once; raises ConfigError when there is no usable roster to start from."""
        self.path = path
        self._stamp, text = _read(path)
        self.roster = Roster.parse(text, path)

    def reload_if_changed(self) -> bool:
        """Takes over what changed in the file; True when `roster` is a new one.

        Raises ConfigError once for each broken version of the file; `roster` stays what it was.
        """
        if _stamp_of(self.path) == self._stamp:
            return False
        self._stamp = None  # whatever goes wrong from here is told once
        try:
            self._stamp, text = _read(self.path)
        except NaoberError:
            self._stamp = _stamp_of(self.path)
            raise
        self.roster = Roster.parse(text, self.path)
        return True


def _read(path: Path) -> tuple[Stamp, str]:
    """A file's text and the stamp of exactly that text."""
    try:
        with path.open("rb") as file:
            stamp = _stamp(fstat(file.fileno()))
            return stamp, toml.decode(file.read(toml.FILE_BYTES_MAX + 1), path)
    except OSError:
        return None, toml.read_text(path)  # says what is the matter


def _stamp_of(path: Path) -> Stamp:
    try:
        return _stamp(path.stat())
    except OSError:
        return None


def _stamp(found: stat_result) -> Stamp:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _network_id(text: str, path: Path) -> bytes:
    try:
        network_id = bytes.fromhex(text)
    except ValueError:
        network_id = b""
    if len(network_id) != 8 or len(text) != 16:
        raise ConfigError(
            Text(f"{path}: network_id past niet", f"{path}: network_id does not fit"),
            Text(
                "Geef 16 tekens 0-9 en a-f, zoals in inbox.toml",
                "Give 16 characters 0-9 and a-f, as in inbox.toml",
            ),
        )
    return network_id


def _taken(path: Path, here: str, node: Node, other: str, holder: Node | None) -> ConfigError:
    address = show(node.address)
    if holder is not None and holder.public_key == node.public_key:
        return ConfigError(
            Text(
                f"{path}: {here} heeft dezelfde sleutel als {other}", f"{path}: {here} has the key of {other}"
            ),
            Text("Haal een van beide weg", "Remove one of them"),
        )
    return ConfigError(
        Text(
            f"{path}: {here}: adres {address} is al van {other}",
            f"{path}: {here}: address {address} is that of {other}",
        ),
        Text("Laat dit knooppunt een nieuwe sleutel maken", "Let this node make a new key"),
    )
