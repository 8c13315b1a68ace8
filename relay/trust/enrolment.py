"""A grant comes to the machine that asked for it: is it whole, by whom we believe, for us, and the newest?

Everything is judged before anything is changed. Source: trust design, "Files on a node"; experience, E02.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from relay.errors import KeyFileError, StorageError, Text, TrustError, WireError
from relay.trust import chain, keys, papers
from relay.trust.judging import admitted, judge
from relay.trust.papers import Grant, Revoke
from relay.trust.roster_file import CHANGES_BYTES_MAX, NAME, Papers

GRANT_FILE, INBOX_GRANT_FILE = "grant", "inbox-grant"  # apart: a gateway may share the inbox's folder
CODE_REFUSED = "E02"

_ASK_AGAIN = Text(
    "Er is niets gewijzigd. Haal de toelating opnieuw: naober authority approve",
    "Nothing was changed. Fetch the grant again: naober authority approve",
)


class Known(NamedTuple):
    """What this machine knows before it looks at a grant."""

    public_key: bytes  # its own
    authority_keys: tuple[bytes, ...]  # pinned; none on a machine that was never enrolled
    network_id: bytes
    grant_file: Path  # the grant applied last
    roster_file: Path


def judged(envelope: bytes, known: Known, roster: Iterable[bytes] = ()) -> Grant:
    """The grant, when it may be applied here; raises TrustError, with what to do, when it may not.

    `roster`: papers that came along with it.
    """
    everything = held = Papers(known.roster_file).envelopes
    if known.authority_keys:
        everything |= admitted(held, roster, known.authority_keys, known.network_id)
    else:
        everything |= frozenset(roster)
    in_force: tuple[bytes, ...] = ()
    try:
        if known.authority_keys:
            in_force = judge(everything, known.authority_keys, known.network_id).authority_keys
            grant = papers.read_grant(envelope, in_force, known.network_id)
        else:
            grant = papers.read_first_grant(envelope)
    except WireError as error:
        raise TrustError(
            Text("Deze toelating is beschadigd, of geen toelating", "This grant is damaged, or is none"),
            _ASK_AGAIN,
        ) from error
    except TrustError as error:
        raise _of_another_authority() from error
    _must_be_ours(grant, known.public_key)
    authorities = known.authority_keys or grant.authority_keys
    _must_not_be_revoked(judge(everything, authorities, grant.network_id).revocation(grant.sign_key))
    if not in_force or _is_by(applied_envelope(known.grant_file), in_force, grant.network_id):
        _must_be_newest(grant, envelope, known.grant_file)
    return grant


def keep(grant: Grant, state: Path, roster: Iterable[bytes], also: Iterable[bytes] = ()) -> None:
    """Puts what counts of a roster into this machine's own; a node keeps changes only. StorageError."""
    is_inbox = grant.role == "inbox"
    own = Papers(state / NAME) if is_inbox else Papers(state / NAME, CHANGES_BYTES_MAX)
    good = admitted(own.envelopes, (*roster, *also), grant.authority_keys, grant.network_id)
    found = judge(own.envelopes | good, grant.authority_keys, grant.network_id)
    own.add(good.intersection(found.counting if is_inbox else found.changes))
    own.save()


def applied(path: Path) -> Grant | None:
    """The grant that was applied last on this machine; None when none was, or it can't be read any more."""
    envelope = applied_envelope(path)
    try:
        return papers.read_first_grant(envelope) if envelope else None
    except (WireError, TrustError):
        return None


def applied_envelope(path: Path) -> bytes:
    """As it was signed; empty when there is none. Raises StorageError."""
    try:
        with path.open("rb") as file:
            return file.read(papers.GRANT_BYTES_MAX)
    except FileNotFoundError:
        return b""
    except OSError as error:
        what = Text(f"Kan niet lezen: {path}: {error.strerror}", f"Cannot read {path}: {error.strerror}")
        raise StorageError(what, Text("Herhaal dit met sudo", "Repeat with sudo"), code="denied") from error


def must_fit_key(certificate_der: bytes, ca_der: bytes, key_file: Path, name: str) -> None:
    """Raises TrustError unless a certificate of the grant is by its authority, for our key, in our name."""
    authority = chain.certificate_der(ca_der, "ca")
    found = chain.certificate_der(certificate_der, "certificate")
    if chain.key_of_certificate(found) != chain.key_of_private(keys.read_private(key_file), str(key_file)):
        raise KeyFileError(
            Text(
                f"Het certificaat hoort niet bij {key_file}", f"The certificate does not belong to {key_file}"
            ),
            Text("Doe een nieuw verzoek (naober setup)", "Make a new request (naober setup)"),
        )
    if not chain.issued_by(found, authority) or chain.common_name(found) != name:
        raise TrustError(
            Text("Het certificaat in deze toelating klopt niet", "The certificate in this grant is wrong"),
            _ASK_AGAIN,
        )


def _of_another_authority() -> TrustError:
    return TrustError(
        Text(
            "Deze toelating is niet van een gezag dat dit apparaat kent",
            "This grant is by no authority that this machine knows",
        ),
        Text(
            "Er is niets gewijzigd. Hoort dit apparaat nu bij een ander netwerk: naober enrol --replace",
            "Nothing was changed. If this machine moves to another network: naober enrol --replace",
        ),
    )


def _must_be_ours(grant: Grant, public_key: bytes) -> None:
    if grant.sign_key == public_key:
        return
    ours, theirs = keys.show(keys.address_of(public_key)), keys.show(grant.address)
    raise TrustError(
        Text(
            f"Deze toelating is voor {theirs}; dit is {ours}", f"This grant is for {theirs}; this is {ours}"
        ),
        Text(
            "Er is niets gewijzigd. Neem de toelating die bij dit apparaat hoort",
            "Nothing was changed. Take the grant that belongs to this machine",
        ),
    )


def _must_not_be_revoked(revocation: Revoke | None) -> None:
    if revocation is not None:
        reason = f": {revocation.reason}" if revocation.reason else ""
        raise TrustError(
            Text(f"{CODE_REFUSED} Sleutel ingetrokken{reason}", f"{CODE_REFUSED} Key revoked{reason}"),
            Text("Lever dit apparaat in bij VRD", "Hand this machine in at VRD"),
        )


def _is_by(envelope: bytes, authorities: tuple[bytes, ...], network_id: bytes) -> bool:
    """Whether one of them signed it: what a dropped authority granted stands in nobody's way."""
    try:
        papers.signer_of(envelope, authorities, network_id)
    except (WireError, TrustError):
        return False
    return True


def _must_be_newest(grant: Grant, envelope: bytes, grant_file: Path) -> None:
    before = applied(grant_file)
    if before is None or applied_envelope(grant_file) == envelope or before.network_id != grant.network_id:
        return
    if grant.version <= before.version:
        raise TrustError(
            Text(
                f"Toelating van roster {grant.version} is niet nieuwer dan die van nu ({before.version})",
                f"A grant of roster {grant.version} is not newer than the present one ({before.version})",
            ),
            Text(
                "Er is niets gewijzigd. Neem de nieuwste stick, of laat opnieuw goedkeuren",
                "Nothing was changed. Take the newest stick, or have it approved again",
            ),
        )
