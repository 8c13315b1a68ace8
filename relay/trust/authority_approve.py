"""From requests to grants: what was asked, for which place, and all of it signed in one go.

First everything is read and judged (`gather`), then a person decides on places (`Plan`), then one passphrase
signs the lot (`sign`). A request is refused by itself, with its reason; the others go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from relay.errors import ConfigError, NaoberError, Text, TrustError, WireError
from relay.trust import authority, papers
from relay.trust.authority import Place
from relay.trust.authority_file import Secrets
from relay.trust.authority_laptop import Laptop
from relay.trust.authority_revoke import place_of
from relay.trust.keys import address_of, show
from relay.trust.papers import Change, Grant, InboxKeys, Request
from relay.trust.sites import Site
from relay.trust.stick import ADDRESS_NAME, REQUESTS, Stick

REQUESTS_AT_ONCE_MAX = 1000


class Asked(NamedTuple):
    """A request that may be granted."""

    request: Request
    envelope: bytes
    before: Grant | None = None  # what this very key was granted earlier, if it still counts


class Refused(NamedTuple):
    """One that may not."""

    source: str
    error: NaoberError


class Gathered(NamedTuple):
    """All that was read, in the order of addresses, the inbox first."""

    asked: list[Asked]
    refused: list[Refused]


class Signed(NamedTuple):
    """What `sign` made."""

    version: int
    grants: dict[bytes, bytes]  # by address
    places: dict[bytes, Place]


def from_stick(stick: Stick) -> list[tuple[str, bytes | NaoberError]]:
    """Name and bytes of every request on a stick, or why it could not be read."""
    found: list[tuple[str, bytes | NaoberError]] = []
    for name in stick.names(REQUESTS, ADDRESS_NAME, REQUESTS_AT_ONCE_MAX).found:
        path = f"{REQUESTS}/{name}"
        try:
            found.append((path, stick.read(path, papers.REQUEST_BYTES_MAX)))
        except NaoberError as error:
            found.append((path, error))
    return found


def gather(laptop: Laptop, sources: Iterable[tuple[str, bytes | NaoberError]]) -> Gathered:
    """Reads and judges requests; a broken, revoked or ambiguous one is refused."""
    read: dict[bytes, tuple[str, Request, bytes]] = {}
    refused = []
    for source, data in sources:
        try:
            if isinstance(data, NaoberError):
                raise data
            request = papers.read_request(data)
            read[request.sign_key] = (source, request, data)
        except WireError:
            refused.append(Refused(source, _damaged()))
        except NaoberError as error:
            refused.append(Refused(source, error))
    living = laptop.living()
    often = Counter(request.address for _, request, _ in read.values())
    asked = []
    for source, request, data in read.values():
        try:
            _judge(laptop, request, often[request.address])
            asked.append(Asked(request, data, living.get(request.sign_key)))
        except NaoberError as error:
            refused.append(Refused(source, error))
    asked.sort(key=lambda each: (each.request.role != "inbox", each.request.address))
    return Gathered(asked, refused)


def _damaged() -> TrustError:
    return TrustError(
        Text("Geen verzoek, of beschadigd", "No request, or damaged"),
        Text(
            "Laat het apparaat het opnieuw maken: sudo naober setup", "Have it made again: sudo naober setup"
        ),
    )


def _judge(laptop: Laptop, request: Request, with_this_address: int) -> None:
    shown, key = show(request.address), request.sign_key
    another = Text(
        "Nieuwe sleutel: daar sudo mv /var/lib/naober /var/lib/naober.oud, dan sudo naober setup",
        "A new key: there sudo mv /var/lib/naober /var/lib/naober.old, then sudo naober setup",
    )
    if laptop.is_revoked(key):
        raise TrustError(Text(f"Sleutel {shown} is ingetrokken", f"Key {shown} is revoked"), another)
    taken = {address_of(each) for each in (*laptop.standing.grants, *laptop.pinned) if each != key}
    if with_this_address > 1 or request.address in taken:
        raise TrustError(
            Text(
                f"Adres {shown} is er al, met een andere sleutel", f"Address {shown} is taken by another key"
            ),
            another,
        )
    before = laptop.standing.grants.get(key)
    if before is not None and (before.role == "inbox") != (request.role == "inbox"):
        raise TrustError(
            Text(
                f"{shown} was een postvak of een knooppunt en vraagt nu het andere",
                f"{shown} changed its role",
            ),
            another,
        )


class Plan:
    """Which machine gets which place."""

    def __init__(self, laptop: Laptop, asked: list[Asked]) -> None:
        """Raises ConfigError when there is no inbox yet and none is asked for, TrustError for a third one."""
        self.laptop = laptop
        self.asked = asked
        self.places: dict[bytes, Place] = {}
        self._sites = laptop.sites()
        self._living = [grant for grant in laptop.living().values() if grant.role == "node"]
        if not laptop.standing.inbox_keys and not any(each.request.role == "inbox" for each in asked):
            raise ConfigError(
                Text("Er is nog geen postvak toegelaten", "No inbox has been admitted yet"),
                Text(
                    "Eerst op de postvak-host: naober setup inbox --broker NAAM, en laat dat verzoek toe",
                    "First on the inbox host: naober setup inbox --broker NAME, and approve that request",
                ),
            )
        self._requests = laptop.requests()
        self._network = laptop.network([each.request for each in asked if each.request.role == "inbox"])

    def suggested(self, asked: Asked) -> Place | None:
        """What it had before, else the next free site of the register; None when there is none."""
        if asked.request.role == "inbox":
            return Place("inbox")
        if asked.before is not None:
            return place_of(asked.before)
        free = next((site for site in self._sites if not self.others_at(site.id, asked)), None)
        return at_site(free) if free else None

    def others_at(self, site_id: str, asked: Asked) -> list[bytes]:
        """Addresses of other nodes at a site, in the roster or in this plan."""
        there = {grant.address for grant in self._living if grant.site_id == site_id}
        for address, place in self.places.items():
            there.discard(address)
            if place.site_id == site_id and place.role == "node":
                there.add(address)
        return sorted(there - {asked.request.address})

    def find(self, words: str) -> list[Site]:
        """The sites that a person may mean by a number, a name, or a part of it."""
        wanted = words.strip().casefold()
        exact = [site for site in self._sites if wanted in (site.id.casefold(), site.name.casefold())]
        return exact or [site for site in self._sites if wanted in f"{site.id} {site.name}".casefold()]

    def put(self, asked: Asked, place: Place) -> None:
        """Decides."""
        self.places[asked.request.address] = place

    def is_current(self, asked: Asked, shared_version: int) -> bool:
        """Whether its newest grant says all that a new one for the same place would say."""
        before, network = asked.before, self._network
        if before is None or before.version < shared_version:
            return False
        named = (before.authority_keys, before.inbox_keys, before.brokers, before.broker_keys)
        wanted = (network.authority_keys, network.inbox_keys, network.brokers, network.broker_keys)
        return named == wanted and self._requests.get(before.sign_key) == asked.request

    def sign(self, secrets: Secrets, now_unix_s: float) -> Signed:
        """Signs a grant for each that was put somewhere, and keeps all of it on this laptop.

        Raises TrustError (an older roster, no shared keys), WireError (a grant that will not fit).
        """
        laptop = self.laptop
        laptop.must_be_newest()
        shared, version, network = laptop.shared(secrets), laptop.next_version(now_unix_s), self._network
        grants, kept = {}, []
        for each in self.asked:
            place = self.places.get(each.request.address)
            if place is None:
                continue
            if place.role == "inbox":
                made = authority.grant_inbox(each.request, network, shared, secrets.signer, version)
            else:
                made = authority.grant_node(each.request, place, network, shared, secrets.signer, version)
            grants[each.request.address] = made
            kept.append((each.request, each.envelope))
        changes = []
        if laptop.standing.inbox_keys and network.inbox_keys != tuple(laptop.standing.inbox_keys):
            change = Change(version, InboxKeys(network.inbox_keys))
            changes.append(papers.sign_change(change, secrets.signer, laptop.network_id))
        laptop.keep((*grants.values(), *changes), kept)
        return Signed(version, grants, dict(self.places))


def at_site(site: Site, *, replaces: bytes = b"", name: str = "") -> Place:
    """A node's place at a site of the register."""
    return Place("node", site.id, site.name, site.municipality, name, replaces)
