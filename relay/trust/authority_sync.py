"""Two laptops, one roster: what each has goes to the other by a stick, or by its folder when it is at hand.

Papers are merged as a union of what our authorities signed. Requests go along, so that either laptop can sign
anew what the other admitted; so do the shared secrets, sealed to the other (authority_share). A laptop that
meets the other for the first time keeps its keys only after people compared the control number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from relay import files, toml
from relay.errors import ConfigError, NaoberError, StorageError, Text, TrustError
from relay.trust import authority_settings, authority_share, papers, sites
from relay.trust.authority import pin_of
from relay.trust.authority_file import Secrets
from relay.trust.authority_init import introductions, own_introduction
from relay.trust.authority_laptop import Laptop
from relay.trust.authority_revoke import admit_other
from relay.trust.authority_share import SEALED_BYTES_MAX, SEALED_SUFFIX, Introduction
from relay.trust.keys import address_text
from relay.trust.papers import Grant, Request
from relay.trust.roster_file import encode
from relay.trust.stick import ADDRESS_NAME, REQUESTS, ROSTER, Stick, read_file

EXCHANGE = authority_share.FOLDER
EXCHANGED_REQUESTS = f"{EXCHANGE}-{REQUESTS}"  # apart from those that wait to be granted


class Synced(NamedTuple):
    """What came of it."""

    version: int
    taken: int  # papers that were new here
    strange: int  # papers there that none of our authorities signed
    met: str  # name of an authority that was met for the first time; empty: none
    shared: bool  # whether newer shared secrets came in
    sites: bool  # whether its register of sites is another one than ours


def sync(
    laptop: Laptop,
    where: Path,
    secrets: Secrets,
    passphrase: str,
    agree: Callable[[Introduction], bool],
    now_unix_s: float,
) -> Synced:
    """Merges both ways with a stick, or the other laptop's folder; kept on both before it returns.

    `agree` asks whether the other's screen shows this control number. Raises StorageError for
    what cannot be read, TrustError for sealed secrets that are not by the other laptop.
    """
    stick = Stick(where)
    other = Laptop(where) if (where / authority_settings.FILE_NAME).is_file() else None
    met = _meet(laptop, [*introductions(stick), *([own_introduction(other)] if other else [])], agree)
    genuine, strange = laptop.read_stick(stick)
    if other is not None:
        genuine += [each for each in other.papers.envelopes if laptop.is_genuine(each)]
    before = len(laptop.papers.envelopes)
    laptop.keep(genuine)
    taken = len(laptop.papers.envelopes) - before
    laptop.keep((), _new_requests(laptop, _requests(stick, other)))
    secrets, shared = _open_shared(laptop, stick, secrets, passphrase)
    if secrets.shared is not None and laptop.is_newest:
        admit_other(laptop, secrets, now_unix_s)
    sites_differ = _sites(laptop, stick, other)
    _give(laptop, stick, secrets)
    if other is not None:
        other.keep(laptop.papers.envelopes, laptop.request_files())
    return Synced(laptop.standing.version, taken, strange, met, shared, sites_differ)


def _meet(laptop: Laptop, there: list[Introduction], agree: Callable[[Introduction], bool]) -> str:
    """Pins the other authority, when there is none yet and people agree; its name, or nothing."""
    if laptop.settings.other:
        return ""
    own = laptop.settings.authority
    for each in there:
        ours = each.network_id == laptop.network_id and not laptop.is_revoked(each.sign_key)
        if ours and each.sign_key != own.public.sign_key:
            if each.name == own.name or not agree(each):
                raise TrustError(
                    Text(
                        f"{each.name} is niet overgenomen; er is niets gewijzigd",
                        f"{each.name} was not taken over; nothing has changed",
                    ),
                    Text(
                        "Vergelijk de controlegetallen van beide laptops en herhaal dit",
                        "Compare the control numbers of both laptops and repeat this",
                    ),
                )
            authority_settings.write_other(laptop.folder, each)
            laptop.reload()
            return each.name
    return ""


def _requests(stick: Stick, other: Laptop | None) -> Iterator[tuple[Request, bytes]]:
    if other is not None:
        yield from other.request_files()
    for folder in (EXCHANGED_REQUESTS, REQUESTS):
        for name in stick.names(folder, ADDRESS_NAME).found:
            try:
                data = stick.read(f"{folder}/{name}", papers.REQUEST_BYTES_MAX)
                yield papers.read_request(data), data
            except NaoberError:
                continue


def _new_requests(laptop: Laptop, there: Iterator[tuple[Request, bytes]]) -> list[tuple[Request, bytes]]:
    """Those that a grant answered, and that this laptop has not got."""
    known, grants = laptop.requests(), laptop.standing.grants
    found = []
    for request, data in there:
        grant, ours = grants.get(request.sign_key), known.get(request.sign_key)
        if grant is None or not _fits(request, grant) or (ours is not None and _fits(ours, grant)):
            continue
        found.append((request, data))
    return found


def _fits(request: Request, grant: Grant) -> bool:
    """Whether this is the request that was approved, and not a later one by whoever holds its key."""
    from relay.trust import chain

    certificate = chain.certificate_der(grant.certificate, "grant")
    if chain.key_of_certificate(certificate)[-len(request.tls_key) :] != request.tls_key:
        return False
    if request.role != "inbox":
        return grant.role != "inbox"
    broker = (request.broker, request.port) in grant.brokers
    return grant.role == "inbox" and broker and pin_of(request.broker_key) in grant.broker_keys


def _open_shared(laptop: Laptop, stick: Stick, secrets: Secrets, passphrase: str) -> tuple[Secrets, bool]:
    """Takes newer shared secrets that the other sealed for us, into the closed file."""
    other = laptop.settings.other
    name = f"{EXCHANGE}/{laptop.settings.authority.name}{SEALED_SUFFIX}"
    if not other:
        return secrets, False
    try:
        sealed = stick.read(name, SEALED_BYTES_MAX)
    except StorageError as error:
        if error.code == "missing":
            return secrets, False
        raise
    shared = authority_share.open_shared(sealed, secrets, other.public.seal_key)
    if secrets.shared is not None and shared.version <= secrets.shared.version:
        return secrets, False
    secrets = msgspec.structs.replace(secrets, shared=shared)
    laptop.save_key(secrets, passphrase)
    return secrets, True


def _sites(laptop: Laptop, stick: Stick, other: Laptop | None) -> bool:
    """Takes the register of sites when ours is empty; whether the other's differs. A person decides then."""
    path = laptop.folder / sites.FILE_NAME
    try:
        text = (
            stick.read(f"{EXCHANGE}/{sites.FILE_NAME}", toml.FILE_BYTES_MAX)
            if other is None
            else read_file(other.folder / sites.FILE_NAME, toml.FILE_BYTES_MAX)
        )
    except StorageError as error:
        if error.code == "missing":
            return False
        raise
    ours = laptop.sites()
    try:
        theirs = sites.parse(toml.decode(text, path), path)
    except ConfigError:
        return True  # no reason not to merge the rest
    if theirs and not ours:
        files.replace(path, text)
        return False
    return bool(theirs) and theirs != ours


def _give(laptop: Laptop, stick: Stick, secrets: Secrets) -> None:
    """All that the other laptop needs from this one."""
    own, other = laptop.settings.authority, laptop.settings.other
    stick.write(f"{EXCHANGE}/{own.name}", authority_share.introduction_bytes(own_introduction(laptop)))
    if other and secrets.shared is not None:
        sealed = authority_share.seal_shared(secrets.shared, secrets, other.public.seal_key)
        stick.write(f"{EXCHANGE}/{other.name}{SEALED_SUFFIX}", sealed)
    for request, data in laptop.request_files():
        stick.write(f"{EXCHANGED_REQUESTS}/{address_text(request.address)}", data)
    if laptop.sites():
        stick.write(f"{EXCHANGE}/{sites.FILE_NAME}", (laptop.folder / sites.FILE_NAME).read_bytes())
    stick.write(ROSTER, encode(laptop.papers.envelopes))
