"""What an authority takes back: a node's key, an inbox's, the other authority's, the radio channel's.

A revoked key never comes back. Revoking an inbox key names the next one as current; dropping the other
authority leaves only what this one signs, so whatever still holds is signed again.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from relay.errors import ConfigError, Text, TrustError
from relay.trust import authority, authority_settings, papers
from relay.trust.authority import Network, Place
from relay.trust.authority_file import Secrets, Shared
from relay.trust.authority_laptop import Laptop
from relay.trust.keys import address_of, show
from relay.trust.papers import AuthorityKeys, Change, Grant, InboxKeys, Revoke


class Renewed(NamedTuple):
    """Grants that were signed anew."""

    version: int
    grants: dict[bytes, bytes]  # by address
    missing: tuple[Grant, ...]  # machines whose request this laptop has not got


def find_key(laptop: Laptop, address: bytes) -> bytes:
    """The public key of a machine or authority with this address; raises ConfigError."""
    known = [*laptop.standing.grants, *laptop.standing.inbox_keys, *laptop.pinned]
    found = {key for key in known if address_of(key) == address}
    if len(found) != 1:
        shown = show(address)
        raise ConfigError(
            Text(f"Dit roster kent {shown} niet", f"This roster does not know {shown}"),
            Text(
                "Kijk op het label; of eerst naober authority sync",
                "Look at the label; or first naober authority sync",
            ),
        )
    return found.pop()


def revoke(laptop: Laptop, key: bytes, reason: str, secrets: Secrets, now_unix_s: float) -> Renewed:
    """Signs and keeps that `key` counts no more, and what follows from it. Returns what was signed anew.

    Raises ConfigError (our own key, a long reason), TrustError (revoked already, the only inbox).
    """
    if key == laptop.settings.authority.public.sign_key:
        raise ConfigError(
            Text("Dit is de sleutel van deze laptop zelf", "This is this laptop's own key"),
            Text("Trek hem in op de andere laptop", "Revoke it on the other laptop"),
        )
    if laptop.is_revoked(key):
        shown = show(address_of(key))
        raise TrustError(Text(f"{shown} was al ingetrokken", f"{shown} was revoked already"))
    laptop.must_be_newest()
    if len(reason.encode()) > papers.REASON_BYTES_MAX or not reason.isprintable():
        most = papers.REASON_BYTES_MAX
        raise ConfigError(
            Text(
                f"Reden is te lang of niet leesbaar (hoogstens {most} tekens)",
                f"Reason: at most {most} bytes",
            ),
            Text("Geef een korte reden, zoals gestolen", "Give a short reason, such as stolen"),
        )
    version, revoked = laptop.next_version(now_unix_s), Revoke(address_of(key), papers.key_hash(key), reason)
    if key in laptop.pinned:
        changes, renewed = _alone(laptop, secrets, version, revoked)
        laptop.keep((*changes, *renewed.grants.values()))
        authority_settings.write_other(laptop.folder, None)
        laptop.reload()
        return renewed
    what: list[Revoke | InboxKeys] = [revoked]
    if key in laptop.standing.inbox_keys:
        what.append(InboxKeys(_without(laptop, key)))
    laptop.keep([_sign(laptop, Change(version, each), secrets) for each in what])
    return Renewed(version, {}, ())


def rotate_channel(
    laptop: Laptop, passphrase: str, secrets: Secrets, now_unix_s: float
) -> tuple[Secrets, Renewed]:
    """A new channel key, and a new grant for every node that counts. Kept before it returns."""
    laptop.must_be_newest()
    shared = laptop.shared(secrets)
    version = laptop.next_version(now_unix_s)
    fresh = Shared(version, shared.ca, shared.ca_key, authority.new_channel(shared.channel))
    secrets = msgspec.structs.replace(secrets, shared=fresh)
    laptop.save_key(secrets, passphrase)
    renewed = renew(laptop, secrets, version)
    laptop.keep(renewed.grants.values())
    return secrets, renewed


def renew(laptop: Laptop, secrets: Secrets, version: int, network: Network | None = None) -> Renewed:
    """The same grants, signed anew with what is true today; nothing is kept."""
    requests, network, shared = laptop.requests(), network or laptop.network(), laptop.shared(secrets)
    grants, missing = {}, []
    for key, grant in laptop.living().items():
        request = requests.get(key)
        if request is None:
            missing.append(grant)
        elif grant.role == "inbox":
            grants[grant.address] = authority.grant_inbox(request, network, shared, secrets.signer, version)
        else:
            grants[grant.address] = authority.grant_node(
                request, place_of(grant), network, shared, secrets.signer, version
            )
    return Renewed(version, grants, tuple(missing))


def place_of(grant: Grant) -> Place:
    """For what a machine was admitted."""
    return Place(grant.role, grant.site_id, grant.site, grant.municipality, grant.name, grant.replaces)


def admit_other(laptop: Laptop, secrets: Secrets, now_unix_s: float) -> int | None:
    """Tells nodes and inbox of the other authority; the roster's number, or None when a paper did already."""
    pair = laptop.pinned
    changes = (papers.read_change(envelope, pair, laptop.network_id) for envelope in laptop.standing.changes)
    told = any(isinstance(each.what, AuthorityKeys) and set(each.what.keys) == set(pair) for each in changes)
    if len(pair) < 2 or told:
        return None
    version = laptop.next_version(now_unix_s)
    laptop.keep([_sign(laptop, Change(version, AuthorityKeys(pair)), secrets)])
    return version


def _alone(laptop: Laptop, secrets: Secrets, version: int, other: Revoke) -> tuple[list[bytes], Renewed]:
    """That only we count, and all that still holds, by us: what the other signed nobody believes any more."""
    own = secrets.public.sign_key
    network = laptop.network(only_known=True)._replace(authority_keys=(own,))  # he may have named his own
    changes: list[Revoke | InboxKeys | AuthorityKeys] = [AuthorityKeys((own,))]
    changes += [InboxKeys(network.inbox_keys)] if network.inbox_keys else []
    changes += [*laptop.standing.revoked.values(), other]
    signed = [_sign(laptop, Change(version, what), secrets) for what in changes]
    return signed, renew(laptop, secrets, version, network)


def _without(laptop: Laptop, key: bytes) -> tuple[bytes, ...]:
    left = tuple(each for each in laptop.standing.inbox_keys if each != key)
    if not left:
        raise TrustError(
            Text(
                "Dit is de enige postvaksleutel: zonder postvak wordt niets meer bevestigd",
                "This is the only inbox key: without an inbox nothing is receipted any more",
            ),
            Text(
                "Laat eerst een nieuw postvak toe (naober setup inbox, dan approve)",
                "Admit a new inbox first (naober setup inbox, then approve)",
            ),
        )
    return left


def _sign(laptop: Laptop, change: Change, secrets: Secrets) -> bytes:
    return papers.sign_change(change, secrets.signer, laptop.network_id)
